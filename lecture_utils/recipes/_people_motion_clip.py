"""How a MotionCLIP of the toy world's people is trained and judged: `people_motion`, `people_motion_text`.

Trained on 48 pairs of legs and arms; the other 16 are asked for by their sentences only. CLIP (`people_clip`)
is frozen: it embeds the captions and a few frames of each motion once, before the training.

Shapes: N motions, F frames, D width of CLIP's space.
"""

import itertools
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.people.actions import action_pairs, action_text
from lecture_utils.data.toyworld.people.motions import FRAMES, sample_motions
from lecture_utils.metrics.retrieval import recall_at
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.motion_clip import MotionCLIP, text_to_motion
from lecture_utils.multimodal.motion_losses import motion_clip_loss
from lecture_utils.recipes._people_motion import (
    ALL_PAIRS,
    PORTION,
    ActionJudge,
    action_numbers,
    action_sentences,
    embedded,
    joints_of,
    motion_pictures,
    pair_ids,
    rest_joints,
    rotations_of,
    some_frames,
)
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

MOTIONS, FRAMES_EACH, BATCH, STEPS, RATE = 4000, 3, 32, 1400, 3e-3
WEIGHT = 0.05  # λ_text and λ_image; the paper has 0.01, on its own scale of losses


class Aligned(NamedTuple):
    """Motions (N, F, 24, 6), and CLIP's embeddings of their captions (N, D) and of some frames (N, k, D)."""

    motion: Tensor
    text: Tensor
    image: Tensor


def the_clip() -> CLIP:
    """Return the shipped CLIP of people, frozen."""
    clip = zoo.load("people_clip").eval().requires_grad_(False)
    assert isinstance(clip, CLIP)
    return clip


def the_judge() -> ActionJudge:
    """Return the shipped judge of actions."""
    judge = zoo.load("people_actions").eval()
    assert isinstance(judge, ActionJudge)
    return judge


def untrained() -> MotionCLIP:
    """The auto-encoder, as wide as CLIP's space."""
    return MotionCLIP(24, 64, dim=96, heads=4, hidden=192, layers=2, max_frames=FRAMES)


@torch.inference_mode()
def aligned(clip: CLIP, count: int, seed: int, each: int = FRAMES_EACH) -> Aligned:
    """Draw motions, and let CLIP embed what is said of each and some frames of it."""
    motions = sample_motions(count, seed)
    motion = rotations_of(motions)
    pictures = motion_pictures(motion, some_frames(count, each, FRAMES, seed), seed)
    text = torch.cat([clip.texts(motions.text[k : k + PORTION]) for k in range(0, count, PORTION)])
    return Aligned(motion, text, embedded(clip, pictures))


def drawn(data: Aligned, seed: int) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
    """Batches for ever: motions, and the embeddings of their captions and of one frame of each."""
    made = torch.Generator().manual_seed(seed)
    while True:
        rows = torch.randint(len(data.motion), (BATCH,), generator=made)
        frame = torch.randint(data.image.shape[1], (BATCH,), generator=made)
        yield data.motion[rows], (data.text[rows], data.image[rows, frame])


def fitted(
    seed: int, *, steps: int, motions: int, image_weight: float, text_weight: float = WEIGHT
) -> tuple[nn.Module, dict[str, float]]:
    """Train on motions of the seen pairs, 32 a step: Muon for the layers' matrices, AdamW for the rest."""
    data = aligned(the_clip(), motions, seed, FRAMES_EACH if image_weight else 1)
    data = Aligned(*(part.clone() for part in data))  # tensors made in inference cannot be trained on
    rest, parents = rest_joints()
    torch.manual_seed(seed)
    model = untrained()

    def loss(model: nn.Module, motion: Tensor, embeddings: tuple[Tensor, Tensor]) -> Tensor:
        assert isinstance(model, MotionCLIP)
        return motion_clip_loss(
            model, motion, rest, parents, *embeddings, text_weight=text_weight, image_weight=image_weight
        )

    layers = nn.ModuleList([model.encoder.layers, model.decoder.layers])
    return one_cycle(
        model, drawn(data, seed), loss=loss, optimizer=MuonAndAdamW(model, layers, RATE), steps=steps,
        warm_up=0.1, label="MotionCLIP", cycle_momentum=False, clock=time.process_time,
    )  # fmt: skip


def joint_error_mm(guess: Tensor, truth: Tensor) -> float:
    """Mean distance in mm of the joints of motions (N, F, 24, 6) from where they should be."""
    return 1000 * float((joints_of(guess) - joints_of(truth)).norm(dim=-1).mean())


def requests(held_out: bool) -> tuple[list[str], Tensor]:
    """Return sentences in all three forms and both wordings, and the places of their pairs in ALL_PAIRS."""
    asked = [
        (action_text(legs, arms, form=form, wording=(w, w)), ALL_PAIRS.index((legs, arms)))
        for legs, arms in action_pairs(held_out)
        for form, w in itertools.product(range(3), range(2))
    ]
    unique = dict(asked)  # some pairs have one wording only
    return list(unique), torch.tensor(list(unique.values()))


@torch.inference_mode()
def obeyed(model: MotionCLIP, clip: CLIP, judge: ActionJudge, held_out: bool) -> dict[str, float]:
    """Share of sentences whose generated motion shows what was asked for: legs, arms, and the pair."""
    texts, pairs = requests(held_out)
    legs, arms = judge.names(text_to_motion(model, clip, texts, FRAMES))
    right = torch.stack([legs, arms], dim=1) == action_numbers()[pairs]  # (sentences, 2)
    return {
        "legs": float(right[:, 0].double().mean()),
        "arms": float(right[:, 1].double().mean()),
        "pair": float(right.all(1).double().mean()),
    }


@torch.inference_mode()
def recalls(latent: Tensor, pairs: Tensor, sentences: Tensor) -> dict[str, float]:
    """Recall at 1 and 5 between motions and sentences of their pairs.

    Parameters
    ----------
    latent : Tensor
        (N, D), of motions.
    pairs : Tensor
        (N,), which sentence is each one's.
    sentences : Tensor
        (A, D). Of these only such count as have a motion.
    """
    similarity = torch.nn.functional.normalize(latent, dim=1) @ sentences.T  # (N, A)
    right = pairs[:, None] == torch.arange(len(sentences))
    had = right.any(0)
    return {
        "text_at_1": recall_at(similarity, 1, right),
        "text_at_5": recall_at(similarity, 5, right),
        "motion_at_1": recall_at(similarity.T[had], 1, right.T[had]),
        "motion_at_5": recall_at(similarity.T[had], 5, right.T[had]),
    }


@torch.inference_mode()
def judged(model: nn.Module) -> dict[str, float]:
    """Reconstruction, obedience and retrieval on test motions, of seen and of held-out pairs."""
    assert isinstance(model, MotionCLIP)
    clip, judge = the_clip(), the_judge()
    sentences = clip.texts(action_sentences())
    out: dict[str, float] = {}
    for name, held_out in (("seen", False), ("held_out", True)):
        motions = sample_motions(500, 0, "test", held_out=held_out)
        motion = rotations_of(motions)
        latent, guess = model(motion)
        out[f"{name}_joints_mm"] = joint_error_mm(guess, motion)
        for group in (obeyed(model, clip, judge, held_out), recalls(latent, pair_ids(motions), sentences)):
            out |= {f"{name}_{key}": value for key, value in group.items()}
    return out
