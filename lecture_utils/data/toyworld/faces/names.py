"""The vocabulary of toy faces: landmarks, parts, styles and colours.

Left and right are the person's own, as in COCO: the left eye is on the right of a picture.
"""

_SIDED = (
    "temple", "cheek", "jaw",
    "inner brow", "middle brow", "outer brow",
    "inner eye corner", "outer eye corner", "upper lid", "lower lid", "pupil",
    "nose wing", "mouth corner",
)  # fmt: skip
_MIDDLE = ("crown", "chin", "nose bridge", "nose tip", "upper lip", "lower lip")
LANDMARKS = (
    *(f"{side} {name}" for side in ("right", "left") for name in _SIDED),
    *_MIDDLE,
)  # 32
# Where each landmark goes when a picture is mirrored.
MIRRORED = tuple(
    LANDMARKS.index(
        name.replace("right", "left", 1) if name.startswith("right") else name.replace("left", "right", 1)
    )
    for name in LANDMARKS
)

PARTS = (
    "background", "clothes", "neck", "ear", "skin", "nose", "beard",
    "lips", "mouth", "eye", "brow", "hair", "glasses",
)  # fmt: skip

HAIR_STYLES = ("bald", "short", "side part", "fringe", "curly", "long", "bun")
BEARDS = ("none", "stubble", "moustache", "goatee", "full beard")
GLASSES = ("none", "round", "square")
BACKDROPS = ("plain", "stripes", "lights", "window")

# sRGB in [0, 1].
SKINS = ("deep", "brown", "olive", "fair", "pale")
SKIN_RGB = (
    (0.38, 0.24, 0.17),
    (0.58, 0.39, 0.28),
    (0.78, 0.58, 0.44),
    (0.90, 0.71, 0.59),
    (0.97, 0.83, 0.75),
)
HAIRS = ("black", "brown", "red", "blond", "grey")
HAIR_RGB = (
    (0.10, 0.08, 0.08),
    (0.36, 0.21, 0.12),
    (0.62, 0.26, 0.11),
    (0.86, 0.68, 0.36),
    (0.70, 0.69, 0.70),
)
EYES = ("brown", "blue", "green", "grey")
EYE_RGB = ((0.36, 0.21, 0.10), (0.20, 0.45, 0.75), (0.28, 0.52, 0.26), (0.47, 0.52, 0.56))
CLOTHES_RGB = (
    (0.20, 0.28, 0.46), (0.62, 0.20, 0.22), (0.24, 0.42, 0.34), (0.86, 0.84, 0.80),
    (0.22, 0.22, 0.24), (0.80, 0.60, 0.24), (0.48, 0.34, 0.56), (0.44, 0.60, 0.70),
)  # fmt: skip
