"""Chapter 01: convolutional networks."""
