"""How ImageBind's encoders are built, trained on pairs with pictures, and judged on what was never paired.

Shapes: N scenes, B batch, D the joint space.
"""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import SIZE, Captioned, captioned, thing
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.data.toyworld.senses import FRAMES, MELS, READINGS, Sensed, sensed
from lecture_utils.metrics.retrieval import recall_at
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.clip.zero_shot import TEMPLATES, class_embeddings
from lecture_utils.multimodal.imagebind.audio_encoder import AudioEncoder
from lecture_utils.multimodal.imagebind.depth_encoder import DepthEncoder
from lecture_utils.multimodal.imagebind.imagebind import TEMPERATURE, ImageBind, binding_loss
from lecture_utils.multimodal.imagebind.imu_encoder import IMUEncoder
from lecture_utils.training.loop import minibatches, predictions
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

BATCH, PEAK_RATE = 128, 5e-3
STEPS = {"audio": 300, "depth": 800, "imu": 300}
GROUNDS = STUFF[1:]
PLACED = tuple(f"a photo of {thing(name, colour)} on {{}}" for name in CLASSES for colour in COLOURS)


def clip() -> CLIP:
    """The shipped CLIP."""
    model = zoo.load("shapes_clip")
    assert isinstance(model, CLIP)
    return model


def encoder_of(sense: str, joint: int) -> Any:
    """An untrained encoder of "audio", "depth" or "imu" into a space of `joint` numbers."""
    if sense == "audio":
        return AudioEncoder(MELS, FRAMES, joint)
    return DepthEncoder(SIZE, joint) if sense == "depth" else IMUEncoder(READINGS, joint)


def build_imagebind(own: CLIP) -> ImageBind:
    """The model around this CLIP, its three encoders untrained."""
    return ImageBind(own, **{sense: encoder_of(sense, own.dim) for sense in TEMPERATURE})


@dataclass(frozen=True, eq=False)
class Perceived:
    """Captioned scenes, what senses have of them, CLIP's embeddings (N, D) of their pictures and captions."""

    some: Captioned
    senses: Sensed
    image: Tensor
    text: Tensor

    def sense(self, name: str) -> Tensor:
        """What "audio", "depth" or "imu" has of them, (N, …)."""
        return getattr(self.senses, name)


def perceived(own: CLIP, count: int, seed: int, split: str = "train") -> Perceived:
    """Draw scenes, and embed their pictures and captions once: CLIP is frozen."""
    some = captioned(count, seed=seed, split=split)
    with torch.inference_mode():
        image = torch.cat([own.encode_image(part) for part in some.image.split(250)])
        text = torch.cat([own.texts(some.text[i : i + 250]) for i in range(0, count, 250)])
    return Perceived(some, sensed(some), image.clone(), text.clone())


def train_sense(
    sense: str, encoder: nn.Module, x: Tensor, anchors: Tensor, *, seed: int, steps: int
) -> dict[str, float]:
    """Train an encoder in place to find the anchors (N, D) of what it perceives (N, …); tell of it.

    In ImageBind the anchors are pictures' embeddings. With captions' in their place it is the encoder that
    was trained on text pairs: the upper bound.
    """

    def loss(model: nn.Module, own: Tensor, anchor: Tensor) -> Tensor:
        return binding_loss(anchor, model(own), TEMPERATURE[sense])

    optimizer = MuonAndAdamW(encoder, encoder.get_submodule("trunk.layers"), PEAK_RATE)
    batches = minibatches(x, anchors, batch_size=BATCH, seed=seed)
    return one_cycle(
        encoder, batches, loss=loss, optimizer=optimizer, steps=steps, warm_up=0.1, cycle_momentum=False,
        label=f"ImageBind, {sense}", clock=time.thread_time,
    )[1]  # fmt: skip


def names_of(sense: str) -> tuple[str, ...]:
    """The words that this sense can tell apart: classes, or grounds."""
    return tuple(GROUNDS) if sense == "imu" else tuple(CLASSES)


def labels_of(sense: str, some: Captioned) -> Tensor:
    """(N,) int64, into `names_of`: what this sense can know of each scene."""
    return some.ground_id - 1 if sense == "imu" else some.class_id


def classifier(own: CLIP, sense: str) -> Tensor:
    """The text embeddings (K, D) of `names_of`: six templates for classes, 64 things for each ground."""
    return class_embeddings(own, names_of(sense), PLACED if sense == "imu" else TEMPLATES)


def telling(sense: str, some: Captioned) -> Tensor:
    """(N,) bool: whether the caption names what this sense can know."""
    names, labels = names_of(sense), labels_of(sense, some).tolist()
    return torch.tensor([names[k] in text.split() for text, k in zip(some.text, labels, strict=True)])


def found(query: Tensor, query_id: Tensor, item: Tensor, item_id: Tensor) -> dict[str, float]:
    """Recall@1 and @5 where all items of the query's label are right, and what chance has at 1."""
    right = query_id[:, None] == item_id  # (N, M)
    scores = query @ item.T
    return {
        "recall_1": recall_at(scores, 1, right),
        "recall_5": recall_at(scores, 5, right),
        "chance": right.double().mean().item(),
    }


def judge(model: ImageBind, split: str = "val", *, count: int = 1000, seed: int = 7) -> dict[str, float]:
    """Zero-shot accuracy, and recall@1 among fresh scenes, of what was never trained on."""
    return judged(model, perceived(model.clip, count, seed, split))


@torch.inference_mode()
def judged(model: ImageBind, scenes: Perceived) -> dict[str, float]:
    """For each sense zero-shot accuracy, recall@1 from text, to text, from pictures; from sound to depth."""
    own = {name: predictions(model.get_submodule(name), scenes.sense(name)) for name in TEMPERATURE}
    figures: dict[str, float] = {}
    for name, embedded in own.items():
        labels, told = labels_of(name, scenes.some), telling(name, scenes.some)
        guess = (embedded @ classifier(model.clip, name).T).argmax(1)
        figures[f"{name}_zero_shot"] = (guess == labels).double().mean().item()
        asked = found(scenes.text[told], labels[told], embedded, labels)
        figures[f"text_to_{name}"], figures[f"{name}_chance"] = asked["recall_1"], asked["chance"]
        figures[f"{name}_to_text"] = found(embedded, labels, scenes.text, torch.where(told, labels, -1))[
            "recall_1"
        ]
        figures[f"image_to_{name}"] = found(scenes.image, labels, embedded, labels)["recall_1"]
    classes = scenes.some.class_id
    figures["audio_to_depth"] = found(own["audio"], classes, own["depth"], classes)["recall_1"]
    return figures
