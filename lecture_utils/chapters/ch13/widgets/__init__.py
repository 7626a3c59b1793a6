"""Chapter 13: one widget a file."""
