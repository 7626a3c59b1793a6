"""Data that needs no download: the toy world, the bundled photographs and the handwritten digits."""
