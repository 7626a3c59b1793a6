"""Chapter 15: the exercises of part a (likelihood and latent) and part b (a game of two), and the lab."""

from lecture_utils.chapters.ch15.lab import LAB
from lecture_utils.chapters.ch15.tasks import (
    bits,
    distance,
    field,
    importance,
    latent,
    losses,
    mask,
    paired,
    sampling,
    unpaired,
)

__all__ = ["EXERCISES", "LAB"]

LATENT = (mask, bits, sampling, latent, importance)
GAME = (losses, distance, field, paired, unpaired)
EXERCISES = [task.EXERCISE for task in (*LATENT, *GAME)]
