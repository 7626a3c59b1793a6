"""The widgets of chapter 00, one a file."""
