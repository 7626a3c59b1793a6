"""Chapter 00: what an image is."""
