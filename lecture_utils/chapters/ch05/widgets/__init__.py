"""The widgets of chapter 05, one a file."""
