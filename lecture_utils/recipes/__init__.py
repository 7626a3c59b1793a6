"""Recipes: how each shipped weight file was trained, one module a file: `build`, `train`, `evaluate`."""
