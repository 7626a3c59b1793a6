"""Persons: what of a face does not change from picture to picture, drawn from age, sex and body size.

Anatomy goes with age, sex and body size by rounded figures (means and spreads as surveys of adults' heads
give them; children's growth interpolated). Skin, hair, eyes, glasses and clothes hang on none of these: hair
is as often grey at ten as at seventy, so that what a voice can tell (`speakers`) has a clean control.
"""

import math

import numpy as np

from lecture_utils.data.toyworld.faces.names import (
    BEARDS,
    CLOTHES_RGB,
    EYE_RGB,
    EYES,
    GLASSES,
    HAIR_RGB,
    HAIR_STYLES,
    HAIRS,
    SKIN_RGB,
    SKINS,
)
from lecture_utils.data.toyworld.hashing import between, pick, uniform

CHILDREN = 0.25  # share of persons from 6 to 15; the others are 16 to 80
GROWN = ((6, 10, 14, 18), (0.655, 0.78, 0.93, 1.0))  # age, share of the adult height
HEIGHT_M = (1.64, 1.77, 0.06)  # women's mean, men's mean, standard deviation within either
BEARDED = 0.55  # share of men with some beard


def normal(key: np.ndarray, name: str) -> np.ndarray:
    """Standard normal numbers (N,) by Box and Muller, cut at 2.5."""
    a, b = uniform(key, name, 2).T
    return (np.sqrt(-2 * np.log1p(-a)) * np.cos(2 * math.pi * b)).clip(-2.5, 2.5)


def draw_persons(key: np.ndarray) -> dict[str, np.ndarray]:
    """Draw N persons.

    Parameters
    ----------
    key : (N,) uint64
        The persons' keys.

    Returns
    -------
    dict
        `Faces`' fields from age to glasses, float64 and int64.
    """
    child = uniform(key, "child") < CHILDREN
    age = np.where(child, between(key, "young", (6, 16)), between(key, "adult", (16, 80)))
    group = (uniform(key, "sex") < 0.5).astype(float)
    masculinity = group + 0.15 * normal(key, "sex spread")
    grown = np.interp(age, *GROWN)
    woman, man, spread = HEIGHT_M
    height = grown * (woman + (man - woman) * masculinity + spread * normal(key, "height"))
    return (
        {"age": age, "height_m": height, "masculinity": masculinity}
        | _anatomy(key, age, masculinity, grown, (height / grown - 1.70) / 0.1)
        | _looks(key, age, masculinity)
    )


def _anatomy(
    key: np.ndarray, age: np.ndarray, masculinity: np.ndarray, grown: np.ndarray, tall: np.ndarray
) -> dict[str, np.ndarray]:
    """Lengths of the head in cm. `tall` is in units of 10 cm from 1.70 m, grown up."""
    adult = np.clip((age - 10) / 7, 0, 1)  # what of a man's or a woman's features has come out
    male = masculinity * adult
    skull = 0.55 + 0.45 * grown  # a child's head is nearly as large as an adult's

    def about(name: str, mean: np.ndarray | float, spread: float) -> np.ndarray:
        return mean + spread * normal(key, name)

    width = skull * about("head width", 14.3 + 0.9 * male + 0.25 * tall, 0.45)
    length = skull * about("head length", 20.9 + 1.6 * male + 0.4 * tall, 0.6) * (0.97 + 0.03 * adult)
    eye_level = about("eye level", 0.545 - 0.055 * adult, 0.008)
    below = length * (1 - eye_level)
    return {
        "head_width": width,
        "head_length": length,
        "eye_level": eye_level,
        "jaw": about("jaw", 0.30 - 0.13 * male - 0.05 * (1 - adult), 0.05),
        "squareness": about("squareness", 2.15 + 0.45 * male, 0.12),
        "cheek": about("cheek", 0.05 + 0.05 * (1 - adult), 0.03),
        "eye_distance": width * about("eye distance", 0.445, 0.018),
        "eye_size": about("eye size", 3.35 - 0.15 * male, 0.16),
        "eye_tilt": about("eye tilt", 0.04, 0.06),
        "brow_height": below * about("brow height", 0.235 - 0.035 * male, 0.012),
        "brow_thickness": about("brow thickness", 0.27 + 0.13 * male, 0.05),
        "brow_arch": about("brow arch", 0.50 - 0.22 * male, 0.10),
        "nose_length": below * about("nose length", 0.40 + 0.04 * adult, 0.02),
        "nose_width": width * about("nose width", 0.225 + 0.02 * male, 0.02),
        "mouth_width": width * about("mouth width", 0.335 + 0.015 * adult, 0.022),
        "lip_thickness": about("lips", 0.62 - 0.14 * male, 0.11),
        "ear_size": about("ear", 5.6 + 0.5 * male + 0.01 * age, 0.3) * (0.85 + 0.15 * adult),
        "wrinkles": np.clip((age - 28) / 45 + 0.10 * normal(key, "wrinkles"), 0, 1),
    }


def _looks(key: np.ndarray, age: np.ndarray, masculinity: np.ndarray) -> dict[str, np.ndarray]:
    """Colours and styles; only the beard knows of age and sex."""

    def one_of(name: str, options: tuple[str, ...]) -> np.ndarray:
        return pick(uniform(key, name), np.arange(len(options)))

    def coloured(ids: np.ndarray, table: tuple[tuple[float, ...], ...], by: float) -> np.ndarray:
        shade = between(key, f"shade {len(table)} {by}", (1 - by, 1 + by))[:, None]
        return np.clip(np.array(table)[ids] * shade, 0.02, 0.98)

    may = (age > 17) & (masculinity > 0.5) & (uniform(key, "bearded") < BEARDED)
    kind = 1 + pick(uniform(key, "beard"), np.arange(len(BEARDS) - 1))
    worn = uniform(key, "glasses") < 0.3
    skin, hair, eye = one_of("skin", SKINS), one_of("hair", HAIRS), one_of("eye", EYES)
    return {
        "skin_id": skin,
        "hair_id": hair,
        "eye_id": eye,
        "skin": coloured(skin, SKIN_RGB, 0.05),
        "hair": coloured(hair, HAIR_RGB, 0.10),
        "eye": coloured(eye, EYE_RGB, 0.12),
        "clothes": np.array(CLOTHES_RGB)[pick(uniform(key, "clothes"), np.arange(len(CLOTHES_RGB)))],
        "hair_style": one_of("hair style", HAIR_STYLES),
        "beard": np.where(may, kind, 0),
        "glasses": np.where(worn, 1 + one_of("frame", GLASSES[1:]), 0),
    }
