"""The vocabulary of the toy world: what can stand in a scene, and which combinations are held out."""

import numpy as np

CLASSES = ("ball", "square", "triangle", "star", "heart", "cross", "ring", "capsule")
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
MATERIALS = ("plain", "striped", "checked", "dotted")
STUFF = ("sky", "grass", "water", "sand")
SPLITS = ("train", "val", "test")

# sRGB in [0, 1]; far apart in CIELAB and unlike any of the stuff.
COLOUR_RGB = np.array(
    [
        [0.83, 0.13, 0.16],
        [0.95, 0.50, 0.10],
        [0.97, 0.82, 0.18],
        [0.07, 0.55, 0.27],
        [0.12, 0.74, 0.76],
        [0.16, 0.30, 0.80],
        [0.50, 0.22, 0.66],
        [0.96, 0.56, 0.72],
    ]
)

# Each class lacks two colours in ordinary scenes, and each colour two classes; the held-out set has only
# these 16 pairs.
HELD_OUT = tuple(sorted((c, (3 * c + shift) % len(COLOURS)) for c in range(len(CLASSES)) for shift in (2, 5)))

# Ids of the semantic map: stuff first, then the classes of things.
SEMANTIC = STUFF + CLASSES

KEYPOINTS = {
    "ball": ("centre", "top", "right", "bottom", "left"),
    "square": ("centre", "top left", "top right", "bottom right", "bottom left"),
    "triangle": ("centre", "apex", "bottom right", "base", "bottom left"),
    "star": ("top tip", "right tip", "lower right tip", "lower left tip", "left tip"),
    "heart": ("centre", "cleft", "right lobe", "point", "left lobe"),
    "cross": ("centre", "top arm", "right arm", "bottom arm", "left arm"),
    "ring": ("top", "upper right", "lower right", "lower left", "upper left"),
    "capsule": ("centre", "right end", "right half", "left half", "left end"),
}

# The camera: pinhole, level, focal length one image width, this many metres above flat ground.
CAMERA_HEIGHT_M = 1.5
SKY_DEPTH_M = 100.0
