"""Data augmentation: pictures changed together with their annotations (chapter 05)."""
