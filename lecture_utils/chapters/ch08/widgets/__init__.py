"""The widgets of chapter 08, one a file."""
