"""Chapter 13: what emerges where senses are bound by pictures alone, measured (C13.5).

The claim is one function of a seed. Its rules are fixed here, before any run; `ledger.run` applies them.

Shapes: N scenes, D the joint space.
"""

import torch
from torch import Tensor, nn

from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.multimodal.imagebind.imagebind import TEMPERATURE
from lecture_utils.recipes._imagebind import (
    Perceived,
    classifier,
    clip,
    encoder_of,
    found,
    labels_of,
    perceived,
    telling,
    train_sense,
)
from lecture_utils.training.kit import Figures, size
from lecture_utils.training.loop import predictions

STEPS = {"audio": 100, "depth": 200, "imu": 100}  # for every arm


def bound(sense: str, scenes: Perceived, anchors: Tensor, *, seed: int, steps: int) -> nn.Module:
    """Train a fresh encoder of a sense to find its scenes' anchors (N, D)."""
    torch.manual_seed(seed)
    encoder: nn.Module = encoder_of(sense, anchors.shape[1])
    train_sense(sense, encoder, scenes.sense(sense), anchors, seed=seed, steps=steps)
    return encoder.eval()


@torch.no_grad()
def asked(sense: str, encoder: nn.Module, test: Perceived) -> dict[str, float]:
    """How well a sense and text find each other: recall@1 both ways, zero-shot accuracy, and chance.

    What a sense cannot know does not count: all scenes of the class (of motion: the ground) are right. Only
    captions that name it are asked about.
    """
    own = predictions(encoder, test.sense(sense))  # (N, D)
    labels, told = labels_of(sense, test.some), telling(sense, test.some)
    there = found(test.text[told], labels[told], own, labels)
    back = found(own, labels, test.text[told], labels[told])
    guess = (own @ classifier(clip(), sense).T).argmax(1)
    return {
        "from_text": there["recall_1"],
        "to_text": back["recall_1"],
        "zero_shot": (guess == labels).double().mean().item(),
        "chance": there["chance"],
    }


def share_of(emergent: dict[str, float], direct: dict[str, float]) -> float:
    """How much of the way from chance to the directly trained encoder; 0 where that one is at chance."""
    way = direct["from_text"] - direct["chance"]
    return (emergent["from_text"] - emergent["chance"]) / way if way > 0 else 0.0


def fewer_pairs(seed: int, budget: str, point: float) -> Figures:
    """The share for sound with this many pairs, for both arms, in as many steps."""
    tests, steps = size(budget, quick=(64, 2), full=(500, STEPS["audio"]))
    scenes, test = perceived(clip(), int(point), seed), perceived(clip(), tests, seed, "test")
    arms = {
        name: asked("audio", bound("audio", scenes, anchors, seed=seed, steps=steps), test)
        for name, anchors in (("emergent", scenes.image), ("direct", scenes.text))
    }
    return {"audio_share": share_of(arms["emergent"], arms["direct"]), "arms": arms}


@claim(
    "C13.5",
    statement="Sound, depth and motion that were each trained on pairs with pictures alone are found by "
    "words more than half as well as if they had been trained on words, and sound finds depth.",
    paper="R. Girdhar, A. El-Nouby, Z. Liu, M. Singh, K. V. Alwala, A. Joulin, I. Misra, ImageBind: One "
    "Embedding Space To Bind Them All, CVPR 2023, sections 3.2 and 4.1 (there without the direct arm)",
    rule=(
        Rule("audio_share", above=0.5),
        Rule("depth_share", above=0.5),
        Rule("imu_share", above=0.5),
        Rule("sound_finds_depth", above=0.125),
    ),
    seeds=3,
    note="One shipped CLIP for all seeds, frozen: the spread is that of encoders, pairs and test scenes. Per "
    "seed 3,000 scenes (class-colour pairs that CLIP was trained on), and 600 of the test split. Two arms "
    "a sense, with the same encoder, temperature and steps (sound 100, depth 200, motion 100): emergent, on "
    "pairs with pictures' embeddings; direct, on pairs with captions' embeddings. The measure is recall@1 "
    "from text: the nearest scene has the class that the caption names (of motion: the ground); scenes with "
    "the same class count as equal, since sound and motion know no colour. Share: recall above chance over "
    "that of the direct arm above chance. Chance is the mean share of right items, about 1/8 and 1/3; what "
    "the senses can know puts the ceiling at 1. Sound finds depth: recall@1 of the class above chance, asked "
    "to be at least as much as chance itself; the two were never paired in any arm. Control: sound trained "
    "with its pictures shuffled.",
    names={
        "audio_share": "from text to sound: share of the way from chance to direct training",
        "depth_share": "from text to depth: share of the way from chance to direct training",
        "imu_share": "from text to motion: share of the way from chance to direct training",
        "sound_finds_depth": "recall@1 from sound to depth, never paired, above chance",
    },
    boundary=Boundary("pairs of sound and picture", (16, 128, 1024), fewer_pairs),
)
def c13_5_emergent(seed: int, budget: str) -> Figures:
    """Recall from text of what was bound by pictures and of what was trained on text, for three senses."""
    count, tests, few = size(budget, quick=(128, 64, 2), full=(3000, 600, 0))
    scenes, test = perceived(clip(), count, seed), perceived(clip(), tests, seed, "test")
    figures: Figures = {"arms": {}}
    encoders: dict[str, nn.Module] = {}
    for sense in TEMPERATURE:
        steps = few or STEPS[sense]
        encoders[sense] = bound(sense, scenes, scenes.image, seed=seed, steps=steps)
        emergent = asked(sense, encoders[sense], test)
        direct = asked(sense, bound(sense, scenes, scenes.text, seed=seed, steps=steps), test)
        figures[f"{sense}_share"] = share_of(emergent, direct)
        figures["arms"][sense] = {"emergent": emergent, "direct": direct}
    shuffled = scenes.image[torch.randperm(count, generator=torch.Generator().manual_seed(seed))]
    without = bound("audio", scenes, shuffled, seed=seed, steps=few or STEPS["audio"])
    figures["arms"]["audio"]["shuffled"] = asked("audio", without, test)
    own = {name: predictions(encoders[name], test.sense(name)) for name in ("audio", "depth")}
    crossed = found(own["audio"], test.some.class_id, own["depth"], test.some.class_id)
    return figures | {"sound_finds_depth": crossed["recall_1"] - crossed["chance"]}
