"""Chapter 15: one widget a file."""
