"""Weights `gripper_palm`: a PaLM-E that plans for the gripper from pictures, object states, or words alone.

D. Driess et al., "PaLM-E", ICML 2023. As there, the parts learn first: the image encoder to say which block a
cell shows (the paper's ViT learned to classify), the language model to read tasks with their plans, seeing
nothing. Then sensors come in: first the blocks' true states, whose sentences are short and cheap, then
pictures, with a share of all forms to the end. Plans and questions are one mixture.
"""

import functools
import time
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.gripper import sample_tables, sample_tasks, solved
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.palm_e.control import Planner, run
from lecture_utils.multimodal.palm_e.palm_e import PaLME, plan_loss
from lecture_utils.multimodal.palm_e.planning import prompt, write
from lecture_utils.multimodal.palm_e.sensors import ImageEncoder, StateEncoder
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.recipes._gripper import SENSES, Portion, batches, cell_labels, lessons, readings
from lecture_utils.recipes._parts import rows, taught
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

MERGES = 400  # at most; each word becomes one token
DIM, HEADS, LAYERS, LENGTH = 96, 4, 3, 144
TABLES, BATCH, FEW = 5000, 64, 32  # batches: of pictures for the eye alone, of lessons
STEPS = {"eye": 300, "words": 300, "objects": 1100, "all": 1300}
RATES = {"eye": 3e-3, "words": 3e-3, "objects": 3e-3, "all": 2e-3}
MIXTURES = {  # of the later stages: the share of each form
    "words": {"text": 1.0},
    "objects": {"objects": 0.9, "blind": 0.1},
    "all": {"image": 0.8, "objects": 0.1, "blind": 0.1},
}
FORMS = ("image", "objects", "blind")
MARKERS = ("image", "objects", "state")
TESTS = 200


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


def learn_to_see(
    eye: ImageEncoder, own: Portion, *, seed: int, steps: int = STEPS["eye"]
) -> dict[str, float]:
    """Teach the image encoder to say which block each cell shows, and where in it; what `taught` tells."""
    head = nn.Linear(eye.projection.in_features, 21)
    weight = torch.tensor([0.2] + [1.0] * 8)  # most cells show no block

    def loss(_: nn.Module, images: Tensor, told: tuple[Tensor, Tensor]) -> Tensor:
        names, places = told
        said = head(eye.cells(images))  # (B, P, 21)
        named = F.cross_entropy(
            said[..., :18].unflatten(-1, (2, 9)).flatten(0, 2), names.flatten(), weight=weight
        )
        shown = names[..., 0] > 0  # (B, P)
        return named + 5 * F.mse_loss(said[..., 18:][shown], places[shown])

    labels = cell_labels([one.table for one in own.learned])
    shown = rows(own.readings["image"], *labels, batch=BATCH, seed=seed)
    batches = ((image, (names, places)) for image, names, places in shown)
    both = nn.ModuleDict({"eye": eye, "head": head})
    return taught(both, batches, loss, rate=RATES["eye"], steps=steps, label="image encoder")


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
    """Train in four stages (each for `steps`, where given); return steps, processor seconds, losses."""
    torch.manual_seed(seed)
    start = time.thread_time()
    model = build()
    own = Portion(lessons(TABLES if steps is None else 40, seed))
    eye = model.sensors["image"]
    assert isinstance(eye, ImageEncoder)
    count = {name: steps or own_steps for name, own_steps in STEPS.items()}
    info = {"eye_loss": learn_to_see(eye, own, seed=seed, steps=count["eye"])["loss"]}
    for stage, shares in MIXTURES.items():
        info[f"{stage}_loss"] = learn_together(
            model, own, shares, rate=RATES[stage], steps=count[stage], seed=seed, label=stage
        )["loss"]
    told = {"steps": float(sum(count.values())), "seconds": time.thread_time() - start}
    return model.eval(), told | info


def planner(model: PaLME, form: str = "image") -> Planner:
    """Make the model a planner for `control.run`, which reads what SENSES says of a form."""

    def plans(instructions: Sequence[str], seen: Mapping[str, Tensor], last: Sequence[str]) -> list[str]:
        used = {name: seen[name] for name in SENSES[form]}
        both = zip(instructions, last, strict=True)
        return write(model, [prompt(text, SENSES[form], last=step) for text, step in both], used)

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
