"""Chapter 20: people in three dimensions."""
