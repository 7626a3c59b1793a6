"""The widgets of chapter 18, one a file."""
