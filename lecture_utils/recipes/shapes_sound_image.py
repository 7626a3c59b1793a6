"""Weights `shapes_sound_image`: a toy Sound2Scene, a decoder from CLIP's space and a sound encoder into it.

K. Sung-Bin et al., "Sound to Visual Scene Generation by Audio-to-Visual Latent Alignment", CVPR 2023. First
the decoder learns to draw pictures from their own embeddings; then the sound encoder learns where the picture
of a sound lies. CLIP (`shapes_clip`) is fixed throughout: when it is trained anew, so must this be.
"""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.multimodal.sound_encoder import UnitSoundEncoder
from lecture_utils.multimodal.sound_to_image import ImageDecoder, SoundToImage, alignment_loss
from lecture_utils.recipes._parts import rows, taught
from lecture_utils.recipes._struck import Struck, classes_of, colours_of, places, struck

DIM, SCENES, BATCH = 64, 6000, 32
STEPS = {"decoder": 1000, "sound": 400}
RATES = {"decoder": 4e-3, "sound": 3e-3}


def build() -> SoundToImage:
    """The model, untrained: log-mel (B, 64, 32) and layout (B, 5) → pictures (B, 3, 32, 32)."""
    return SoundToImage(UnitSoundEncoder(64, DIM, mean=-6.4, spread=3.0), ImageDecoder(dim=DIM))


def train(seed: int = 0, *, steps: int | None = None) -> tuple[SoundToImage, dict[str, float]]:
    """Train both parts; return the model and steps, seconds (processor time), last loss.

    Parameters
    ----------
    seed : int
        Of weights, scenes and their order.
    steps : int, optional
        Of each part, STEPS where not given.
    """
    torch.manual_seed(seed)
    begun = time.thread_time()
    model, clip = build(), zoo.load("shapes_clip")
    counts = STEPS if steps is None else dict.fromkeys(STEPS, steps)
    scenes: Struck = struck(SCENES if steps is None else 2 * BATCH, seed)
    place = places(clip, scenes.seen.image)  # type: ignore[arg-type]

    def draw(decoder: nn.Module, told: tuple[Tensor, Tensor], image: Tensor) -> Tensor:
        return F.l1_loss(decoder(*told), image)

    def listen(encoder: nn.Module, mel: Tensor, wanted: Tensor) -> Tensor:
        return alignment_loss(encoder(mel), wanted)

    told = (((e, o), i) for e, o, i in rows(place, scenes.layout, scenes.seen.image, batch=BATCH, seed=seed))
    taught(model.decoder, told, draw, rate=RATES["decoder"], steps=counts["decoder"], label="decoder")
    info = taught(
        model.sound_encoder,
        rows(scenes.mel, place, batch=BATCH, seed=seed),
        listen,
        rate=RATES["sound"],
        steps=counts["sound"],
        label="sound",
    )
    return model.eval(), info | {"steps": sum(counts.values()), "seconds": time.thread_time() - begun}


def evaluate(model: SoundToImage) -> dict[str, float]:
    """Class (by `shapes_resnet`) and colour (by CLIP) of 500 drawings, of test sounds and of pictures."""
    judge, clip, scenes = zoo.load("shapes_resnet"), zoo.load("shapes_clip"), struck(500, 0, "test")
    figures: dict[str, float] = {}
    with torch.inference_mode():
        told = {"sound": model.sound_encoder(scenes.mel), "picture": places(clip, scenes.seen.image)}  # type: ignore[arg-type]
        for name, place in told.items():
            drawn = model.decoder(place, scenes.layout)
            for what, guess, right in (
                ("class", classes_of(judge, drawn), scenes.seen.class_id),
                ("colour", colours_of(clip, drawn), scenes.seen.colour_id),  # type: ignore[arg-type]
            ):
                figures[f"{name}_{what}"] = (guess == right).double().mean().item()
    return figures
