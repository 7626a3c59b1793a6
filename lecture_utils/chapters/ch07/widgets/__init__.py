"""The widgets of chapter 07, one a file."""
