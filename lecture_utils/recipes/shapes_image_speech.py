"""Weights `shapes_image_speech`: a picture is told in units of sound, by one voice: "red ball".

W.-N. Hsu et al., "Text-Free Image-to-Speech Synthesis Using Learned Segmental Units", ACL 2021. No letter is
written: units are found in the sounds alone, and the captioner learns which unit follows which.
"""

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.multimodal.image_to_speech import ImageToUnits, unit_loss
from lecture_utils.multimodal.speech_units import Units
from lecture_utils.recipes._told import BANDS, CHANNELS, features_of, listened, recognised, sounded, told
from lecture_utils.training.one_cycle import one_cycle

UNITS, WIDTH, PICTURES, BATCH, STEPS, PEAK_RATE = 64, 128, 3000, 32, 600, 3e-3


def build() -> ImageToUnits:
    """The model, untrained: `features_of` pictures (B, 80, 8, 8) → units."""
    return ImageToUnits(CHANNELS, Units(UNITS, BANDS), width=WIDTH)


def pairs(units: Units, seed: int, count: int) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
    """Batches of pictures' features and of what is said of them, in units (B, N), for ever."""
    seen = captioned(count, seed=seed)
    features = features_of(zoo.load("shapes_resnet"), seen.image)
    coded = {pair: units.encode(mel) for pair, mel in told().items()}
    both = zip(seen.class_id.tolist(), seen.colour_id.tolist(), strict=True)
    ids = units.batch([coded[pair] for pair in both])
    made = torch.Generator().manual_seed(seed)
    while True:
        for index in torch.randperm(count, generator=made).split(BATCH):
            yield (features[index], ids[index]), ids[index]


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[ImageToUnits, dict[str, float]]:
    """Find the units, train the captioner; return it and steps, seconds (processor time), last loss."""
    torch.manual_seed(seed)
    begun, model = time.thread_time(), build()
    model.units.learn(list(told().values()), seed=seed)

    def loss(captioner: nn.Module, seen: tuple[Tensor, Tensor], ids: Tensor) -> Tensor:
        return unit_loss(captioner(*seen), ids, model.units.end)

    _, info = one_cycle(
        model, pairs(model.units, seed, PICTURES if steps == STEPS else 2 * BATCH), loss=loss,
        optimizer=torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=0.02), steps=steps,
        warm_up=0.15, label="image to speech",
    )  # fmt: skip
    return model.eval(), info | {"seconds": time.thread_time() - begun}


def evaluate(model: ImageToUnits) -> dict[str, float]:
    """Share of words heard rightly by `spoken_words`: 200 test pictures each of seen and held-out pairs."""
    resnet, judge, figures = zoo.load("shapes_resnet"), zoo.load("spoken_words"), {}
    for name, held_out in (("seen", False), ("held_out", True)):
        seen = captioned(200, seed=0, split="test", held_out=held_out)
        units, _ = model.tell(features_of(resnet, seen.image))
        mels = [listened(sounded(model.units.decode(u))) for u in units]
        colour, kind = recognised(judge, mels)
        figures[f"{name}_colour"] = (colour == seen.colour_id).double().mean().item()
        figures[f"{name}_class"] = (kind == seen.class_id).double().mean().item()
    return figures
