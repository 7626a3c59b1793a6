"""Chapter 14: models that see and speak."""
