"""Chapter 03: learning without labels."""
