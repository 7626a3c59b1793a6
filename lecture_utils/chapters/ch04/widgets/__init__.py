"""The widgets of chapter 04, one a file."""
