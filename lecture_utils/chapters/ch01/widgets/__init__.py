"""The widgets of chapter 01, one a file."""
