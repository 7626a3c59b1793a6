"""Chapter 16: one widget a file."""
