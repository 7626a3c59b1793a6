"""Models that make images (chapters 04, 15 to 17)."""
