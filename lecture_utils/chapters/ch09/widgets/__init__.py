"""The widgets of chapter 09, one a file."""
