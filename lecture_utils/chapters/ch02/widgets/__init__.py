"""The widgets of chapter 02, one a file."""
