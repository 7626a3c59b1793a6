"""Diffusion models: noise added step by step, and networks that take it away (chapters 16 and 17)."""
