"""Chapter 04: looking inside networks."""
