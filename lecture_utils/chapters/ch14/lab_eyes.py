"""Chapter 14's lab, step 1: eyes for a language model that stays as it is.

H. Liu, C. Li, Q. Wu and Y. J. Lee, "Visual Instruction Tuning", NeurIPS 2023, section 4.2, stage 1: a
projection is learned between a frozen eye and a frozen language model. Simplified: learned on questions
alone, by Adam at one rate; and since the eye's tokens do not know where they come from, a vector for each
place is learned too.

Shapes: B pictures, P places, F the eye's numbers, N tokens of text, D the language model's width.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch14.solutions import llava_inputs
from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.data.toyworld.language.questions import ASKED
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.scene_eye import CELLS
from lecture_utils.recipes import _scenes

__all__ = [
    "BAR",
    "STEPS",
    "Blind",
    "Sighted",
    "Talks",
    "accuracy",
    "batches",
    "by_kind",
    "exam",
    "parts",
    "right",
    "talks",
    "use_sighted",
]

RATE = 0.01
SCENES, STEPS, BAR = 1500, 100, 0.6  # what the notebook trains on, for how long, and what it should reach


class Sighted:
    """A language model with eyes. None of its own weights changes: learned are a projection and the places.

    `projection(grid)` turns what the eye saw, (B, P, F), into (B, P, D), and `places` (P, D) are added to it.
    An Adam with a rate of 0.01 holds both.
    """

    optimizer: torch.optim.Optimizer  # not shown

    def __init__(self, lm: LanguageModel, projection: nn.Module, places: nn.Parameter) -> None:
        self.lm, self.projection, self.places = lm.requires_grad_(False), projection, places
        self.optimizer = torch.optim.Adam([*projection.parameters(), places], lr=0.01)

    def read(self, grid: Tensor, ids: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, P + N, V) of what comes next, and the targets (B, P + N), of `llava_inputs`."""
        image = self.projection(grid) + self.places  # (B, P, D)
        x, target = llava_inputs(image, self.lm.token, ids, answer)
        return self.lm.from_embeddings(x), target

    def step(self, grid: Tensor, ids: Tensor, answer: Tensor) -> float:
        """Make one step on texts (B, N) whose answers are marked, (B, N) bool; return the loss before it."""
        logits, target = self.read(grid, ids, answer)
        loss = F.cross_entropy(logits.flatten(0, 1), target.flatten())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def answer(self, grid: Tensor, ids: Tensor, length: Tensor) -> Tensor:
        """The likeliest next token, (B,), after prompts (B, N) that are filled up on the right.

        `length` (B,) says how many tokens each prompt has.
        """
        logits, _ = self.read(grid, ids, torch.zeros_like(ids, dtype=torch.bool))
        last = len(self.places) + length - 1  # where each prompt's last token stands
        return logits[torch.arange(len(ids)), last].argmax(-1)


def use_sighted(
    sighted: Any,
    lm: Any,
    projection: Any,
    places: Tensor,
    batches: list[tuple[Tensor, Tensor, Tensor]],
    ids: Tensor,
    length: Tensor,
) -> Any:
    """What it answers before its steps and after each, its losses, and what has moved."""
    before = [p.detach().clone() for p in lm.parameters()]
    learned = nn.Parameter(places.clone())
    made = sighted(lm, projection, learned)
    grid = batches[0][0]
    told: dict[str, Any] = {"answers at the start": _of(made.answer(grid, ids, length))}
    for number, batch in enumerate(batches, start=1):
        told[f"loss of step {number}"] = float(made.step(*batch))
        told[f"projection after step {number}"] = projection.numbers.detach().clone()
        told[f"places after step {number}"] = learned.detach().clone()
    same = all(torch.equal(a, b) for a, b in zip(before, lm.parameters(), strict=True))
    told["language model"] = "as it was" if same else "changed"
    return told | {"answers at the end": _of(made.answer(grid, ids, length))}


def _of(made: Any) -> Any:
    return made.detach().clone() if isinstance(made, Tensor) else made


# --- what the notebook trains and asks ----------------------------------------------------------------
class Talks(NamedTuple):
    """Questions about pictures, Q of them.

    Attributes
    ----------
    grid : Tensor
        (N, P, F), what the eye saw of N pictures.
    scene : Tensor
        (Q,), which picture each question is about.
    ids, length : Tensor
        (Q, L), start token and prompt, filled up on the right, and (Q,), how many tokens each has.
    right : Tensor
        (Q,), the token of the right answer.
    kind : list of str
        What is asked: "exists", "count", "what", "is", "compare" or "scene".
    """

    grid: Tensor
    scene: Tensor
    ids: Tensor
    length: Tensor
    right: Tensor
    kind: list[str]


@lru_cache(maxsize=4)
def talks(count: int, split: str, each: int = _scenes.EACH) -> Talks:
    """Ask up to `each` questions about `count` pictures, of all kinds, with one relation at most.

    For training it is always as many as the course's other models are trained on.
    """
    ways: dict[str, Any] = {"kinds": ASKED}  # as `lessons` says it: what is drawn serves both
    if split != "train":
        ways = {"split": split, "each": each}
    drawn, words = _scenes.material(count, **ways), _scenes.words()
    rows = [torch.tensor([words.start, *words.encode(short(q.text))]) for q in drawn.questions]
    return Talks(
        drawn.grid.float(),
        torch.tensor([q.scene for q in drawn.questions]),
        nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=words.pad),
        torch.tensor([len(row) for row in rows]),
        torch.tensor([words.encode(f" {q.answer}")[0] for q in drawn.questions]),
        [q.asked for q in drawn.questions],
    )


def batches(
    seed: int, steps: int, size: int = 64, *, scenes: int = SCENES
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield what the eye saw (B, P, F), texts (B, N), and where their answers stand, (B, N) bool."""
    its, made = talks(scenes, "train"), torch.Generator().manual_seed(seed)
    end = torch.full((len(its.ids), 1), _scenes.words().pad)
    ids = torch.cat([its.ids, end], 1).scatter(1, its.length[:, None], its.right[:, None])
    answer = torch.arange(ids.shape[1]) == its.length[:, None]
    for _ in range(steps):
        rows = torch.randint(len(ids), (size,), generator=made)
        longest = int(its.length[rows].max()) + 1
        yield its.grid[its.scene[rows]], ids[rows, :longest], answer[rows, :longest]


def parts(seed: int) -> tuple[LanguageModel, nn.Module, nn.Parameter]:
    """Return the frozen language model, a projection and the places, both untrained."""
    lm, eye = _scenes.language_model(), _scenes.eye()
    torch.manual_seed(seed)
    return lm, nn.Linear(eye.dim, lm.dim), nn.Parameter(0.02 * torch.randn(CELLS**2, lm.dim))


def exam(split: str = "val") -> Talks:
    """Ask 4 questions about each of 200 pictures of another split: "val" to choose by, "test" to tell."""
    return talks(200, split, 4)


def right(model: Any, its: Talks, *, exchanged: bool = False) -> Tensor:
    """Which of a model's answers are right, (Q,) bool; on request each picture is another question's."""
    scene = its.scene.roll(len(its.scene) // 2) if exchanged else its.scene
    said = [
        model.answer(its.grid[scene[rows]], its.ids[rows], its.length[rows])
        for rows in torch.arange(len(scene)).split(200)
    ]
    return torch.cat(said) == its.right


def accuracy(model: Any, its: Talks, *, exchanged: bool = False) -> float:
    """How often a model's answers are right: the mean over the six kinds of question."""
    return sum(by_kind(right(model, its, exchanged=exchanged), its).values()) / len(set(its.kind))


def by_kind(marks: Tensor, its: Talks) -> dict[str, float]:
    """The mean of marks (Q,) of each kind of question."""
    of = {kind: torch.tensor([k == kind for k in its.kind]) for kind in ASKED}
    return {kind: float(marks[rows].double().mean()) for kind, rows in of.items() if bool(rows.any())}


class Blind:
    """A language model that is not shown the picture; it answers as `Sighted` does."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm

    @torch.no_grad()
    def answer(self, grid: Tensor, ids: Tensor, length: Tensor) -> Tensor:
        """The likeliest next token, (B,), after prompts (B, N) of `length` (B,) tokens each."""
        return self.lm(ids)[torch.arange(len(ids)), length - 1].argmax(-1)
