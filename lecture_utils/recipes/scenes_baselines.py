"""Weights `scenes_baselines`: three that answer questions about scenes with hardly a glance.

A prior by how a question opens, a bag of its words (S. Antol et al., ICCV 2015), and a bag of words beside
the picture's mean token (iBOWIMG: B. Zhou et al., arXiv 1512.02167, 2015): what a model that looks has to
beat. All have learned from the questions from which the other models learn.

Shapes: B questions, P = 36 cells, D width of a token.
"""

import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.programs import ANSWERS
from lecture_utils.data.toyworld.language.prompts import vocabulary
from lecture_utils.multimodal.vqa_baselines import AnswerPrior, BagOfWords
from lecture_utils.recipes._parts import rows
from lecture_utils.recipes._scenes import Answers, exam, eye, judge, material
from lecture_utils.training.one_cycle import one_cycle

OPENINGS = (
    "how many", "is there", "what colour", "what shape", "what is", "is the", "are there more",
    "are there as many",
)  # fmt: skip
BATCH, STEPS, PEAK_RATE = 256, 1500, 2e-2


class Baselines(nn.Module):
    """The three side by side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.prior = AnswerPrior(OPENINGS, ANSWERS)
        self.bag = BagOfWords(vocabulary(), ANSWERS)
        self.bag_and_picture = BagOfWords(vocabulary(), ANSWERS, width)

    def forward(self, bag: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, A) of the two bags, from counted words (B, W) and pictures' mean tokens (B, 1, D)."""
        return self.bag.from_bag(bag), self.bag_and_picture.from_bag(bag, grid)


def build() -> Baselines:
    """The three, untrained."""
    return Baselines(eye().dim)


def batches(model: Baselines, seed: int) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
    """Training questions for ever: counted words (B, W), mean tokens (B, 1, D), answers' numbers (B,)."""
    grid, _, put = material()
    mean = grid.float().mean(dim=1, keepdim=True)[[q.scene for q in put]]
    answer = torch.tensor([ANSWERS.index(q.answer) for q in put])
    bag = model.bag.bag([q.text for q in put])
    for x, seen, y in rows(bag, mean, answer, batch=BATCH, seed=seed):
        yield (x, seen), y


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Count the prior, and train both bags to name the answer; what `one_cycle` tells of it."""
    torch.manual_seed(seed)
    model = build()
    put = material().questions
    model.prior.count([q.text for q in put], [q.answer for q in put])

    def loss(both: nn.Module, x: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        blind, seeing = both(*x)
        return F.cross_entropy(blind, y) + F.cross_entropy(seeing, y)

    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-3)
    return one_cycle(
        model, batches(model, seed), loss=loss, optimizer=optimizer, steps=steps, warm_up=0.1,
        label="baselines", clock=time.thread_time,
    )  # fmt: skip


def answerers(model: Baselines) -> dict[str, Answers]:
    """How each answers: (grid (B, P, D), B questions) -> B words."""

    def by(scores: Callable[[Tensor, list[str]], Tensor]) -> Answers:
        def answers(grid: Tensor, questions: list[str]) -> list[str]:
            with torch.no_grad():
                return [ANSWERS[i] for i in scores(grid, questions).argmax(dim=1).tolist()]

        return answers

    return {
        "prior": by(lambda _, questions: model.prior(questions)),
        "words": by(lambda _, questions: model.bag(questions)),
        "words and picture": by(lambda grid, questions: model.bag_and_picture(questions, grid)),
    }


def evaluate(model: Baselines) -> dict[str, float]:
    """Accuracy of each over the six kinds of question, on 200 scenes of split "val"."""
    drawn = exam(200, split="val")
    named = {name.replace(" ", "_"): answers for name, answers in answerers(model).items()}
    return {name: judge(answers, drawn)["all"] for name, answers in named.items()}
