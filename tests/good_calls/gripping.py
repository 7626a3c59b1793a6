"""Good calls of the gripper world and of PaLM-E."""

import functools
import random

import torch

from lecture_utils.data.toyworld.gripper.goals import Beside, Cleared, On, Sorted, Task
from lecture_utils.data.toyworld.gripper.table import Block, Table
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.palm_e.control import Episode
from lecture_utils.multimodal.palm_e.palm_e import PaLME
from lecture_utils.multimodal.palm_e.sensors import ImageEncoder, StateEncoder
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.bad_calls import count, floats, images, labels, made, number, pair, word
from tests.good_calls.makers import Call

LEFT = "on the left"
GOAL = Beside("red star", "left of", "blue ball")
TEXT = "given <image> and <state> : put the red star left of the blue ball . plan :"


def table() -> Table:
    """A red star and a blue ball."""
    return Table([Block("red", "star", 0.2, 0.7), Block("blue", "ball", 0.7, 0.3)])


def task() -> Task:
    """What is not done yet."""
    return Task("put the red star left of the blue ball .", (GOAL,), "put")


@functools.cache
def reader() -> Tokenizer:
    """Of the words of one prompt."""
    return Tokenizer.train([TEXT] * 2, 150)


def seeing() -> PaLME:
    """It sees 16 × 16 pixels and a state of 4 numbers."""
    torch.manual_seed(0)
    words = reader()
    lm = LanguageModel(words.vocabulary, dim=8, heads=2, layers=1, length=40, tokenizer=words)
    sensors = {"image": ImageEncoder(8, size=16, widths=(4, 4, 4)), "state": StateEncoder(4, 8)}
    return PaLME(lm, sensors, {name: words.encode(f" <{name}>")[0] for name in sensors}).eval()


def eye() -> ImageEncoder:
    """(B, 3, 16, 16) → (B, 4, 6)."""
    return ImageEncoder(6, size=16, widths=(4, 4, 4)).eval()


READINGS = made(lambda: {"image": torch.rand(2, 3, 16, 16), "state": torch.rand(2, 4)})
TABLE, TASK, IDS = made(table), made(task), labels(None, 2, 6)

GOOD: dict[str, dict[str, Call]] = {
    "data.toyworld.gripper.goals": {
        "Beside.holds": {"self": GOAL, "table": TABLE},
        "On.holds": {"self": On("red star", "on the left"), "table": TABLE},
        "Sorted.left": {"self": Sorted("red", "on the left"), "table": TABLE},
        "Cleared.left": {"self": Cleared(), "table": TABLE},
        "solved": {"table": TABLE, "task": TASK},
        "noun": {"name": word("red star"), "table": TABLE},
        "wording": {"goal": word(GOAL), "table": TABLE},  # type: ignore[arg-type]
    },
    "data.toyworld.gripper.planner": {
        "plan": {"table": TABLE, "task": TASK},
        "teleport": {"table": TABLE, "step": "pick the red star"},
    },
    "data.toyworld.gripper.questions": {"ask": {"table": TABLE, "rng": made(lambda: random.Random(0))}},
    "data.toyworld.gripper.render": {"pictures": {"tables": made(lambda: [table()]), "size": count(16)}},
    "data.toyworld.gripper.sampling": {
        "sample_tables": {
            "count": count(2), "seed": count(0, zero=True), "split": word("val"), "blocks": (2, 3),
        },
        "sample_tasks": {
            "tables": made(lambda: [table()]), "seed": count(0, zero=True), "kinds": ("put", "clear"),
        },
        "nudge": {"table": TABLE, "rng": made(lambda: random.Random(0))},
    },
    "data.toyworld.gripper.table": {
        "Block": {"colour": word("red"), "shape": word("star"), "x": number(0.4), "y": number(0.4)},
        "Table": {
            "blocks": made(lambda: table().blocks), "gripper": pair(0.1, 0.2), "slips": count(0, zero=True),
            "tint": number(0.4), "light": number(1.0),
        },
        "Table.move": {"self": TABLE, "dx": number(0.1), "dy": number(0.1)},
        "Table.free": {"self": TABLE, "x": number(0.5), "y": number(0.5)},
        "Table.within": {"self": TABLE, "block": Block("red", "star", 0.2, 0.7), "region": word(LEFT)},
        "Table.objects": {"self": TABLE, "most": count(3)},
        "beside": {"at": (0.5, 0.5), "relation": word("left of")},
    },
    "multimodal.palm_e.control": {
        "Episode.heed": {"self": made(Episode), "plan": "pick the red star . done ."},
        "run": {
            "planner": lambda words, seen, last: ["done ."] * len(words), "bodies": made(lambda: [table()]),
            "instructions": ("put it away .",), "look": lambda bodies: {}, "most": count(2),
        },
    },
    "multimodal.palm_e.palm_e": {
        "interleave": {
            "ids": labels(None, 4), "embed": lambda ids: torch.eye(9)[ids], "slots": {2: torch.ones(3, 9)},
        },
        "PaLME.forward": {"self": made(seeing), "ids": IDS, "readings": READINGS},
        "PaLME.perceive": {"self": made(seeing), "ids": IDS, "readings": READINGS},
        "plan_loss": {
            "model": made(seeing), "ids": IDS, "readings": READINGS, "target": labels(None, 2, 6),
        },
    },
    "multimodal.palm_e.planning": {
        "prompt": {"text": "clear the middle .", "senses": ("image",), "want": word("plan")},
        "write": {"model": made(seeing), "prompts": (TEXT, TEXT), "readings": READINGS, "most": count(2)},
    },
    "multimodal.palm_e.policy": {
        "reach": {"body": TABLE, "at": pair(0.4, 0.4)},
    },
    "multimodal.palm_e.sensors": {
        "StateEncoder": {"state": count(4), "dim": count(6), "hidden": count(5), "waves": count(2)},
        "StateEncoder.forward": {"self": made(lambda: StateEncoder(4, 6)), "x": floats(2, 3, 4)},
        "ImageEncoder": {"dim": count(6), "size": count(16), "widths": (4, 4, 4)},
        "ImageEncoder.cells": {
            "self": made(eye), "images": images(2, 3, 16, 16),
        },
        "ImageEncoder.forward": {
            "self": made(eye), "images": images(2, 3, 16, 16),
        },
    },
}  # fmt: skip
