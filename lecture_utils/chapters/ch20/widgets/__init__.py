"""The widgets of chapter 20, one a file."""
