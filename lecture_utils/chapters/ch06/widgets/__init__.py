"""The widgets of chapter 06, one a file."""
