"""Segmentation: a class, or an object, for every pixel."""
