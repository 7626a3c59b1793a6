"""Toy faces: persons, their pictures, landmarks and masks, and the voices that go with them."""

from lecture_utils.data.toyworld.faces.names import (
    BEARDS,
    EYES,
    GLASSES,
    HAIR_STYLES,
    HAIRS,
    LANDMARKS,
    MIRRORED,
    PARTS,
    SKINS,
)
from lecture_utils.data.toyworld.faces.render import FaceSample, render_faces
from lecture_utils.data.toyworld.faces.sampling import retaken, sample_faces
from lecture_utils.data.toyworld.faces.scene import Faces, canonical
from lecture_utils.data.toyworld.faces.speakers import Speakers, sample_speakers

__all__ = [
    "BEARDS",
    "EYES",
    "GLASSES",
    "HAIRS",
    "HAIR_STYLES",
    "LANDMARKS",
    "MIRRORED",
    "PARTS",
    "SKINS",
    "FaceSample",
    "Faces",
    "Speakers",
    "canonical",
    "render_faces",
    "retaken",
    "sample_faces",
    "sample_speakers",
]
