"""Good calls of motions: what people do, small pictures of it, and MotionCLIP."""

import torch
from torch import Tensor, nn

from lecture_utils.body.skeleton import PARENTS
from lecture_utils.multimodal.motion_clip import MotionCLIP
from tests.bad_calls import count, floats, made, number, word
from tests.good_calls.makers import Call

DRAWN = {"count": count(2), "seed": count(0, zero=True), "split": word("train")}
SIZES = {"joints": count(24), "latent": count(5), "dim": count(8), "heads": count(2), "hidden": count(12),
    "layers": count(1), "max_frames": count(6)}  # fmt: skip
MODEL = made(lambda: MotionCLIP(24, 5, dim=8, heads=2, hidden=12, layers=1, max_frames=6))
ENCODER, DECODER = (made(lambda part=part: getattr(MODEL.make(), part)) for part in ("encoder", "decoder"))
MOTION = floats(2, 4, 24, 6)
LATENT = floats(2, 5)
REST, TREE = floats(24, 3), made(lambda: PARENTS)


class Words(nn.Module):
    """In CLIP's place: any text, somewhere."""

    def texts(self, texts: list[str]) -> Tensor:
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts) or not texts:
            raise ValueError(f"texts: got {texts!r}, want a list of str")
        return torch.eye(5)[: len(texts)]


GOOD: dict[str, dict[str, Call]] = {
    "data.toyworld.people.actions": {
        "action_pairs": {"held_out": True},
        "action_text": {"legs": word("walk"), "arms": word("wave"), "form": count(1, zero=True),
            "side": word("left"), "pace": word("slowly")},
    },
    "data.toyworld.people.motions": {
        "sample_motions": {**DRAWN, "frames": count(3), "held_out": False, "start": number(0.1)},
    },
    "data.toyworld.people.sticks": {
        "stick_looks": DRAWN | {"count": count(2, zero=True)},
        "stick_pictures": {"joints": floats(2, 24, 3), "azimuth_deg": floats(2),
            "colours": floats(2, 3, 3, of=lambda x: x), "size": count(8)},
    },
    "multimodal.motion_clip": {
        "MotionEncoder": SIZES,
        "MotionEncoder.forward": {"self": ENCODER, "motion": MOTION},
        "MotionDecoder": SIZES,
        "MotionDecoder.forward": {"self": DECODER, "latent": LATENT, "frames": count(4)},
        "MotionCLIP": SIZES,
        "MotionCLIP.forward": {"self": MODEL, "motion": MOTION},
        "MotionCLIP.encode": {"self": MODEL, "motion": MOTION},
        "MotionCLIP.decode": {"self": MODEL, "latent": LATENT, "frames": count(4)},
        "pose_to_rotation_6d": {"pose": floats(2, 4, 24, 3)},
        "motion_joints": {"motion": MOTION, "rest": REST, "parents": TREE},
        "text_to_motion": {"model": MODEL, "clip": made(Words), "texts": ["a", "b"], "frames": count(4)},
    },
    "multimodal.motion_losses": {
        "reconstruction_loss": {"guess": MOTION, "motion": MOTION, "guess_joints": floats(2, 4, 24, 3),
            "joints": floats(2, 4, 24, 3)},
        "alignment_loss": {"latent": LATENT, "embedding": LATENT},
        "motion_clip_loss": {"model": MODEL, "motion": MOTION, "rest": REST, "parents": TREE, "text": LATENT,
            "image": LATENT, "text_weight": number(0.01), "image_weight": number(0.01)},
    },
}  # fmt: skip
