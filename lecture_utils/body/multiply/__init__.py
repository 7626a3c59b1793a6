"""MultiPly (S20.6): several people from one video; avatar, layers, prompts, refinement, confidence, fit."""
