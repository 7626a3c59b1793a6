"""Chapter 15: the exercises of part a (likelihood and latent) and part b (a game of two), and the lab."""

from lecture_utils.chapters.ch15.tasks import bits, importance, latent, mask, sampling

__all__ = ["EXERCISES"]

LATENT = (mask, bits, sampling, latent, importance)
EXERCISES = [task.EXERCISE for task in LATENT]
