"""The lab of chapter 09: from instances and stuff to one map, and what PQ says of it, in three steps.

The merge is the baseline of A. Kirillov, K. He, R. Girshick, C. Rother, P. Dollár, "Panoptic Segmentation",
CVPR 2019, with the least area of stuff of A. Kirillov, R. Girshick, K. He, P. Dollár, "Panoptic Feature
Pyramid Networks", CVPR 2019, section 3. PQ = SQ · RQ is equation 2 of the first.

A panoptic map holds class · 1000 + instance, and VOID where nothing is said. Classes are those of the toy
world: 0 to 3 stuff, 4 to 11 things, whose labels count from 0. Shapes: D instances, H × W pixels, K classes.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data import toyworld
from lecture_utils.exercises.exercise import Exercise, Lab, mistake
from lecture_utils.metrics.panoptic import panoptic_quality
from lecture_utils.segmentation.panoptic_codes import VOID

STUFF = len(toyworld.STUFF)  # 4: classes of stuff come first


# --- step 1: one map -------------------------------------------------------------------------------
def merge(
    masks: Tensor,
    labels: Tensor,
    scores: Tensor,
    semantic: Tensor,
    least_score: float,
    overlap: float,
    least_area: int,
) -> Tensor:
    """Merge to a panoptic map (H, W): objects by falling score, each where it is free, then stuff.

    Masks (D, H, W) show an object where they are ½ or more; labels (D,) count things from 0; `semantic`
    (H, W) holds the class of each pixel. Object i has the code (4 + label) · 1000 + i + 1. It is left out if
    its score is below `least_score`, or if more than the share `overlap` of its mask is taken already. A
    class of stuff takes its free pixels if these are `least_area` or more. All other pixels are VOID, -1.
    """
    panoptic = torch.full_like(semantic, VOID)
    for i in scores.argsort(descending=True, stable=True).tolist():
        mask = masks[i] >= 0.5
        taken = mask & (panoptic != VOID)
        if scores[i] >= least_score and taken.sum() <= overlap * mask.sum():
            panoptic[mask & ~taken] = (STUFF + labels[i]) * 1000 + i + 1
    free = panoptic == VOID
    for kind in range(STUFF):
        area = free & (semantic == kind)
        if area.sum() >= least_area:
            panoptic[area] = kind * 1000
    return panoptic


def _row(*texts: str) -> Tensor:
    """Masks (D, 1, W) of probabilities, one text each: "." no, "x" yes, "?" just ½, "-" just below."""
    values = {".": 0.1, "x": 0.9, "?": 0.5, "-": 0.45}
    return torch.tensor([[[values[letter] for letter in text]] for text in texts])


def _pictures(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    ground = torch.tensor([[0, 0, 1, 1, 1, 1]])  # sky and grass
    one, two, three = torch.tensor([2]), torch.tensor([2, 5]), torch.tensor([2, 5, 5])
    yield _row("...x?-"), one, torch.tensor([0.9]), ground, 0.5, 0.5, 1
    yield _row("..xxx."), one, torch.tensor([0.4]), ground, 0.5, 0.5, 1  # not sure enough
    yield _row("xxx...", "..xx.."), two, torch.tensor([0.8, 0.9]), ground, 0.5, 0.5, 1  # who is on top?
    yield _row("xxx...", "..xx.."), two, torch.tensor([0.9, 0.8]), ground, 0.5, 0.5, 1  # just half taken
    yield _row("xxx...", ".xxx.."), two, torch.tensor([0.9, 0.8]), ground, 0.5, 0.5, 1  # more than half
    yield _row("xx....", ".xxxx."), two, torch.tensor([0.9, 0.8]), ground, 0.5, 0.3, 1
    yield _row("xx....", ".xx..."), two, torch.tensor([0.9, 0.8]), ground, 0.5, 0.3, 1
    scores = torch.tensor([0.9, 0.8, 0.7])  # whoever is left out takes nothing
    yield _row("xxx...", ".xxx..", "...xx."), three, scores, ground, 0.5, 0.5, 1
    yield _row("x.....", "xxxx..", "....xx"), torch.tensor([3, 3, 3]), scores, ground, 0.5, 0.5, 1
    yield _row(".x...."), one, torch.tensor([0.9]), ground, 0.5, 0.5, 2  # one pixel of sky is left
    yield _row(".....x"), one, torch.tensor([0.9]), torch.tensor([[0, 0, 1, 6, 6, 6]]), 0.5, 0.5, 1
    yield _row("......")[:0], one[:0], torch.zeros(0), torch.tensor([[0, 1, 2, 2, 3, 9]]), 0.5, 0.5, 2
    for number, (height, width), overlap in ((3, (5, 6), 0.5), (5, (6, 8), 0.3), (8, (8, 10), 0.5)):
        masks = torch.tensor(rng.uniform(0, 0.49, (number, height, width)), dtype=torch.float32)
        for mask in masks:
            top, left = rng.integers(0, height - 2), rng.integers(0, width - 2)
            mask[top : top + rng.integers(2, 5), left : left + rng.integers(2, 6)] += 0.5
        semantic = torch.tensor(rng.integers(0, STUFF + 1, (height, 1))).repeat(1, width)
        semantic[:, -2:] = torch.tensor(rng.integers(0, STUFF, (height, 2)))
        semantic[0] = 7  # a thing that no instance stands for
        scores = torch.tensor(rng.permutation(number) + 3) / (number + 4)
        labels = torch.tensor(rng.integers(0, 8, number))
        yield masks, labels, scores.float(), semantic, 0.4, overlap, 4


def _merged(
    masks: Tensor,
    labels: Tensor,
    scores: Tensor,
    semantic: Tensor,
    least_score: float,
    overlap: float,
    least_area: int,
    *,
    order: Callable[[Tensor], Tensor] = lambda scores: scores.argsort(descending=True, stable=True),
    stays: Callable[[Tensor, Tensor, float], Any] = lambda mask, taken, most: (
        taken.sum() <= most * mask.sum()
    ),
    threshold: float = 0.5,
    codes: Callable[[int, int], int] = lambda label, i: (STUFF + label) * 1000 + i + 1,
    over: bool = False,
    blocks: Callable[[bool], bool] = lambda sure: False,
    bars_stuff: bool = False,
) -> Tensor:
    """The map with one part exchanged.

    `over`: later ones paint over. `blocks`: whether an object that is left out, sure enough or not, still
    takes pixels; from other objects, and with `bars_stuff` from stuff as well.
    """
    panoptic, claimed = torch.full_like(semantic, VOID), torch.zeros_like(semantic, dtype=torch.bool)
    for i in order(scores).tolist():
        mask = masks[i] >= threshold
        taken = mask & claimed
        sure = bool(scores[i] >= least_score)
        kept = sure and bool(stays(mask, taken, overlap))
        if kept:
            panoptic[mask if over else mask & ~taken] = codes(int(labels[i]), i)
        if kept or blocks(sure):
            claimed = claimed | mask
    free = ~claimed if bars_stuff else panoptic == VOID
    for kind in range(STUFF):
        area = free & (semantic == kind)
        if area.sum() >= least_area:
            panoptic[area] = kind * 1000
    return panoptic


@mistake(
    "The least sure instance takes its pixels first with you. Where two overlap, the one with the higher "
    "score should have the pixel: at which end of the sorted list do you begin?"
)
def _least_sure_first(*given: Any) -> Tensor:
    return _merged(*given, order=lambda scores: scores.argsort(stable=True))


@mistake(
    "Instances that the network is hardly sure of are in your map. Each of them may be a false positive: "
    "what is `least_score` for?"
)
def _no_least_score(masks: Tensor, labels: Tensor, scores: Tensor, semantic: Tensor, *rest: Any) -> Tensor:
    return merge(masks, labels, scores, semantic, -1.0, rest[1], rest[2])


@mistake(
    "You keep whatever is left of a mask, if it be one pixel. Two finds of one object then become an "
    "object and a false sliver: when is too much of a mask taken?"
)
def _no_overlap_rule(*given: Any) -> Tensor:
    return _merged(*given, stays=lambda mask, taken, most: True)


@mistake(
    "You compare what is taken with what is left of the mask. `overlap` is a share of the whole mask: at "
    "one half, three pixels of seven may be taken."
)
def _share_of_what_is_left(*given: Any) -> Tensor:
    return _merged(*given, stays=lambda mask, taken, most: taken.sum() <= most * (mask & ~taken).sum())


@mistake(
    "Less sure instances paint over surer ones. Only what is still free may be taken: which pixels of the "
    "mask are those?"
)
def _painted_over(*given: Any) -> Tensor:
    return _merged(*given, over=True)


@mistake(
    "An instance that you leave out still keeps others from its pixels. It is not in the map, so it takes "
    "nothing: what is free is to be read from the map itself."
)
def _left_out_but_taken(*given: Any) -> Tensor:
    return _merged(*given, blocks=lambda sure: True)


@mistake(
    "A mask of which too much is taken goes, but its other pixels stay closed with you, to objects and to "
    "stuff. It is nowhere in the map: whose are these pixels now?"
)
def _dropped_bars_stuff(*given: Any) -> Tensor:
    return _merged(*given, blocks=lambda sure: sure, bars_stuff=True)


@mistake(
    "Your things have the classes of stuff: a ball, label 0, has become sky. Stuff comes first in the "
    "map's classes; where do things begin?"
)
def _labels_as_classes(*given: Any) -> Tensor:
    return _merged(*given, codes=lambda label, i: label * 1000 + i + 1)


@mistake(
    "All instances of a class have one number with you, so that two balls are one segment. What tells them "
    "apart?"
)
def _without_numbers(*given: Any) -> Tensor:
    return _merged(*given, codes=lambda label, i: (STUFF + label) * 1000)


@mistake(
    "Your instances are numbered from 0. In these maps 0 is the number of stuff, and things count from 1."
)
def _numbers_from_0(*given: Any) -> Tensor:
    return _merged(*given, codes=lambda label, i: (STUFF + label) * 1000 + i)


@mistake(
    "Where the semantic map says stuff, it overrules your things. In a conflict Kirillov's rule believes "
    "the thing: which pixels may stuff take?"
)
def _stuff_over_things(masks: Tensor, labels: Tensor, scores: Tensor, semantic: Tensor, *rest: Any) -> Tensor:
    panoptic = merge(masks, labels, scores, semantic, *rest)
    for kind in range(STUFF):
        if (semantic == kind).sum() >= rest[2]:
            panoptic[semantic == kind] = kind * 1000
    return panoptic


@mistake(
    "What the semantic map calls a thing, and no object took, is -1. You write the class of the thing there: "
    "which classes may take what is left?"
)
def _things_without_instance(
    masks: Tensor, labels: Tensor, scores: Tensor, semantic: Tensor, *rest: Any
) -> Tensor:
    panoptic = merge(masks, labels, scores, semantic, *rest)
    free = panoptic == VOID
    for kind in range(STUFF, int(semantic.max()) + 1):
        area = free & (semantic == kind)
        if area.sum() >= rest[2]:
            panoptic[area] = kind * 1000
    return panoptic


@mistake(
    "Where nothing is said, your map holds 0. That is a code as well, the one of the first class of stuff: "
    "with which value does the map have to begin?"
)
def _void_as_0(*given: Any) -> Tensor:
    return merge(*given).clamp(min=0)


@mistake(
    "A few pixels of sky between two objects are a segment of sky in your map. From how many pixels on "
    "does stuff count?"
)
def _any_area(masks: Tensor, labels: Tensor, scores: Tensor, semantic: Tensor, *rest: Any) -> Tensor:
    return merge(masks, labels, scores, semantic, rest[0], rest[1], 0)


@mistake(
    "You measure the area of stuff before the things are laid over it. Only what shows in the end counts: "
    "which pixels does the class really get?"
)
def _area_before_things(
    masks: Tensor, labels: Tensor, scores: Tensor, semantic: Tensor, *rest: Any
) -> Tensor:
    panoptic = merge(masks, labels, scores, semantic, rest[0], rest[1], 0)
    counts = torch.bincount(semantic.flatten(), minlength=STUFF)
    small = (panoptic >= 0) & (panoptic < STUFF * 1000) & (counts[semantic] < rest[2])
    return panoptic.masked_fill(small, VOID)


# --- step 2: who stays, with a fault ---------------------------------------------------------------
def visible_parts_faulty(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    """What stays of each of the masks (D, H, W) bool: by falling score (D,), each takes what is still free.

    If more than the share `overlap` of a mask is taken by others, it is left out: nothing stays of it, and it
    takes nothing.
    """
    parts = torch.zeros_like(masks)
    taken = masks.new_zeros(masks.shape[1:])
    for i in scores.argsort(descending=True, stable=True):
        free = masks[i] & ~taken
        lost = masks[i] & taken
        if lost.sum() <= overlap * free.sum():
            parts[i] = free
            taken = taken | free
    return parts


def visible_parts(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    """What stays of each of the masks (D, H, W) bool: by falling score (D,), each takes what is still free.

    If more than the share `overlap` of a mask is taken by others, it is left out: nothing stays of it, and it
    takes nothing.
    """
    parts = torch.zeros_like(masks)
    taken = masks.new_zeros(masks.shape[1:])
    for i in scores.argsort(descending=True, stable=True):
        free = masks[i] & ~taken
        lost = masks[i] & taken
        if lost.sum() <= overlap * masks[i].sum():
            parts[i] = free
            taken = taken | free
    return parts


def _stacks(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    def row(*texts: str) -> Tensor:
        return _row(*texts) >= 0.5

    yield row("xx."), torch.tensor([0.9]), 0.5
    yield row("xxx.....", ".xxxxx.."), torch.tensor([0.9, 0.8]), 0.5  # two of five taken
    yield row("xxx.....", ".xxxxx.."), torch.tensor([0.8, 0.9]), 0.5
    yield row("xxx.....", ".xxxx..."), torch.tensor([0.9, 0.8]), 0.5  # just half
    yield row("xxx.....", ".xxx...."), torch.tensor([0.9, 0.8]), 0.5  # more
    yield row("xx......", "xxxxxx.."), torch.tensor([0.9, 0.8]), 0.5  # a large one behind a small one
    yield row("xxxxxx..", "....xxx."), torch.tensor([0.9, 0.8]), 0.5  # a small one behind a large one
    three = torch.tensor([0.9, 0.8, 0.7])
    yield row("xxx.....", ".xxx....", "...xx..."), three, 0.5  # whoever is left out takes nothing
    yield row("xxx.....", "....xxxx", ".xxxxx.."), three, 0.5  # hidden by two together
    yield row("xx......", ".xxx...."), torch.tensor([0.9, 0.8]), 0.2
    yield row("xxxx....", ".xxxxx.."), torch.tensor([0.9, 0.8]), 0.7
    yield row("xx")[:0], torch.zeros(0), 0.5
    for number, (height, width), overlap in ((3, (5, 6), 0.5), (6, (6, 8), 0.6), (9, (8, 10), 0.4)):
        masks = torch.zeros(number, height, width, dtype=torch.bool)
        for mask in masks:
            top, left = rng.integers(0, height - 2), rng.integers(0, width - 2)
            mask[top : top + rng.integers(2, 5), left : left + rng.integers(2, 6)] = True
        yield masks, torch.tensor(rng.permutation(number) + 1) / (number + 1), overlap


def _stacked(
    masks: Tensor,
    scores: Tensor,
    overlap: float,
    *,
    stays: Callable[[Tensor, Tensor, Tensor, Tensor], Any],
    order: Callable[[Tensor], Tensor] = lambda scores: scores.argsort(descending=True, stable=True),
    blocks: bool = False,
) -> Tensor:
    """The parts with another rule `stays` of a mask, what is taken, the parts so far and the bound."""
    parts, taken = torch.zeros_like(masks), masks.new_zeros(masks.shape[1:])
    for i in order(scores):
        kept = bool(stays(masks[i], taken, parts, torch.tensor(overlap)))
        if kept:
            parts[i] = masks[i] & ~taken
        if kept or blocks:
            taken = taken | masks[i]
    return parts


def _rule(mask: Tensor, taken: Tensor, parts: Tensor, overlap: Tensor) -> Tensor:
    return (mask & taken).sum() <= overlap * mask.sum()


@mistake(
    "Objects of which between a third and a half is hidden are still missing. Of what is `overlap` a "
    "share, and what does the colleague's line compare with?"
)
def _the_fault(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    return visible_parts_faulty(masks, scores, overlap)


@mistake(
    "Nothing is left out any more. The hidden objects are back, but every second find of one object now "
    "leaves a sliver, a false positive. The rule is needed: what is wrong in it?"
)
def _rule_taken_out(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    return _stacked(masks, scores, overlap, stays=lambda *_: True)


@mistake(
    "You divide by all that the mask and the others cover together. That is an IoU: with much else in the "
    "picture it is always small. How much of this mask is gone?"
)
def _iou_with_the_rest(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    rule = lambda mask, taken, parts, most: (mask & taken).sum() <= most * (mask | taken).sum()  # noqa: E731
    return _stacked(masks, scores, overlap, stays=rule)


@mistake(
    "You divide by what is taken already. Then a small object behind a large one hardly loses anything, "
    "though most of it is gone: of whose pixels is `overlap` a share?"
)
def _share_of_the_taken(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    rule = lambda mask, taken, parts, most: (mask & taken).sum() <= most * taken.sum()  # noqa: E731
    return _stacked(masks, scores, overlap, stays=rule)


@mistake(
    "You compare with each earlier object by itself. Two of them can hide a third each: what counts is all "
    "that is gone, together."
)
def _one_by_one(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    rule = lambda mask, taken, parts, most: (  # noqa: E731
        (parts & mask).flatten(1).sum(1) <= most * mask.sum()
    ).all()
    return _stacked(masks, scores, overlap, stays=rule)


@mistake(
    "You ask that the share `overlap` be free. How much may be gone and how much must be left are the same "
    "at one half only."
)
def _share_that_must_be_free(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    rule = lambda mask, taken, parts, most: (mask & ~taken).sum() >= most * mask.sum()  # noqa: E731
    return _stacked(masks, scores, overlap, stays=rule)


@mistake(
    "A mask of which just the share `overlap` is gone is left out now. The docstring says more than that: "
    "the colleague's sign was not the fault."
)
def _goes_at_just_half(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    rule = lambda mask, taken, parts, most: (  # noqa: E731
        (mask & taken).sum() < most * mask.sum() or not (mask & taken).any()
    )
    return _stacked(masks, scores, overlap, stays=rule)


@mistake(
    "Who is left out now takes pixels from those that come after. It is nowhere to be seen, so it hides "
    "nothing: the colleague was right to take pixels only for those that stay."
)
def _left_out_takes(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    return _stacked(masks, scores, overlap, stays=_rule, blocks=True)


@mistake(
    "Whole masks stay, also where another object has the pixel. The rule says who stays at all; what stays "
    "of it is only what was free."
)
def _whole_masks(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    kept = visible_parts(masks, scores, overlap).flatten(1).any(1)
    return masks & kept[:, None, None]


@mistake(
    "The object with the lowest score takes its pixels first now. The order was not the fault: the surest "
    "one comes first."
)
def _lowest_first(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
    return _stacked(masks, scores, overlap, stays=_rule, order=lambda scores: scores.argsort(stable=True))


class Scene(NamedTuple):
    """Whole outlines, as a network might guess them, and what shows.

    Attributes
    ----------
    masks : Tensor
        (D, H, W) bool: the pixels of each object as if nothing stood before it; at the end the nearest one
        once more, found a second time and 3 pixels too far right.
    scores : Tensor
        (D,): the nearer an object, the higher; the second find has the lowest.
    truth : Tensor
        (H, W) int64: which object shows, 1, 2, …; 0 where none does.
    hidden : float
        The largest share of an object that does not show, of those that show at all.
    """

    masks: Tensor
    scores: Tensor
    truth: Tensor
    hidden: float


def outlines(number: int, *, seed: int = 0, size: int = 64) -> list[Scene]:
    """Scenes of three to six objects of the toy world, all outlines exact."""
    scenes = toyworld.sample_scenes(number, seed=seed, split="val", objects=toyworld.Objects(count=(3, 6)))
    sample = toyworld.render(scenes, size, only=("silhouette", "instance"))
    found = []
    for masks, instance, depth in zip(sample.silhouette, sample.instance, scenes.depth, strict=True):
        places = torch.arange(1, len(masks) + 1)[:, None, None]
        shows = (instance == places).flatten(1).sum(1)  # pixels of each object
        seen = (shows > 0).nonzero()[:, 0]
        seen = seen[depth[seen].argsort()]  # the nearest first
        if not len(seen):
            continue
        truth = ((instance == places[seen]) * torch.arange(1, len(seen) + 1)[:, None, None]).sum(0)
        own = masks[seen]
        again = own[:1].roll(3, dims=2)
        again[..., :3] = False
        scores = torch.linspace(0.95, 0.6, len(own) + 1)
        hidden = 1 - shows[seen] / own.flatten(1).sum(1)
        found.append(Scene(torch.cat([own, again]), scores, truth, float(hidden.max())))
    return found


GROUPS = {
    "nothing hidden": (-1.0, 0.0),
    "at most a third": (0.0, 1 / 3),
    "a third to a half": (1 / 3, 0.5),
    "more than half": (0.5, 1.0),
}  # by the most hidden object of a scene: from (not included) and up to


class Quality(NamedTuple):
    """How many scenes, and PQ, SQ and RQ of all their objects together."""

    scenes: int
    pq: float
    sq: float
    rq: float


def quality_by_hidden(
    scenes: Sequence[Scene], parts: Callable[[Tensor, Tensor, float], Tensor], *, overlap: float = 0.5
) -> dict[str, Quality]:
    """Panoptic quality of objects, in scenes of which more or less is hidden.

    Parameters
    ----------
    scenes : sequence of Scene
        From `outlines`.
    parts : callable
        As `visible_parts`.
    overlap : float
        Handed on to `parts`.

    Returns
    -------
    dict
        A `Quality` for each of `GROUPS`, all objects as one class; NaN where there is no scene.
    """
    qualities = {}
    for name, (low, high) in GROUPS.items():
        own = [scene for scene in scenes if low < scene.hidden <= high]
        found = [_codes(_numbered(parts(scene.masks, scene.scores, overlap))) for scene in own]
        truth = [_codes(scene.truth) for scene in own]
        if own:
            each = panoptic_quality(found, truth, classes=2, things=(0,))
            qualities[name] = Quality(len(own), float(each.pq[0]), float(each.sq[0]), float(each.rq[0]))
        else:
            qualities[name] = Quality(0, math.nan, math.nan, math.nan)
    return qualities


def _numbered(parts: Tensor) -> Tensor:
    """A map (H, W) of parts (D, H, W) bool that do not overlap: 1, 2, …, and 0 where there is none."""
    return (parts * torch.arange(1, len(parts) + 1)[:, None, None]).amax(0)


def _codes(numbers: Tensor) -> Tensor:
    """Objects become class 0, all else class 1, which is stuff."""
    return torch.where(numbers > 0, numbers, 1000)


# --- step 3: what to mend first --------------------------------------------------------------------
def what_to_mend(sq: Tensor, rq: Tensor) -> tuple[float, float, float, str]:
    """Return PQ, PQ if SQ were 1, PQ if RQ were 1, and which of the last two is more: "drawing" or "finding".

    SQ and RQ (K,) are those of the classes; both are NaN for a class that occurs nowhere, which is left out.
    PQ is the mean over classes. With SQ 1 all that is found is drawn perfectly; with RQ 1 all is found. A
    class without any match has SQ 0, which does not say how well it would be drawn: it gets the mean SQ of
    the classes that have one. At least one class has a match.
    """
    occurs = ~rq.isnan()
    sq, rq = sq[occurs], rq[occurs]
    now = (sq * rq).mean()
    drawn = rq.mean()
    found = torch.where(rq > 0, sq, sq[rq > 0].mean()).mean()
    first = "drawing" if drawn > found else "finding"
    return now.item(), drawn.item(), found.item(), first


def _tables(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    nan = torch.nan
    yield torch.tensor([0.8]), torch.tensor([0.5])
    yield torch.tensor([0.6]), torch.tensor([0.9])
    yield torch.tensor([0.9, 0.6]), torch.tensor([0.8, 0.3])  # the mean of products is no product of means
    yield torch.tensor([0.7, 0.8]), torch.tensor([0.6, 0.95])
    yield torch.tensor([0.6, 0.7, 0.8]), torch.tensor([0.4, 0.9, 1.0])
    for _ in range(4):  # most inputs are without these two: there each slip shows alone
        sq, rq = torch.tensor(rng.uniform([[0.6], [0.1]], [[0.8], [0.6]], (2, 3)), dtype=torch.float32)
        yield sq, rq
    yield torch.tensor([0.8, nan, 0.7]), torch.tensor([0.9, nan, 0.5])  # one class occurs nowhere
    yield torch.tensor([0.8, 0.0]), torch.tensor([0.9, 0.0])  # one is never found
    yield torch.tensor([0.7, 0.0, 0.6]), torch.tensor([0.9, 0.0, 0.8])  # and that decides
    yield torch.tensor([0.9, 0.0, nan, 0.7]), torch.tensor([0.4, 0.0, nan, 0.9])
    for number in (4, 7):
        sq, rq = torch.tensor(rng.uniform([[0.8], [0.2]], [[0.95], [0.8]], (2, number)), dtype=torch.float32)
        sq[1] = rq[1] = 0.0
        sq[3] = rq[3] = nan
        yield sq, rq


def _said(now: Any, drawn: Any, found: Any) -> tuple[float, float, float, str]:
    return float(now), float(drawn), float(found), "drawing" if drawn > found else "finding"


@mistake(
    "A class that occurs nowhere makes all your means NaN. It has no quality, good or bad: it has to be "
    "left out."
)
def _nan_in_the_mean(sq: Tensor, rq: Tensor) -> Any:
    return _said((sq * rq).mean(), rq.mean(), torch.where(rq == 0, sq[rq > 0].mean(), sq).mean())


@mistake(
    "All your means are NaN where a class occurs nowhere, and no comparison with NaN holds, so that your "
    "advice is chance. Leave such a class out before anything else."
)
def _nan_and_its_advice(sq: Tensor, rq: Tensor) -> Any:
    now, drawn, found = (sq * rq).mean(), rq.mean(), torch.where(rq == 0, sq[rq > 0].mean(), sq).mean()
    return float(now), float(drawn), float(found), "finding" if found > drawn else "drawing"


@mistake(
    "A class that occurs nowhere counts as 0 with you, as if the network had missed all of it. There was "
    "nothing to miss: leave it out."
)
def _nan_as_0(sq: Tensor, rq: Tensor) -> Any:
    sq, rq = sq.nan_to_num(), rq.nan_to_num()
    return _said((sq * rq).mean(), rq.mean(), torch.where(rq > 0, sq, sq[rq > 0].mean()).mean())


@mistake(
    "You multiply the means of SQ and of RQ. PQ is made class by class, and its mean is taken last: a "
    "class that is drawn well but seldom found pulls it down."
)
def _product_of_means(sq: Tensor, rq: Tensor) -> Any:
    occurs = ~rq.isnan()
    _, drawn, found, _ = what_to_mend(sq, rq)
    return _said(sq[occurs].mean() * rq[occurs].mean(), drawn, found)


@mistake(
    "A class of which nothing is found keeps its SQ of 0 with you, though you suppose that all of it were "
    "found. The 0 only says that there was nothing to measure: which value is a fair guess?"
)
def _never_drawn(sq: Tensor, rq: Tensor) -> Any:
    now, drawn, _, _ = what_to_mend(sq, rq)
    return _said(now, drawn, sq[~rq.isnan()].mean())


@mistake(
    "You let a class that was never found be drawn perfectly at once. Others are not, so why should this "
    "one be? Give it what is usual."
)
def _drawn_perfectly_at_once(sq: Tensor, rq: Tensor) -> Any:
    now, drawn, _, _ = what_to_mend(sq, rq)
    occurs = ~rq.isnan()
    return _said(now, drawn, torch.where(rq > 0, sq, 1.0)[occurs].mean())


@mistake(
    "Your second and third number are exchanged, and your advice follows them. If SQ is 1 everywhere, what "
    "is left of SQ · RQ? That is the case in which drawing was mended."
)
def _exchanged(sq: Tensor, rq: Tensor) -> Any:
    now, drawn, found, _ = what_to_mend(sq, rq)
    return _said(now, found, drawn)


@mistake(
    "Your advice is right, but its two numbers stand the wrong way round. First comes PQ if SQ were 1: what "
    "is left of SQ · RQ then? After it comes PQ if RQ were 1."
)
def _numbers_exchanged(sq: Tensor, rq: Tensor) -> Any:
    now, drawn, found, first = what_to_mend(sq, rq)
    return now, found, drawn, first


@mistake(
    "Your numbers are right and your advice is not: you name what is better already. Which of the two, "
    "mended, gives the higher PQ?"
)
def _wrong_advice(sq: Tensor, rq: Tensor) -> Any:
    now, drawn, found, first = what_to_mend(sq, rq)
    return now, drawn, found, "finding" if first == "drawing" else "drawing"


@mistake(
    "You say how much each would gain. Wanted is the PQ that would be reached; the order of the two is the "
    "same."
)
def _gains(sq: Tensor, rq: Tensor) -> Any:
    now, drawn, found, first = what_to_mend(sq, rq)
    return now, drawn - now, found - now, first


# --- the three steps -------------------------------------------------------------------------------
STEP_1 = Exercise(
    "09.L1",
    "One map out of two networks",
    merge,
    _pictures,
    difficulty=3,
    minutes=15,
    hints=(
        "Start with a map that is -1 everywhere. Go through the objects by falling score; what is free can "
        "be read from the map itself: it is still -1.",
        "For object i: its mask is masks[i] >= 0.5, and what is taken of it are the mask's pixels where the "
        "map is not -1. It stays if its score is high enough and what is taken is at most `overlap` times "
        "the mask's pixels.",
        "Write (4 + label) · 1000 + i + 1 where the mask is free. Then for each class of stuff, 0 to 3: the "
        "pixels where the map is -1 and `semantic` is this class. If they are enough, write class · 1000.",
    ),
    mistakes=(
        _least_sure_first,
        _no_least_score,
        _no_overlap_rule,
        _share_of_what_is_left,
        _painted_over,
        _left_out_but_taken,
        _dropped_bars_stuff,
        _labels_as_classes,
        _without_numbers,
        _numbers_from_0,
        _stuff_over_things,
        _things_without_instance,
        _void_as_0,
        _any_area,
        _area_before_things,
    ),
)
STEP_2 = Exercise(
    "09.L2",
    "Half-hidden objects go missing",
    visible_parts,
    _stacks,
    difficulty=2,
    minutes=12,
    hints=(
        "SQ stays where it was, so what is found is drawn well. RQ falls: something is left out. In which "
        "scenes does it fall, and in which not?",
        "Take two masks by hand, one before the other, of which two pixels of five are hidden. Follow the "
        "numbers on both sides of the comparison.",
        "Two hidden pixels are 40 % of the mask of five, but two thirds of the three that are left. Of "
        "which of the two does the docstring speak, and which one stands in the code?",
    ),
    mistakes=(
        _the_fault,
        _rule_taken_out,
        _iou_with_the_rest,
        _share_of_the_taken,
        _one_by_one,
        _share_that_must_be_free,
        _goes_at_just_half,
        _left_out_takes,
        _whole_masks,
        _lowest_first,
    ),
)
STEP_3 = Exercise(
    "09.L3",
    "What to mend first",
    what_to_mend,
    _tables,
    difficulty=2,
    minutes=9,
    hints=(
        "PQ of a class is SQ · RQ. With SQ 1 it is RQ, with RQ 1 it is SQ. In each of the three cases take "
        "the mean over classes last.",
        "Leave out the classes with NaN first: keep = ~rq.isnan(), and index both tensors with it. Where "
        "RQ is 0, put the mean of sq[rq > 0] in place of SQ before you suppose that all is found.",
    ),
    mistakes=(
        _nan_in_the_mean,
        _nan_and_its_advice,
        _nan_as_0,
        _product_of_means,
        _never_drawn,
        _drawn_perfectly_at_once,
        _exchanged,
        _numbers_exchanged,
        _wrong_advice,
        _gains,
    ),
)
LAB = Lab("09.L", "From instances and stuff to one map, and what PQ says of it", (STEP_1, STEP_2, STEP_3))
