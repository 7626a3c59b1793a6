"""Chapter 16: the exercises of parts a (noise and back) and b (a sentence becomes a picture), and the lab."""

from lecture_utils.chapters.ch16.lab import LAB
from lecture_utils.chapters.ch16.tasks import (
    ancestral,
    guidance,
    implicit,
    latent,
    nearest,
    noising,
    places,
    rotation,
    sphere,
    training,
)

__all__ = ["EXERCISES", "LAB"]

NOISE = (noising, training, ancestral, implicit, rotation, guidance)
SENTENCE = (latent, places, sphere, nearest)
EXERCISES = [task.EXERCISE for task in (*NOISE, *SENTENCE)]
