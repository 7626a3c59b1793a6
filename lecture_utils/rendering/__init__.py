"""Rendering: pictures from scenes that are learned by rendering them."""
