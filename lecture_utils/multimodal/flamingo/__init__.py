"""Flamingo (S14.3): a frozen eye and a frozen language model, and what is learned between them."""
