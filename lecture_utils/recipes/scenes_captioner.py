"""Weights `scenes_captioner`: Show, Attend and Tell, which describes chapter 14's scenes in true sentences.

K. Xu et al., "Show, Attend and Tell", ICML 2015, on the grids of the frozen eye. A caption tells what stands
there, the nearest first, how neighbours stand to each other, and the ground: the scene's description, less
the sky.

Shapes: N scenes, P = 36 cells, B batch, L tokens of a caption.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture_utils.data.toyworld.language.asked import ABOUT, asked_scenes
from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.language.programs import Unclear
from lecture_utils.data.toyworld.language.telling import detail, true_of
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.data.toyworld.render import render
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.multimodal.scene_eye import SIZE
from lecture_utils.multimodal.show_attend_tell.attention import Attend, soft_attention
from lecture_utils.multimodal.show_attend_tell.captioner import ShowAttendTell, caption_loss
from lecture_utils.multimodal.show_attend_tell.describe import Told, describe
from lecture_utils.multimodal.show_attend_tell.lstm_cell import Step, lstm_step
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.recipes._scenes import grids
from lecture_utils.training.one_cycle import one_cycle

SCENES, BATCH, STEPS, PEAK_RATE, SPREAD = 8000, 64, 1800, 6e-3, 0.02
WINDOW = 16  # batches among which captions of like length are put together
GRAMMAR = "there is a an are 2 3 left right of in front behind the ground ."
PLURALS = tuple("crosses" if name == "cross" else f"{name}s" for name in CLASSES)


class Captioned(NamedTuple):
    """N scenes as the eye's grids (N, P, D), half floats, with captions and what they are about."""

    grid: Tensor
    text: tuple[str, ...]
    facts: tuple[Facts, ...]
    scenes: Scenes


@functools.cache
def tokenizer() -> Tokenizer:
    """Each word of the captions, with the space before it, as one token."""
    words = (*GRAMMAR.split(), *COLOURS, *CLASSES, *PLURALS, *STUFF[1:])
    return Tokenizer.train([f" {word}" for word in words], 1000)


def build(*, step: Step = lstm_step, attend: Attend = soft_attention) -> ShowAttendTell:
    """The captioner, untrained, with the LSTM's step and the attention given."""
    return ShowAttendTell(tokenizer(), step=step, attend=attend)


def caption(scene: Facts) -> str:
    """Describe a scene without its sky."""
    return " ".join(detail(scene, ABOUT)[:-1])


@functools.lru_cache(maxsize=4)
def captioned(
    count: int, *, seed: int = 0, split: str = "train", objects: int | tuple[int, int] = (1, 3)
) -> Captioned:
    """Draw scenes with so many objects, let the eye see them, and caption them."""
    scenes, facts = asked_scenes(count, seed=seed, split=split, objects=objects)
    grid = grids(render(scenes, SIZE, only="image").image).half()
    return Captioned(grid, tuple(caption(scene) for scene in facts), tuple(facts), scenes)


def encoded(texts: Sequence[str]) -> Tensor:
    """Captions as ids (N, L): start, words, end, pads."""
    rows = [tokenizer().encode(f" {text}") for text in texts]
    return tokenizer().batch([f" {text}" for text in texts], 2 + max(map(len, rows)))


def lessons(some: Captioned, seed: int, *, batch: int = BATCH) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of grids (B, P, D) and ids (B, L), captions of like length together, for ever."""
    ids = encoded(some.text)
    length = (ids != tokenizer().pad).sum(1)  # (N,)
    made = torch.Generator().manual_seed(seed)
    while True:
        for window in torch.randperm(len(ids), generator=made).split(WINDOW * batch):
            rows = window[length[window].argsort(stable=True)].split(batch)
            for i in torch.randperm(len(rows), generator=made).tolist():
                yield some.grid[rows[i]].float(), ids[rows[i], : int(length[rows[i]].max())]


def taught(
    model: ShowAttendTell,
    some: Captioned,
    *,
    steps: int,
    seed: int = 0,
    spread: float = SPREAD,
    rate: float = PEAK_RATE,
    batch: int = BATCH,
    label: str = "captioner",
) -> dict[str, float]:
    """Train a captioner on captioned grids; what `one_cycle` tells of it."""

    def loss(model: Any, grid: Tensor, ids: Tensor) -> Tensor:
        logits, weights = model(grid, ids[:, :-1])
        return caption_loss(logits, weights, ids, pad=tokenizer().pad, spread=spread)

    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.01)
    batches = lessons(some, seed, batch=batch)
    _, info = one_cycle(
        model, batches, loss=loss, optimizer=optimizer, steps=steps, warm_up=0.15, label=label
    )
    return info


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[ShowAttendTell, dict[str, float]]:
    """Train on 8,000 scenes, 64 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    return model, taught(model, captioned(SCENES, seed=900 + seed), steps=steps, seed=seed)


def truths(text: str, scene: Facts) -> list[bool]:
    """Whether each statement of a caption is plainly true of a scene; what is no statement is not."""
    out = []
    for statement in filter(None, map(str.strip, text.split(" ."))):
        try:
            out.append(true_of(f"{statement} .", scene))
        except (ValueError, Unclear):
            out.append(False)
    return out


def marks(told: Sequence[Told], facts: Sequence[Facts]) -> dict[str, float]:
    """Judge captions: the share of their statements that is true, of captions that are true throughout, of
    captions that are the scene's own word for word, and the mean log-probability of a caption.
    """
    each = [truths(one.text, scene) for one, scene in zip(told, facts, strict=True)]
    same = [one.text == caption(scene) for one, scene in zip(told, facts, strict=True)]
    return {
        "true_statements": sum(map(sum, each)) / max(1, sum(map(len, each))),
        "true_captions": sum(bool(one) and all(one) for one in each) / len(each),
        "same_captions": sum(same) / len(same),
        "log_probability": sum(one.log_probability for one in told) / len(told),
    }


def evaluate(model: ShowAttendTell) -> dict[str, float]:
    """Judge 400 test scenes' captions, greedy and by three beams, as `marks` does."""
    test = captioned(400, split="test")
    greedy = marks(describe(model, test.grid.float()), test.facts)
    beam = marks(describe(model, test.grid.float(), beams=3), test.facts)
    return greedy | {f"beam_{name}": value for name, value in beam.items()}
