"""Chapter 20's lab: the joints of a man in a photograph, clicked by hand.

The picture is scikit-image's "camera" (photograph by L. Varshney, CC0): a man bends to a camera on a
tripod. We clicked on it enlarged four times, brightened, with a grid of 20 pixels over it, once, before any
fit was run, and have moved nothing since: `CLICKED` is what we noted, in pixels of the file, right and down.
A joint lies inside the body: we clicked the middle of the sleeve, the middle between the ears.

How sure we were, from 0 to 1: 0.9 where the joint's outline shows (elbows, the glove's cuff, the ear), 0.6 to
0.8 where cloth covers it but folds tell, 0.2 or 0.3 where we only guessed its place behind the coat or the
chest. What is outside the picture or hidden altogether, as the legs, has 0, and NaN for its pixel.

The camera that took it is not known. We say that its focal length is 1,000 pixels, about a portrait lens;
with another one the man would stand nearer or farther away, and look the same.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, joint_index

__all__ = ["CLICKED", "FOCAL_PX", "SIZE", "Clicks", "clicks"]

SIZE = (512, 512)  # height and width of the picture
FOCAL_PX = 1000.0
# joint, u, v, how sure
CLICKED = (
    ("head", 186, 152, 0.9), ("neck", 152, 150, 0.6),
    ("right_shoulder", 88, 175, 0.8), ("right_elbow", 84, 288, 0.9),
    ("right_wrist", 180, 240, 0.9), ("right_hand", 216, 214, 0.8),
    ("left_shoulder", 190, 205, 0.2), ("left_elbow", 242, 293, 0.9),
    ("left_wrist", 279, 243, 0.8), ("left_hand", 315, 205, 0.7),
    ("pelvis", 40, 388, 0.3), ("right_hip", 28, 392, 0.3),
)  # fmt: skip
BONES = (("right_shoulder", "right_hip"), ("neck", "pelvis"))  # what tells the depth: his side and his back


class Clicks(NamedTuple):
    """What was clicked in one picture.

    Attributes
    ----------
    pixels : Tensor
        (J, 2), u and v; NaN where nothing was clicked.
    confidence : Tensor
        (J,) in [0, 1].
    intrinsics : Tensor
        (3, 3), K.
    bones : Tensor
        (T, 2), pairs of joints whose lengths tell the depth.
    """

    pixels: Tensor
    confidence: Tensor
    intrinsics: Tensor
    bones: Tensor


def clicks() -> Clicks:
    """Return the joints that were clicked in the photograph "camera"."""
    pixels, confidence = torch.full((len(JOINTS), 2), torch.nan), torch.zeros(len(JOINTS))
    for name, u, v, sure in CLICKED:
        pixels[joint_index(name)] = torch.tensor([u, v], dtype=torch.float32)
        confidence[joint_index(name)] = sure
    height, width = SIZE
    intrinsics = torch.tensor([[FOCAL_PX, 0, width / 2], [0, FOCAL_PX, height / 2], [0, 0, 1]])
    bones = torch.tensor([[joint_index(name) for name in bone] for bone in BONES])
    return Clicks(pixels, confidence, intrinsics, bones)
