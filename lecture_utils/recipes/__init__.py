"""Recipes: how each shipped weight file was trained. One module a file, with `build`, `train` and `evaluate`."""
