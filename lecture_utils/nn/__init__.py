"""Blocks that several systems share: attention, transformer layers, normalisation, initialisation."""
