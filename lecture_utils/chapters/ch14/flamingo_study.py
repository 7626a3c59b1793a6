"""Chapter 14: Flamingo's gates as they open, set by hand, or at random; and what its latents look at.

Shapes: B texts, L new layers, R latents, P = 36 cells of the eye's grid, V vocabulary.
"""

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.multimodal.flamingo.flamingo import Flamingo
from lecture_utils.multimodal.flamingo.gated_cross_attention import Attend, Combine, gated_cross_attention
from lecture_utils.ops.checks import check_number
from lecture_utils.recipes import scenes_flamingo
from lecture_utils.recipes._flamingo import Turn, Tutor, interleave, lessons
from lecture_utils.recipes._scenes import material, words
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

SCENES, STEPS, ANSWERS, PEAK_RATE = 1000, 170, 32, 8e-3  # of the training in the open: some 16 s of a core
KINDS = ("what", "count", "scene")  # a few kinds of question are learned in so short a time
CELLS = 6


@dataclass(eq=False)
class Opening:
    """A training in the open.

    Attributes
    ----------
    model : Flamingo
    gates : list of Tensor
        (L, 2) each, of attention and MLP: before training, then after each step.
    loss : float
        Mean of the last 50 steps.
    """

    model: Flamingo
    gates: list[Tensor] = field(default_factory=list)
    loss: float = 0.0

    @property
    def opened(self) -> Tensor:
        """The gates over training, (steps + 1, L, 2)."""
        return torch.stack(self.gates)


@functools.cache
def shipped() -> Flamingo:
    """The course's own Flamingo."""
    model = zoo.load("scenes_flamingo")
    assert isinstance(model, Flamingo)
    return model


def open_gates(
    combine: Combine = gated_cross_attention,
    *,
    seed: int = 0,
    steps: int = STEPS,
    kinds: Sequence[str] = KINDS,
) -> Opening:
    """Train new gated layers alone; the language model and the shipped resampler stay as they are.

    Parameters
    ----------
    combine : callable
        How a new layer adds its branches: a learner's `gated_cross_attention`.
    seed, steps : int
        Of the first weights and the draws; updates, of 32 answers each.
    kinds : sequence of str
        Kinds of question that are asked, of `questions.ASKED`.
    """
    torch.manual_seed(seed)
    model = scenes_flamingo.build(combine=combine)
    model.resampler.load_state_dict(shipped().resampler.state_dict())
    model.resampler.requires_grad_(False)
    told = Opening(model, [model.gates()])
    tutor = Tutor(material(SCENES, kinds=tuple(kinds)), seed)
    _, info = one_cycle(
        model, lessons(tutor, kinds=(("named", 3, 1.0),), answers=ANSWERS), loss=scenes_flamingo.answer_loss,
        optimizer=MuonAndAdamW(model, model.gated, PEAK_RATE), steps=steps, warm_up=0.1, cycle_momentum=False,
        label="gates", after_step=lambda _: told.gates.append(model.gates()),
    )  # fmt: skip
    told.loss = info["loss"]
    return told


def with_gates(model: Flamingo, share: float) -> Flamingo:
    """A copy in which every gate is `share` of what it is: 0 shuts them, above 1 opens them further."""
    check_number(share, "share", 0)
    twin = copy.deepcopy(model)

    def combine(
        text: Tensor, latents: Tensor, attend: Attend, mlp: Callable[[Tensor], Tensor], alpha: Tensor
    ) -> Tensor:
        gates = share * alpha.tanh()
        text = text + gates[0] * attend(text, latents)
        return text + gates[1] * mlp(text)

    for layer in twin.new_layers():
        layer.combine = combine
    return twin


@torch.no_grad()
def gates_at_random(model: Flamingo, seed: int = 0) -> Flamingo:
    """Break it: a copy whose gates are drawn from N(0, 1) before the tanh, in place of 0."""
    twin, made = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    for layer in twin.new_layers():
        layer.alpha.copy_(torch.randn(2, generator=made))
    return twin


def answer_shares(model: Flamingo, grid: Tensor, question: str, candidates: Sequence[str]) -> Tensor:
    """Probabilities (candidates,) of some answers, each one token, to a question about a picture (P, C)."""
    told = interleave([[Turn(0, question, candidates[0])]], grid[None])
    shares = scenes_flamingo.at_answers(model, told)[0].softmax(0)  # (V,)
    return shares[torch.tensor([words().encode(f" {word}")[0] for word in candidates])]


@torch.no_grad()
def looks(model: Flamingo, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Where the latents look in pictures (B, P, C), mean over heads.

    Returns
    -------
    cells : Tensor
        (layers, B, R, 6, 6): attention to the picture's cells.
    within : Tensor
        (layers, B, R): what is left, attention to the latents themselves.
    """
    weights = model.resampler.weights(grid).mean(2)  # (layers, B, R, P + R)
    cells = weights[..., : CELLS * CELLS]
    return cells.unflatten(-1, (CELLS, CELLS)), 1 - cells.sum(-1)
