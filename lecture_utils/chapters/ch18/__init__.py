"""Chapter 18: understanding three dimensions."""
