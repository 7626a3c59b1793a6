"""Chapter 14: where a captioner looks when it names an object, and whether the object is there.

Shapes: N scenes, K places for objects, P = 36 cells, L words.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.data.toyworld.render import render
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.multimodal.scene_eye import CELLS, SIZE
from lecture_utils.multimodal.show_attend_tell.captioner import ShowAttendTell
from lecture_utils.recipes.scenes_captioner import Captioned, encoded, tokenizer
from lecture_utils.recipes.scenes_eye import COVERED, owners

CENTRE = [CELLS * row + column for row in (2, 3) for column in (2, 3)]  # the four cells around the middle


class Look(NamedTuple):
    """One word that names one object, and where the captioner looked for it.

    Attributes
    ----------
    scene, step, place : int
        Which scene, which word of its caption, which of the scene's objects.
    word : str
        A colour or a shape.
    weights : Tensor
        (P,), 1 in sum.
    """

    scene: int
    step: int
    place: int
    word: str
    weights: Tensor


def named(words: Sequence[str], scene: Facts) -> list[int | None]:
    """For each word the place of the object that it names, None for other words and where two would do.

    Only a colour and a shape side by side name an object.
    """
    out: list[int | None] = [None] * len(words)
    for i, (colour, shape) in enumerate(itertools.pairwise(words)):
        if colour in COLOURS and shape in CLASSES:
            meant = [thing.place for thing in scene.things if (thing.colour, thing.shape) == (colour, shape)]
            if len(meant) == 1:
                out[i] = out[i + 1] = meant[0]
    return out


def regions(scenes: Scenes) -> Tensor:
    """Which cells show an object on an eighth of them or more, (N, K, P) bool."""
    instance = render(scenes, SIZE, only="instance").instance
    return (owners(instance, scenes.places) >= COVERED).transpose(1, 2)


@torch.no_grad()
def looks(model: ShowAttendTell, some: Captioned) -> list[Look]:
    """Let a captioner read the scenes' own captions, and collect the words that name one object each."""
    ids, out = encoded(some.text), []
    for part in torch.arange(len(ids)).split(200):
        _, weights = model(some.grid[part].float(), ids[part, :-1])  # (B, L, P)
        for own, n in zip(weights, part.tolist(), strict=True):
            words = some.text[n].split()
            for step, place in enumerate(named(words, some.facts[n])):
                if place is not None:
                    out.append(Look(n, step, place, words[step], own[step]))
    return out


def pointing(found: Sequence[Look], region: Tensor) -> dict[str, float]:
    """Judge where words looked against where objects are, (N, K, P) bool.

    Returns
    -------
    dict
        Shares of the words: "hit", the most attended cell shows the object; "mass", of the attention that
        lies on it. What would hit without looking: "chance", any cell; "centre", one of the middle four;
        "fixed", the cell that is attended most over all words. And, over the words of captions that name two
        objects or more: "hit_of_several", as "hit", and "other_word", the cell that was looked at for a word
        about another object of the same scene. "hit_colour" and "hit_shape": the words of each kind.
    """
    own = torch.stack([region[look.scene, look.place] for look in found]).float()  # (M, P)
    weights = torch.stack([look.weights for look in found])
    hit = own.gather(1, weights.argmax(1, keepdim=True))[:, 0]  # (M,)
    colour = torch.tensor([look.word in COLOURS for look in found])
    pairs = _others(found)
    mine, other = (torch.tensor(column) for column in zip(*pairs, strict=True))
    elsewhere = own[mine].gather(1, weights[other].argmax(1, keepdim=True))[:, 0]
    share = 1 / mine.bincount()[mine]  # each word counts once, however many others there are
    return {
        "hit": hit.mean().item(),
        "mass": (own * weights).sum(1).mean().item(),
        "chance": own.mean().item(),
        "centre": own[:, CENTRE].mean().item(),
        "fixed": own[:, weights.mean(0).argmax()].mean().item(),
        "hit_of_several": ((share * hit[mine]).sum() / share.sum()).item(),
        "other_word": ((share * elsewhere).sum() / share.sum()).item(),
        "hit_colour": hit[colour].mean().item(),
        "hit_shape": hit[~colour].mean().item(),
    }


def _others(found: Sequence[Look]) -> list[tuple[int, int]]:
    """All pairs of numbers of looks in one scene that are about two different objects."""
    of: dict[int, list[int]] = {}
    for i, look in enumerate(found):
        of.setdefault(look.scene, []).append(i)
    return [(i, j) for own in of.values() for i in own for j in own if found[i].place != found[j].place]


def word_maps(captioner: ShowAttendTell, grid: Tensor, text: str, step: int) -> tuple[Tensor, Tensor]:
    """Where the grid speaks for a word's score: by Grad-CAM, and with each cell's own gradient.

    Grad-CAM (R. R. Selvaraju et al., ICCV 2017, eq. 1 and 2) weighs a channel by its mean gradient, as if it
    counted alike in all places. A model that attends reads it in some: HiResCAM (R. L. Draelos and L. Carin,
    arXiv 2011.08891, 2020) leaves the gradient where it is.

    Parameters
    ----------
    captioner : ShowAttendTell
        In evaluation mode.
    grid : Tensor
        (1, P, D), of one picture.
    text : str
        Its caption, of words that the captioner knows.
    step : int
        The number of the word.

    Returns
    -------
    Tensor, Tensor
        (P,) each, 0 or more.
    """
    ids = _ids(text)
    with torch.enable_grad():
        features = grid.detach().clone().requires_grad_(True)
        logits, _ = captioner(features, ids[:, :-1])
        (gradient,) = torch.autograd.grad(logits[0, step, ids[0, step + 1]], features)  # (1, P, D)
    alpha = gradient[0].mean(dim=0)  # (D,)
    return (alpha * grid[0]).sum(-1).relu(), (gradient[0] * grid[0]).sum(-1).relu()


@torch.no_grad()
def gates(captioner: ShowAttendTell, grid: Tensor, text: str) -> Tensor:
    """The gate β at each of N words of a caption of one picture (1, P, D), (N,): how much of it is let in."""
    features, places, state = captioner.look(grid)
    out = []
    for word in _ids(text)[0, :-1]:
        out.append(captioner.attention.gate(state[0]).sigmoid()[0, 0])
        _, state, _ = captioner.next_word(features, places, word[None], state)
    return torch.stack(out)


def _ids(text: str) -> Tensor:
    """Start and the words, (1, 1 + N)."""
    return torch.tensor([[tokenizer().start, *tokenizer().encode(f" {text}")]])
