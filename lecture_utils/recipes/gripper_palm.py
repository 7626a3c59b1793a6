"""Weights `gripper_palm`: a PaLM-E that plans for the gripper from pictures, object states, or words alone.

D. Driess et al., "PaLM-E", ICML 2023. As there, the parts learn first: the language model reads tasks with
their plans, seeing nothing; then the sensors learn to name what they measure (the paper's ViT learned to
classify), here in the word vectors of this very model. Then they come together: first the blocks' true
states, whose sentences are short and cheap, then pictures, with a share of all forms to the end. Plans and
questions are one mixture.
"""

import functools
import re
import time
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.gripper import sample_tables, sample_tasks, solved
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.palm_e.control import Planner, run
from lecture_utils.multimodal.palm_e.palm_e import PaLME, plan_loss
from lecture_utils.multimodal.palm_e.planning import NOTHING, prompt, write
from lecture_utils.multimodal.palm_e.sensors import ImageEncoder, StateEncoder
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.recipes._gripper import (
    SENSES,
    Portion,
    batches,
    cell_labels,
    lessons,
    object_labels,
    readings,
)
from lecture_utils.recipes._parts import rows, taught
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

MERGES = 400  # at most; each word becomes one token
DIM, HEADS, LAYERS, LENGTH = 96, 4, 3, 144
TABLES, NEW, MISSES = 5000, 2500, 0.15
BATCH, FEW = 64, 32  # batches: of pictures for the eye alone, of lessons
STEPS = {"names": 300, "words": 300, "objects": 1100, "all": 1300, "again": 650}
RATES = {"names": 3e-3, "words": 3e-3, "objects": 3e-3, "all": 2e-3, "again": 2e-3}
MIXTURES = {  # of the later stages: the share of each form
    "words": {"text": 1.0},
    "objects": {"objects": 0.9, "blind": 0.1},
    "all": {"image": 0.8, "objects": 0.1, "blind": 0.1},
    "again": {"image": 0.8, "objects": 0.1, "blind": 0.1},  # on new tables, and with steps that fail
}
SHARP = 10.0  # how sure a vector is that is the sum of its two words
FORMS = ("image", "objects", "blind")
MARKERS = ("image", "objects", "state")
TESTS = 200
STEP_LENGTH = 40  # characters, which no step exceeds
MARK = re.compile("<.*?>|[^ -~]")  # lets a sensor speak again, or is several tokens at once


@functools.cache
def words() -> Tokenizer:
    """The tokenizer of tasks, plans and markers."""
    some = lessons(400, 0)
    texts = [
        f" {' '.join(f'<{m}>' for m in MARKERS)} and : last : nothing . plan : answer : {x.text} {x.answer}"
        for x in some
    ]
    return Tokenizer.train(texts, MERGES)


def build() -> PaLME:
    """The model, untrained."""
    tokenizer = words()
    lm = LanguageModel(
        tokenizer.vocabulary, dim=DIM, heads=HEADS, layers=LAYERS, length=LENGTH, tokenizer=tokenizer
    )
    sensors = {"image": ImageEncoder(DIM), "objects": StateEncoder(20, DIM), "state": StateEncoder(4, DIM)}
    markers = {name: tokenizer.encode(f" <{name}>")[0] for name in MARKERS}
    return PaLME(lm, sensors, markers)


def learn_names(model: PaLME, own: Portion, *, seed: int, steps: int = STEPS["names"]) -> dict[str, float]:
    """Teach two sensors to name what they measure in the words' own vectors; what `taught` tells.

    The vector of a cell, or of a block's state, is to lie nearest to the word vectors of that block's class
    and colour (of "nothing" where there is none), which stay as they are; and to tell where the block is.
    """
    tokenizer, lm = model.lm.tokenizer, model.lm
    spoken = [tokenizer.encode(f" {word}")[0] for word in (NOTHING, *CLASSES, NOTHING, *COLOURS)]
    words = lm.token.weight[spoken].detach()  # (18, D)
    scale = SHARP / words.square().sum(dim=1).mean()
    weight = torch.tensor([0.2] + [1.0] * 8)  # most cells show no block
    sensors = nn.ModuleDict({name: model.sensors[name] for name in ("image", "objects")})
    where = nn.ModuleDict({name: nn.Linear(lm.dim, 3) for name in sensors})

    def loss(_: nn.Module, seen: dict[str, Tensor], told: dict[str, tuple[Tensor, Tensor]]) -> Tensor:
        total = torch.zeros(())
        for name, (names, places) in told.items():  # (B, P, 2), (B, P, 3)
            vectors = sensors[name](seen[name])  # (B, P, D)
            said = (scale * vectors @ words.T).unflatten(-1, (2, 9)).flatten(0, 2)
            shown = names[..., 0] > 0  # (B, P)
            total = total + F.cross_entropy(said, names.flatten(), weight=weight)
            total = total + 5 * F.mse_loss(where[name](vectors)[shown], places[shown])
        return total

    labels = (*cell_labels([one.table for one in own.learned]), *object_labels(own.readings["objects"]))
    shown = rows(own.readings["image"], own.readings["objects"], *labels, batch=BATCH, seed=seed)
    batches = (
        ({"image": image, "objects": objects}, {"image": (a, b), "objects": (c, d)})
        for image, objects, a, b, c, d in shown
    )
    both = nn.ModuleDict({"sensors": sensors, "where": where})
    return taught(both, batches, loss, rate=RATES["names"], steps=steps, label="names")


def learn_together(
    model: PaLME, own: Portion, shares: dict[str, float], *, rate: float, steps: int, seed: int, label: str
) -> dict[str, float]:
    """Train a model, as far as its weights may move, on a mixture of forms; what `one_cycle` tells."""

    def loss(part: nn.Module, x: tuple[Tensor, dict[str, Tensor]], target: Tensor) -> Tensor:
        return plan_loss(model, *x, target)

    _, info = one_cycle(
        model, batches(own, shares, FEW, seed, model.lm.tokenizer), loss=loss,
        optimizer=MuonAndAdamW(model, model.lm.layers, rate), steps=steps,
        warm_up=0.1, cycle_momentum=False, label=label, clock=time.thread_time,
    )  # fmt: skip
    return info


def train(seed: int = 0, *, steps: int | None = None) -> tuple[PaLME, dict[str, float]]:
    """Train in five stages (each for `steps`, where given); return steps, processor seconds, losses."""
    torch.manual_seed(seed)
    start = time.thread_time()
    model = build()
    own = Portion(lessons(TABLES if steps is None else 40, seed))
    count = {name: steps or own_steps for name, own_steps in STEPS.items()}
    info = {}
    for stage, shares in MIXTURES.items():
        if stage == "again":
            own = Portion(lessons(NEW if steps is None else 40, seed + 1, misses=MISSES))
        info[f"{stage}_loss"] = learn_together(
            model, own, shares, rate=RATES[stage], steps=count[stage], seed=seed, label=stage
        )["loss"]
        if stage == "words":
            info["names_loss"] = learn_names(model, own, seed=seed, steps=count["names"])["loss"]
    told = {"steps": float(sum(count.values())), "seconds": time.thread_time() - start}
    return model.eval(), told | info


def planner(model: PaLME, form: str = "image") -> Planner:
    """Make the model a planner for `control.run`, which reads what SENSES says of a form.

    What is longer than any step is none; its beginning is told as what was tried last.
    """

    def plans(instructions: Sequence[str], seen: Mapping[str, Tensor], last: Sequence[str]) -> list[str]:
        used = {name: seen[name] for name in SENSES[form]}
        both = zip(instructions, last, strict=True)
        told = [prompt(text, SENSES[form], last=MARK.sub("", step)[:STEP_LENGTH]) for text, step in both]
        return write(model, told, used)

    return plans


def evaluate(model: PaLME) -> dict[str, float]:
    """Share of test tasks that are done in the end, and said to be, by what the model knows of the table."""
    out = {}
    for form in FORMS:
        tables = sample_tables(TESTS, split="test")
        tasks = sample_tasks(tables)
        told = run(planner(model, form), tables, [task.text for task in tasks], readings)
        done = [one.done and solved(a, b) for one, a, b in zip(told, tables, tasks, strict=True)]
        out[form] = sum(done) / TESTS
    return out
