"""What MotionCLIP (S13.10) can and cannot do, measured: the figures of the notebook's section on motion.

All on test motions and on sentences, by a judge of actions (`recipes.people_actions`) that saw true motions
only.

Shapes: N motions, F frames, D width of CLIP's space, A sentences.
"""

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld.people.actions import (
    ARM_NAMES,
    HELD_OUT_ACTIONS,
    LEG_NAMES,
    STILL,
    action_text,
)
from lecture_utils.data.toyworld.people.motions import FPS, FRAMES, Motions, sample_motions
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.motion_clip import MotionCLIP, text_to_motion
from lecture_utils.recipes._people_motion import (
    ActionJudge,
    action_sentences,
    embedded,
    joints_of,
    motion_pictures,
    pair_ids,
    rotations_of,
)
from lecture_utils.recipes._people_motion_clip import obeyed, recalls, the_clip, the_judge

CHANCE = {"legs": 1 / len(LEG_NAMES), "arms": 1 / len(ARM_NAMES), "pair": 1 / len(LEG_NAMES) / len(ARM_NAMES)}


class Studio(NamedTuple):
    """The auto-encoder, the frozen CLIP in whose space it lives, and the judge of what motions show."""

    model: MotionCLIP
    clip: CLIP
    judge: ActionJudge


def studio(name: str = "people_motion") -> Studio:
    """Return what this section needs; "people_motion_text" is the model that was trained without frames."""
    model = zoo.load(name).eval()
    assert isinstance(model, MotionCLIP)
    return Studio(model, the_clip(), the_judge())


def obedience(at: Studio) -> dict[str, dict[str, float]]:
    """Share of sentences whose motion shows what was asked for, and chance beside it."""
    return {
        "seen pairs": obeyed(*at, held_out=False),
        "held-out pairs": obeyed(*at, held_out=True),
        "chance": CHANCE,
    }


@torch.inference_mode()
def retrieval(at: Studio, motions: Motions, frames: int = 8) -> dict[str, dict[str, float]]:
    """Recall between test motions and the sentences of all 64 pairs, by what stands for a motion.

    Rows: MotionCLIP's latent; CLIP's mean embedding of some frames; CLIP's embedding of one frame. Each names
    its sentence among 64 (text_at_k), and is found by its sentence among N (motion_at_k).
    """
    motion, pairs = rotations_of(motions), pair_ids(motions)
    sentences = at.clip.texts(action_sentences())
    when = torch.linspace(0, motion.shape[1] - 1, frames).round().long().expand(len(motion), -1)
    seen = embedded(at.clip, motion_pictures(motion, when, 0, "test"))  # (N, k, D)
    rows = {
        "motion's latent": at.model.encode(motion),
        f"mean of {frames} frames": seen.mean(1),
        "one frame": seen[:, frames // 2],
    }
    table = {name: recalls(latent, pairs, sentences) for name, latent in rows.items()}
    share = F.one_hot(pairs, len(sentences)).double().mean(0)
    chance = {"text_at_1": 1 / 64, "text_at_5": 5 / 64}
    chance |= {f"motion_at_{k}": float((1 - (1 - share[share > 0]) ** k).mean()) for k in (1, 5)}
    return table | {"chance": chance}


def speed_m_s(motion: Tensor) -> Tensor:
    """Mean speed (N,) of the joints of motions (N, F, 24, 6)."""
    return FPS * joints_of(motion).diff(dim=1).norm(dim=-1).mean((1, 2))


def acceleration_m_s2(motion: Tensor) -> float:
    """Mean acceleration of the joints of motions (N, F, 24, 6): what trembles has more."""
    return FPS**2 * float(joints_of(motion).diff(n=2, dim=1).norm(dim=-1).mean())


@torch.inference_mode()
def pace(at: Studio) -> dict[str, dict[str, float]]:
    """Mean speed in m/s of what is done slowly, as usual and quickly: of true motions, and of generated ones.

    One still frame shows no pace, so CLIP never had to learn these two words.
    """
    true = sample_motions(600, 0, "test")
    moves = torch.tensor([
        not {LEG_NAMES[legs], ARM_NAMES[arms]} <= set(STILL)
        for legs, arms in zip(true.legs_id.tolist(), true.arms_id.tolist(), strict=True)
    ])  # fmt: skip
    speed = speed_m_s(rotations_of(true))
    out: dict[str, dict[str, float]] = {"true": {}, "generated": {}}
    for k, word in enumerate(("slowly", "", "quickly")):
        out["true"][word or "as usual"] = float(speed[moves & (true.pace_id == k)].mean())
        texts = [
            action_text(legs, arms, pace=word)
            for legs, arms in itertools.product(LEG_NAMES, ARM_NAMES)
            if not {legs, arms} <= set(STILL) and (legs, arms) not in HELD_OUT_ACTIONS
        ]
        made = text_to_motion(at.model, at.clip, texts, FRAMES)
        out["generated"][word or "as usual"] = float(speed_m_s(made).mean())
    return out


@torch.inference_mode()
def smoothness(at: Studio) -> dict[str, float]:
    """Mean acceleration in m/s² of true test motions, of the same made again, and of generated ones."""
    motion = rotations_of(sample_motions(300, 0, "test"))
    made = text_to_motion(at.model, at.clip, action_sentences()[:48], FRAMES)
    return {
        "true": acceleration_m_s2(motion),
        "made again": acceleration_m_s2(at.model(motion)[1]),
        "generated": acceleration_m_s2(made),
    }


@torch.inference_mode()
def between(at: Studio, first: str, second: str, steps: int = 5) -> tuple[Tensor, list[tuple[str, str]]]:
    """Go from one sentence to another in CLIP's space.

    Returns
    -------
    motion : Tensor
        (steps, F, 24, 6).
    named : list of (str, str)
        What the judge sees legs and arms do at each step.
    """
    ends = at.clip.texts([first, second])  # (2, D)
    share = torch.linspace(0, 1, steps)[:, None]
    motion = at.model.decode((1 - share) * ends[:1] + share * ends[1:], FRAMES)
    return motion, named(at.judge, motion)


def named(judge: ActionJudge, motion: Tensor) -> list[tuple[str, str]]:
    """Return what the judge sees legs and arms do in each motion."""
    legs, arms = judge.names(motion)
    return [(LEG_NAMES[i], ARM_NAMES[j]) for i, j in zip(legs.tolist(), arms.tolist(), strict=True)]


@torch.inference_mode()
def arithmetic(at: Studio) -> dict[str, dict[str, float]]:
    """Take "walks and waves", less "walks", plus "runs": does the figure run and wave?

    Over all triples of two legs' actions and one of the arms, as share of the motions that show what the sum
    means, by whether the pair that comes out was seen in training; beside it the result's own sentence.
    """
    gestures = [arms for arms in ARM_NAMES if arms != "free"]
    asked = [
        (a, b, arms) for a, b, arms in itertools.product(LEG_NAMES, LEG_NAMES, gestures) if a != b
    ]  # fmt: skip
    texts = action_sentences()
    of = dict(zip(texts, at.clip.texts(texts), strict=True))

    def at_text(legs: str, arms: str) -> Tensor:
        return of[action_text(legs, arms)]

    sums = torch.stack([at_text(a, arms) - at_text(a, "free") + at_text(b, "free") for a, b, arms in asked])
    direct = torch.stack([at_text(b, arms) for _, b, arms in asked])
    new = torch.tensor([(b, arms) in HELD_OUT_ACTIONS for _, b, arms in asked])
    want = [(b, arms) for _, b, arms in asked]
    out: dict[str, dict[str, float]] = {}
    for name, latent in (("sum", sums), ("sentence", direct)):
        shown = named(at.judge, at.model.decode(latent, FRAMES))
        right = torch.tensor([got == ask for got, ask in zip(shown, want, strict=True)]).double()
        out[name] = {"seen pairs": float(right[~new].mean()), "held-out pairs": float(right[new].mean())}
    return out
