"""Weights that others trained: loaded from a cache, or downloaded where the learner allows it."""
