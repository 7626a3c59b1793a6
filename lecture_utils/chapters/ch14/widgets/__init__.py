"""Chapter 14: one widget a file."""
