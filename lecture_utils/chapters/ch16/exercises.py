"""Chapter 16: the exercises of part a (noise and back) and of part b (a sentence becomes a picture)."""

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

__all__ = ["EXERCISES"]

NOISE = (noising, training, ancestral, implicit, rotation, guidance)
SENTENCE = (latent, places, sphere, nearest)
EXERCISES = [task.EXERCISE for task in (*NOISE, *SENTENCE)]
