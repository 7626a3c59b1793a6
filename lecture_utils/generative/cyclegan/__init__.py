"""CycleGAN: translation between two domains of pictures of which no two belong together (S15.6)."""
