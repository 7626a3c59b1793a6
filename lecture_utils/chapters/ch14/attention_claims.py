"""Chapter 14: whether a captioner looks at the object that it names, measured (C14.1).

The claim is one function of a seed. Its rules are fixed here, before any run; `ledger.run` applies them.

Shapes: N scenes.
"""

import torch

from lecture_utils.chapters.ch14.attention_study import looks, pointing, regions
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.multimodal.show_attend_tell.describe import describe
from lecture_utils.recipes.scenes_captioner import SPREAD, build, captioned, marks, taught
from lecture_utils.training.kit import Figures, size

RATE = 8e-3  # for a training of a few hundred steps


def looking(seed: int, budget: str, spread: float = SPREAD) -> dict[str, float]:
    """Train a captioner, and judge where it looks and what it says on test scenes."""
    count, tests, steps = size(budget, quick=(64, 24, 2), full=(4000, 400, 400))
    torch.manual_seed(seed)
    model = build()
    taught(model, captioned(count, seed=700 + seed), steps=steps, seed=seed, spread=spread, rate=RATE)
    test = captioned(tests, seed=seed, split="test")
    told = marks(describe(model, test.grid.float()), test.facts)
    return pointing(looks(model, test), regions(test.scenes)) | told


def spread_out(seed: int, budget: str, point: float) -> Figures:
    """The same with another weight of the regulariser."""
    scores = looking(seed, budget, spread=point)
    return {"over_chance": scores["hit"] - scores["chance"], "scores": scores}


@claim(
    "C14.1",
    statement="When Show, Attend and Tell names an object's colour or shape, the cell that it attends most "
    "shows this object, more often than by chance, than the picture's centre would, than the best-liked cell "
    "would, and than the cell that it attends for a word about another object of the scene.",
    paper='K. Xu et al., "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention", '
    "ICML 2015, section 5.4 and figures 3 to 5 (there shown in pictures, without a number)",
    rule=(
        Rule("over_chance", above=0.0),
        Rule("over_centre", above=0.0),
        Rule("over_fixed", above=0.0),
        Rule("over_other_word", above=0.0),
    ),
    seeds=3,
    note="The eye is frozen and the same for all seeds; a captioner a seed, 400 steps on 4,000 scenes. It "
    "reads the true captions of 400 test scenes, and each colour or shape word that names one object counts "
    "once. A cell shows an object that covers an eighth of it. Chance: a cell drawn at random. Centre: one "
    "of the middle four. The best-liked cell: the one attended most over all words. Another object's word: "
    "in captions that name two objects or more, the same with the attention of the words about the others. "
    "The eye's tokens know of more than their cells, so that attention beside an object may still read it; "
    "it counts as a miss. Boundary: the regulariser's weight λ, here 0.02; the authors' code has 1.",
    names={
        "over_chance": "hits minus those of a random cell",
        "over_centre": "hits minus those of the picture's centre",
        "over_fixed": "hits minus those of the cell that is attended most over all words",
        "over_other_word": "hits minus those of the attention for a word about another object",
    },
    boundary=Boundary("weight λ of the doubly stochastic regulariser", (0.0, 0.2, 1.0), spread_out),
)
def c14_1_looks(seed: int, budget: str) -> Figures:
    """How often the attended cell shows the named object, and how often each control would."""
    scores = looking(seed, budget)
    return {
        "over_chance": scores["hit"] - scores["chance"],
        "over_centre": scores["hit"] - scores["centre"],
        "over_fixed": scores["hit"] - scores["fixed"],
        "over_other_word": scores["hit_of_several"] - scores["other_word"],
        "scores": scores,
    }
