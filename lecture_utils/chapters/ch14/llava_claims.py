"""Chapter 14: is it worth while to align LLaVA's projection first, measured.

The claim is one function of a seed. Its rules are fixed here, before any run; `ledger.run` applies it.
"""

import functools

import torch

from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.multimodal.llava.llava import LLaVA
from lecture_utils.recipes._llava import (
    aligned,
    answerer,
    batches,
    build,
    described_lessons,
    instruction_lessons,
    short_lessons,
    tuned,
)
from lecture_utils.recipes._scenes import exam, judge, material
from lecture_utils.training.kit import Figures, size

SCENES, JUDGED = 1500, 300
FIRST, SECOND = 150, 200  # steps of stage 1 and of stage 2
BATCH = {"first": 32, "second": 24}
RATE = {"first": 1e-2, "second": 4e-3}


def started(seed: int) -> LLaVA:
    """A LLaVA before it learns; all arms of a seed begin with the same weights."""
    torch.manual_seed(seed)
    return build()


@functools.lru_cache(maxsize=1)
def first_stage(seed: int, scenes: int, steps: int) -> LLaVA:
    """After stage 1 alone: what the points of the boundary share."""
    model, portion = started(seed), material(scenes, seed=seed)
    given = batches(portion, described_lessons(portion), BATCH["first"], seed)
    aligned(model, given, steps=steps, rate=RATE["first"])
    return model


def second_stage(model: LLaVA, seed: int, scenes: int, steps: int) -> LLaVA:
    """Stage 2, in place; all arms of a seed are given the same lessons in the same order."""
    portion = material(scenes, seed=seed)
    lessons = instruction_lessons(portion, seed) + short_lessons(portion)
    tuned(model, batches(portion, lessons, BATCH["second"], seed), steps=steps, rate=RATE["second"])
    return model


def after_steps(seed: int, budget: str, steps: float = SECOND) -> Figures:
    """Accuracies where stage 2 has so many steps: after stage 1, alone, and alone for the steps of both."""
    scenes, judged, first = size(budget, quick=(60, 20, 2), full=(SCENES, JUDGED, FIRST))
    second = int(size(budget, quick=2, full=steps))
    begun = first_stage(seed, scenes, first)
    both = started(seed)
    both.load_state_dict(begun.state_dict())
    arms = {
        "stage 1": begun,
        "both stages": second_stage(both, seed, scenes, second),
        "stage 2 alone": second_stage(started(seed), seed, scenes, second),
        "stage 2 alone, longer": second_stage(started(seed), seed, scenes, first + second),
    }
    scores = {name: judge(answerer(model), exam(judged, seed=seed)) for name, model in arms.items()}
    both_right = scores["both stages"]["all"]
    return {
        "gain": both_right - scores["stage 2 alone"]["all"],
        "gain_equal": both_right - scores["stage 2 alone, longer"]["all"],
        "scores": scores,
    }


# --- C14.3 -------------------------------------------------------------------------------------------
@claim(
    "C14.3",
    statement="A LLaVA whose projection is aligned first and which is tuned then answers more questions "
    "rightly than one that is only tuned, for as many steps as the second stage, or as both.",
    paper="H. Liu, C. Li, Q. Wu, Y. J. Lee, Visual Instruction Tuning, NeurIPS 2023, section 5.2 and table 8 "
    "(ScienceQA: 90.92 %; 85.81 % where the first stage is skipped)",
    rule=(Rule("gain", above=0.0), Rule("gain_equal", above=0.0)),
    seeds=3,
    note="1,500 training scenes a seed; stage 1: 150 steps of 32 descriptions, the projection alone; stage "
    "2: 200 steps of 24 talks or short questions, projection and language model. Accuracy: mean over the six "
    "kinds of question, over 1,200 questions about 300 test scenes a seed. The eye and the language model "
    "that all arms begin with are the shipped ones, and all arms of a seed have the same first weights. The "
    "control is tuned for 350 steps: the steps of both stages. In the paper no arm without a first stage is "
    "given more time. Along the boundary stage 2 has other numbers of steps.",
    names={
        "gain": "accuracy after both stages minus that after stage 2 alone",
        "gain_equal": "accuracy after both stages minus that after stage 2 alone for the steps of both",
    },
    boundary=Boundary("steps of stage 2", (50,), after_steps),
)
def c14_3_stages(seed: int, budget: str) -> Figures:
    """Accuracies after both stages, and after stage 2 alone for as many steps and for those of both."""
    return after_steps(seed, budget)
