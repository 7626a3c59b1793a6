"""The widgets of chapter 03, one a file."""
