"""Weights `spoken_words`: which of 16 words, colours and classes, are said: the judge of spoken pictures.

A small convolutional net, trained on many voices, none of which is the one that tells of pictures.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.data.toyworld.sound import sample_voices, speak
from lecture_utils.multimodal.image_to_speech import WordRecogniser
from lecture_utils.recipes._told import BANDS, PAIRS, QUIET, WORDS, fitted, listened, recognised, said
from lecture_utils.training.one_cycle import one_cycle

UTTERANCES, BATCH, STEPS, PEAK_RATE = 1280, 32, 500, 3e-3


def build() -> WordRecogniser:
    """The network, untrained: log-mel (B, 64, T) → scores (B, 16) of COLOURS, then CLASSES."""
    return WordRecogniser(BANDS, len(WORDS), width=80)


def spoken(count: int, seed: int, split: str) -> tuple[list[Tensor], Tensor, Tensor]:
    """Log-mel sounds of a colour and a class, each by another voice; colours and classes (N,)."""
    made = torch.Generator().manual_seed(seed)
    pairs = [PAIRS[i] for i in torch.randint(len(PAIRS), (count,), generator=made).tolist()]
    waves = speak([said(*pair) for pair in pairs], sample_voices(count, seed, split))
    class_id, colour_id = torch.tensor(pairs).unbind(1)
    return [listened(wave) for wave in waves], colour_id, class_id


def disturbed(seed: int, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of training sounds, louder or softer, shifted, with noise: (B, M, T), and the words (B, 16)."""
    mels, colour, kind = spoken(count, seed, "train")
    every = torch.stack([fitted(mel) for mel in mels])
    words = torch.cat([F.one_hot(colour, len(COLOURS)), F.one_hot(kind, len(CLASSES))], dim=1).float()
    made = torch.Generator().manual_seed(seed)
    while True:
        for index in torch.randperm(count, generator=made).split(BATCH):
            x = every[index] + 0.6 * torch.randn(len(index), 1, 1, generator=made)
            x = x + 0.4 * torch.rand((), generator=made) * torch.randn(x.shape, generator=made)
            by = int(torch.randint(-10, 11, (), generator=made))
            yield x.roll(by, dims=2).clamp_min(QUIET), words[index]


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on 1,280 utterances; return the model and steps, seconds (processor time), last loss."""
    torch.manual_seed(seed)
    begun, model = time.thread_time(), build()
    batches = disturbed(seed, UTTERANCES if steps == STEPS else 4 * BATCH)
    model_, info = one_cycle(
        model, batches, loss=lambda m, x, y: F.binary_cross_entropy_with_logits(m(x), y),
        optimizer=torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=0.02), steps=steps,
        warm_up=0.15, label="words",
    )  # fmt: skip
    return model_, info | {"seconds": time.thread_time() - begun}


def evaluate(model: nn.Module) -> dict[str, float]:
    """Share of words that are heard rightly of 400 utterances by voices of the test split."""
    mels, colour, kind = spoken(400, 0, "test")
    heard = recognised(model, mels)
    return {
        "colours": (heard[0] == colour).double().mean().item(),
        "classes": (heard[1] == kind).double().mean().item(),
    }
