"""Captioned pictures: one large plain object each, and a sentence that somebody might put beside it.

The narrowed world of chapters 13 to 17: plain material, mild light, near the camera, 32 × 32 pixels, but all
eight classes and eight colours. A caption is true of its picture and leaves things out, as people do: some
name no colour, some no class, most neither ground nor sky.

caption = opening thing [place] ["under a" ("clear" | "cloudy") "sky"]
opening = "a photo of" | "a picture of" | "there is" | "i see" | "look at" | "this is"
thing   = ("a" | "an") colour class | ("a" | "an") class | "something" colour
place   = "on" ground

Shapes: N pictures, S the image's side in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lecture_utils.data.toyworld.hashing import uniform
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.data.toyworld.render import render
from lecture_utils.data.toyworld.sampling import Light, Objects, sample_scenes
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.ops.checks import check_sizes

OPENINGS = ("a photo of", "a picture of", "there is", "i see", "look at", "this is")
SIZE = 32
LIGHT = Light(brightness=(0.9, 1.1), warmth=(-0.3, 0.3))
NO_COLOUR, NO_CLASS = 0.2, 0.1  # shares of the captions that leave out the one or the other
WITH_PLACE, WITH_SKY = 0.5, 0.3


@dataclass(frozen=True, eq=False)
class Captioned:
    """N pictures with their captions and what is in them.

    Attributes
    ----------
    image : Tensor
        (N, 3, S, S) float32 in [0, 1].
    text : tuple of N str
        Lower case, no full stop.
    class_id, colour_id : Tensor
        (N,) int64, into CLASSES and COLOURS.
    ground_id : Tensor
        (N,) int64, into STUFF (1 to 3): the ground near the camera, on which the object stands.
    cloudy : Tensor
        (N,) bool.
    scenes : Scenes
        From which more may be rendered (depth, masks) or heard.
    """

    image: Tensor
    text: tuple[str, ...]
    class_id: Tensor
    colour_id: Tensor
    ground_id: Tensor
    cloudy: Tensor
    scenes: Scenes

    def __len__(self) -> int:
        return len(self.text)


def captioned(
    count: int,
    *,
    seed: int = 0,
    split: str = "train",
    held_out: bool = False,
    size: int = SIZE,
    materials: Sequence[str] = ("plain",),
    light: Light = LIGHT,
) -> Captioned:
    """Draw pictures with one object each, and a caption of each.

    Parameters
    ----------
    count : int
        N.
    seed, split : int, str
        As for `sample_scenes`; splits never share a scene.
    held_out : bool
        False never shows a class in its two held-out colours; True shows only such pairs.
    size : int
        S.
    materials : sequence of str
        Some of MATERIALS; captions never name them.
    light : Light
        Mild, where none is given.

    Raises
    ------
    ValueError
        For a count or size below 1, and as `sample_scenes` does.
    """
    check_sizes("captioned", count=count, size=size)
    objects = Objects(
        count=1, materials=materials, held_out=held_out, size=(0.44, 0.56), distance=(2.1, 3.0), turn=0.5
    )
    scenes = sample_scenes(count, seed=seed, split=split, light=light, objects=objects)
    sample = render(scenes, size, only="image")
    return Captioned(
        image=sample.image,
        text=tuple(sentences(scenes)),
        class_id=scenes.class_id[:, 0],
        colour_id=scenes.colour_id[:, 0],
        ground_id=scenes.ground[:, 0],
        cloudy=scenes.sky[:, 1] > 0.5,
        scenes=scenes,
    )


def sentences(scenes: Scenes, telling: int = 0) -> list[str]:
    """Return one caption of each scene, of its first object; another `telling`, another choice of words."""
    die = uniform(scenes.key.cpu().numpy().view(np.uint64), f"captioned {telling}", 4)  # (N, 4)
    out = []
    for i, (first, what, place, above) in enumerate(die.tolist()):
        name = CLASSES[int(scenes.class_id[i, 0])]
        colour = COLOURS[int(scenes.colour_id[i, 0])]
        words = [OPENINGS[int(first * len(OPENINGS))], thing(name, colour, what)]
        if place < WITH_PLACE:
            words.append(f"on {STUFF[int(scenes.ground[i, 0])]}")
        if above < WITH_SKY:
            words.append(f"under a {'cloudy' if scenes.sky[i, 1] > 0.5 else 'clear'} sky")
        out.append(" ".join(words))
    return out


def thing(name: str, colour: str, die: float = 1.0) -> str:
    """Name an object: its class alone below 0.2 of the die, its colour alone below 0.3, else both."""
    if die < NO_COLOUR:
        return f"a {name}"
    if die < NO_COLOUR + NO_CLASS:
        return f"something {colour}"
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {name}"
