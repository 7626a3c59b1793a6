"""Blocks that several systems share: normalisation layers, initialisation."""
