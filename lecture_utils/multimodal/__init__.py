"""Several senses at once: words, sounds and pictures as data, and models that join them (chapters 13, 14)."""
