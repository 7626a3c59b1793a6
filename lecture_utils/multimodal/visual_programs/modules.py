"""The modules that visual programs call (S14.7): find, keep, relate, count, cut out, ask, compare.

T. Gupta and A. Kembhavi, "Visual Programming", CVPR 2023, section 3 and figure 3: LOC, SEG, FILTER (there
inside SELECT), COUNT, CROP, VQA, EVAL, RESULT. RELATE is ours: the paper's CROP_LEFTOF and its kin cut the
picture at the object's edge, which cannot say "behind". D. Surís, S. Menon and C. Vondrick, "ViperGPT", ICCV
2023, do as RELATE does, by comparing positions and depths in Python.

EVAL of the paper is Python's; here it compares two values, and can do nothing else.

Shapes: H × W pixels, M things.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.multimodal.visual_programs.values import Box, Found, Picture
from lecture_utils.ops.checks import (
    check_choice,
    check_number,
    check_numbers,
    check_rgb,
    check_sizes,
    check_tensor,
)

Locate = Callable[[Picture], Sequence[Found]]  # all things in a picture
Answer = Callable[[Picture, str], str]  # a word for a question
Relate = Callable[[Sequence[Found], str, Found], list[Found]]

RELATIONS = ("left of", "right of", "in front of", "behind")
ASIDE, APART_M = 0.08, 0.35  # from here on a relation holds: shares of the picture's width, metres
AROUND = 1.3  # a cut is so much wider than the thing's longer side
COMPARED = re.compile(r"([a-z0-9]+) (>|==) ([a-z0-9]+)")


def relate(things: Sequence[Found], relation: str, anchor: Found) -> list[Found]:
    """Keep the things that stand so to the anchor, by their places and their depths.

    Parameters
    ----------
    things : sequence of Found
        M of them; the anchor itself is never kept.
    relation : str
        "left of", "right of", "in front of" or "behind".
    anchor : Found
        To which they stand.

    Returns
    -------
    list of Found
        In the order given.

    Raises
    ------
    ValueError
        For another relation.
    """
    check_choice(relation, "relation", *RELATIONS)
    kept = []
    for thing in things:
        right_m = thing.x - anchor.x  # a share of the width, above 0 where it stands to the right
        behind_m = thing.depth_m - anchor.depth_m
        holds = {
            "left of": right_m < -ASIDE,
            "right of": right_m > ASIDE,
            "in front of": behind_m < -APART_M,
            "behind": behind_m > APART_M,
        }[relation]
        if holds and thing.box != anchor.box:
            kept.append(thing)
    return kept


def the(things: Sequence[Found], doing: str) -> Found:
    """Return the one thing; ValueError where there is none, or more than one."""
    if len(things) != 1:
        names = ", ".join(f"{thing.colour} {thing.shape}" for thing in things)
        raise ValueError(f"{doing}: got {len(things)} things{f' ({names})' if names else ''}, want one")
    return things[0]


def loc(locate: Locate, image: Picture, object: str) -> list[Found]:
    """LOC: all things in a picture that the words fit."""
    return [thing for thing in locate(image) if thing.called(object)]


def related(
    locate: Locate, relate: Relate, image: Picture, object: str, relation: str, box: list[Found]
) -> list[Found]:
    """RELATE: the things that the words fit and that stand so to the one in `box`."""
    anchor = the(box, "RELATE")
    return [thing for thing in relate(locate(image), relation, anchor) if thing.called(object)]


def without(box: list[Found], without: str) -> list[Found]:
    """FILTER: those that the word does not fit."""
    return [thing for thing in box if not thing.called(without)]


def intersect(box: list[Found], other: list[Found]) -> list[Found]:
    """INTERSECT: what is in both; a thing is known by its box."""
    return [thing for thing in box if thing.box in [o.box for o in other]]


def union(box: list[Found], other: list[Found]) -> list[Found]:
    """UNION: what is in one of them, or in both."""
    return [*box, *(thing for thing in other if thing.box not in [o.box for o in box])]


def count(box: list[Found]) -> int:
    """COUNT: how many they are."""
    return len(box)


def seg(image: Picture, box: list[Found]) -> Tensor:
    """SEG: the pixels of all of them, (H, W) bool."""
    mask = torch.zeros(image.pixels.shape[1:], dtype=torch.bool)
    for thing in box:
        mask |= thing.mask
    return mask


def crop(image: Picture, box: list[Found]) -> Picture:
    """CROP: a square around the one thing, enlarged to the picture's size."""
    window = square_around(the(box, "CROP").box, image.pixels.shape[2], image.pixels.shape[1])
    return Picture(cut(image.pixels, window), window)


def square_around(box: Box, width: int, height: int, *, around: float = AROUND) -> Box:
    """A square of `around` times a box's longer side, moved inside a picture of this size."""
    check_numbers(box, "box", 4)
    check_sizes("picture", width=width, height=height)
    check_number(around, "around", 0, above=True)
    x1, y1, x2, y2 = box
    side = min(around * max(x2 - x1, y2 - y1), width, height)
    left = min(max((x1 + x2 - side) / 2, 0.0), width - side)
    top = min(max((y1 + y2 - side) / 2, 0.0), height - side)
    return left, top, left + side, top + side


def cut(pixels: Tensor, window: Box) -> Tensor:
    """Read a window of a picture (3, H, W) at the picture's own size, bilinearly."""
    check_rgb(pixels, unit_range=True)
    check_tensor(pixels, "pixels", 3, "H", "W")
    check_numbers(window, "window", 4)
    height, width = pixels.shape[1:]
    x1, y1, x2, y2 = window
    across = (x1 + (torch.arange(width) + 0.5) * (x2 - x1) / width) / width * 2 - 1  # (W,) in [-1, 1]
    down = (y1 + (torch.arange(height) + 0.5) * (y2 - y1) / height) / height * 2 - 1
    grid = torch.stack(torch.meshgrid(down, across, indexing="ij")[::-1], dim=-1)  # (H, W, 2) x, y
    read = F.grid_sample(pixels[None], grid[None].to(pixels), padding_mode="border", align_corners=False)
    return read[0].clamp(0, 1)


def evaluate(expr: str) -> str:
    """EVAL: "yes" or "no" to "2 > 0" (whole numbers) or "red == blue" (words or numbers)."""
    parts = COMPARED.fullmatch(expr)
    if parts is None:
        raise ValueError(f"EVAL: got {expr!r}, want such as '2 > 0' or 'red == blue'")
    left, sign, right = parts.groups()
    if sign == "==":
        return "yes" if left == right else "no"
    if not (left.isdecimal() and right.isdecimal()):
        raise ValueError(f"EVAL: got {expr!r}, want whole numbers on both sides of >")
    return "yes" if int(left) > int(right) else "no"


def result(var: Any) -> Any:
    """RESULT: the answer, a number as a word."""
    return str(var) if isinstance(var, int) else var


def question_modules(
    locate: Locate, answer: Answer, *, relate: Relate = relate
) -> dict[str, Callable[..., Any]]:
    """What programs that answer questions may call.

    Parameters
    ----------
    locate : callable
        Picture → all things in it. The same thing has the same box each time.
    answer : callable
        Picture, question → a word: a network that answers simple questions from end to end.
    relate : callable
        As `relate`, for RELATE.
    """
    return {
        "LOC": partial(loc, locate),
        "RELATE": partial(related, locate, relate),
        "FILTER": without,
        "INTERSECT": intersect,
        "UNION": union,
        "COUNT": count,
        "SEG": seg,
        "CROP": crop,
        "VQA": lambda image, question: answer(image, question),
        "EVAL": evaluate,
        "RESULT": result,
    }
