"""Several senses at once: words, sounds and pictures as data, and models that bring them together (13, 14)."""
