"""Weights `scenes_qformer`: BLIP-2's first stage on pictures of one to three objects and their descriptions.

J. Li, D. Li, S. Savarese and S. Hoi, "BLIP-2", ICML 2023, section 3.2. The eye (`scenes_eye`) is frozen. Each
picture's text is all that is plain of it, in true sentences; no two of a batch are described alike, so that
what is taken for wrong is wrong.

Shapes: N pictures, P = 36 cells of the eye's grid, L tokens.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.asked import asked_scenes
from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.language.telling import true_of
from lecture_utils.data.toyworld.render import render
from lecture_utils.metrics.retrieval import recall_at
from lecture_utils.multimodal.blip2.masks import Mask, qformer_mask
from lecture_utils.multimodal.blip2.stage1 import Stage1, best_query, hard_negatives, image_text_contrast
from lecture_utils.recipes._blip import (
    build_qformer,
    descriptions,
    first_of_each,
    pairs,
    texts,
    training,
    written,
)
from lecture_utils.recipes._scenes import grids, words
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

BATCH, STEPS, PEAK_RATE = 32, 900, 4e-3
TESTED, WRITTEN = 400, 100  # pictures among which texts are found; pictures that are described
Contrast = Callable[[Tensor, Tensor, Tensor], Tensor]


def build() -> Stage1:
    """Q-Former and heads, untrained."""
    return Stage1(build_qformer())


def total(model: nn.Module, grid: Tensor, text: Tensor) -> Tensor:
    """Sum of the three losses."""
    return torch.stack(model(grid, text)).sum()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[Stage1, dict[str, float]]:
    """Train on contrast, matching and generation, 32 pictures a step; the model and what became of it."""
    torch.manual_seed(seed)
    model = build()
    _, info = one_cycle(
        model, pairs(training().grid, descriptions(), seed, BATCH), loss=total,
        optimizer=MuonAndAdamW(model, model.qformer.layers, PEAK_RATE), steps=steps, warm_up=0.1,
        cycle_momentum=False, label="Q-Former, stage 1", clock=time.thread_time,
    )  # fmt: skip
    return model, info


def drawn(count: int, *, seed: int = 0, split: str = "train") -> tuple[Tensor, list[Facts]]:
    """Pictures as the eye sees them (N, P, D), and their facts, no two described alike (N ≤ count)."""
    scenes, facts = asked_scenes(count, seed=seed, split=split)
    alike = torch.unique(texts(tuple(facts)), dim=0, return_inverse=True)[1]
    kept = first_of_each(alike)
    return grids(render(scenes[kept], 48, only="image").image), [facts[i] for i in kept.tolist()]


def in_the_open(
    seed: int = 0,
    *,
    mask: Mask = qformer_mask,
    contrast: Contrast = image_text_contrast,
    steps: int = 140,
    pictures: int = 600,
    queries: int = 8,
    batch: int = 24,
) -> tuple[Stage1, dict[str, list[float]]]:
    """Train a smaller Q-Former in seconds, with anybody's mask and contrast.

    Parameters
    ----------
    seed : int
    mask, contrast : callable
        What `qformer_mask` and `image_text_contrast` are.
    steps, pictures, queries, batch : int

    Returns
    -------
    model : Stage1
        In evaluation mode.
    losses : dict
        "contrast", "matching" and "generation": one a step, in nats.
    """
    torch.manual_seed(seed)
    model = Stage1(build_qformer(queries, layers=2, mask=mask), contrast=contrast)
    grid, facts = drawn(pictures, seed=seed + 1)
    losses: dict[str, list[float]] = {"contrast": [], "matching": [], "generation": []}

    def loss(stage: nn.Module, seen: Tensor, text: Tensor) -> Tensor:
        each = stage(seen, text)
        for name, value in each._asdict().items():
            losses[name].append(float(value.detach()))
        return torch.stack(each).sum()

    one_cycle(
        model, pairs(grid, texts(tuple(facts)), seed, batch), loss=loss,
        optimizer=MuonAndAdamW(model, model.qformer.layers, 6e-3), steps=steps, warm_up=0.1,
        cycle_momentum=False, label="stage 1",
    )  # fmt: skip
    return model, losses


@torch.no_grad()
def similarities(model: Stage1, grid: Tensor, text: Tensor) -> Tensor:
    """Cosine of each picture's best query and each text, (N pictures, N texts)."""
    queries = torch.cat([model.encode(part) for part in grid.split(200)])
    return best_query(queries, torch.cat([model.encode_text(part) for part in text.split(200)]))


@torch.no_grad()
def matched(model: Stage1, grid: Tensor, text: Tensor, similarity: Tensor) -> dict[str, float]:
    """Accuracy of matching: own texts, texts drawn as hard negatives, and texts drawn anyhow."""
    made = torch.Generator().manual_seed(0)
    hard, _ = hard_negatives(similarity * model.log_scale.exp(), generator=made)
    anyhow = (torch.arange(len(text)) + 1 + torch.randint(len(text) - 1, (len(text),), generator=made)) % len(
        text
    )
    yes = {
        name: float(says_yes(model, grid, other).double().mean())
        for name, other in (("own", text), ("hard", text[hard]), ("anyhow", text[anyhow]))
    }
    return {
        "matching_hard": (yes["own"] + 1 - yes["hard"]) / 2,
        "matching_anyhow": (yes["own"] + 1 - yes["anyhow"]) / 2,
    }


def says_yes(model: Stage1, grid: Tensor, text: Tensor) -> Tensor:
    """Whether each picture (N, P, D) and text (N, L) are said to fit, (N,) bool."""
    parts = zip(grid.split(200), text.split(200), strict=True)
    return torch.cat([model.match(seen, told).argmax(dim=1) == 1 for seen, told in parts])


def truth(told: list[str], facts: list[Facts]) -> float:
    """Share of the statements in some texts that are true of their scenes; what is no statement is not."""
    right = [
        is_true(f"{part.strip()} .", scene)
        for text, scene in zip(told, facts, strict=True)
        for part in text.split(" .")
        if part.strip()
    ]
    return sum(right) / max(len(right), 1)


def is_true(statement: str, scene: Facts) -> bool:
    """Whether this is a statement, plain, and true of a scene."""
    try:
        return true_of(statement, scene)
    except ValueError:
        return False


def evaluate(model: Stage1) -> dict[str, float]:
    """Retrieval, matching and truth on test pictures that nobody has trained on."""
    model.eval()
    grid, facts = drawn(TESTED, split="test")
    text = texts(tuple(facts))
    similarity = similarities(model, grid, text)
    told = written(model.write(grid[:WRITTEN], 56, end=words().end))
    return {
        "recall_text": recall_at(similarity, 1),
        "recall_picture": recall_at(similarity.T, 1),
        **matched(model, grid, text, similarity),
        "true_statements": truth(told, facts[:WRITTEN]),
    }
