"""MotionCLIP (S13.10): an auto-encoder of motions whose latent lies where CLIP puts words and pictures.

    z = E(prefix token, p_1 … p_F)      a transformer encoder; z is what became of the prefix token
    p̂_1 … p̂_F = D(positions; z)         a transformer decoder: a query a frame, and z is all it may look at
    L = L_recon + λ_text (1 - cos(z, CLIP(text))) + λ_image (1 - cos(z, CLIP(a rendered frame)))

CLIP is frozen and not part of the model: it only says where z should be. Then a sentence's embedding takes
z's place, and D makes a motion of it that nobody recorded.

G. Tevet, B. Gordon, A. Hertz, A. Bermano and D. Cohen-Or, "MotionCLIP: Exposing Human Motion Generation to
CLIP Space", ECCV 2022, section 3. As there, a frame is the rotations of all joints in six numbers each (Zhou
et al. 2019), and the figure does not leave its place.

Simplified: joints stand for the skin's vertices in the loss; z is made 1 long, as CLIP's embeddings are; the
layers are pre-norm; small.

Shapes: B motions, F frames, J joints, D width, Z width of the latent.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.body.lbs import forward_kinematics
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.nn.positions import sinusoidal_encoding
from lecture_utils.nn.transformer import DecoderLayer, EncoderLayer
from lecture_utils.ops.checks import check_sizes, check_tensor, check_type, check_whole
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_rotation_6d, rotation_6d_to_matrix


class MotionEncoder(nn.Module):
    """E: frames → latent. A learned prefix token gathers what the frames say (section 3.1).

    Parameters
    ----------
    joints, latent : int
        J and Z.
    dim, heads, hidden, layers : int
        Width D, attention heads, width of the MLPs' middle, layers.
    max_frames : int
        The longest motion.
    """

    positions: Tensor

    def __init__(
        self, joints: int, latent: int, *,
        dim: int = 96, heads: int = 4, hidden: int = 192, layers: int = 2, max_frames: int = 64,
    ) -> None:  # fmt: skip
        super().__init__()
        size = {"joints": joints, "latent": latent, "dim": dim, "layers": layers, "max_frames": max_frames}
        check_sizes("motion encoder", **size)
        self.embed = nn.Linear(6 * joints, dim)
        self.prefix = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.register_buffer("positions", sinusoidal_encoding(max_frames + 1, dim), persistent=False)
        self.layers = nn.ModuleList(EncoderLayer(dim, heads, hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.to_latent = nn.Linear(dim, latent)

    def forward(self, motion: Tensor) -> Tensor:  # (B, F, J, 6)
        most, numbers = len(self.positions) - 1, self.embed.in_features
        check_tensor(motion, "motion", "B", "F", numbers // 6, 6, finite=True, some=True)
        check_type(motion, self.prefix, name="motion")
        if motion.shape[1] > most:
            raise ValueError(f"motion: got {motion.shape[1]} frames, want at most {most}")
        frames = self.embed(motion.flatten(2))  # (B, F, D)
        x = torch.cat([self.prefix.expand(len(frames), -1, -1), frames], dim=1)  # (B, 1 + F, D)
        x = x + self.positions[: x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        z = self.to_latent(self.norm(x[:, 0]))  # (B, Z): what became of the prefix token
        return F.normalize(z, dim=-1)


class MotionDecoder(nn.Module):
    """D: latent → frames, all at once. Parameters are those of `MotionEncoder` (section 3.1)."""

    positions: Tensor

    def __init__(
        self, joints: int, latent: int, *,
        dim: int = 96, heads: int = 4, hidden: int = 192, layers: int = 2, max_frames: int = 64,
    ) -> None:  # fmt: skip
        super().__init__()
        size = {"joints": joints, "latent": latent, "dim": dim, "layers": layers, "max_frames": max_frames}
        check_sizes("motion decoder", **size)
        self.joints = joints
        self.from_latent = nn.Linear(latent, dim)
        self.register_buffer("positions", sinusoidal_encoding(max_frames, dim), persistent=False)
        self.layers = nn.ModuleList(DecoderLayer(dim, heads, hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.to_rotations = nn.Linear(dim, 6 * joints)
        with (
            torch.no_grad()
        ):  # it begins near the rest pose, where six numbers are far from spanning no plane
            self.to_rotations.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]).repeat(joints))

    def forward(self, latent: Tensor, frames: int) -> Tensor:  # (B, Z)
        check_tensor(latent, "latent", "B", self.from_latent.in_features, finite=True, some=True)
        check_type(latent, self.from_latent.weight, name="latent")
        if check_whole(frames, "frames") > len(self.positions):
            raise ValueError(f"frames: got {frames}, want at most {len(self.positions)}")
        memory = self.from_latent(latent)[:, None]  # (B, 1, D): all that the queries may look at
        x = self.positions[:frames].expand(len(latent), -1, -1)  # (B, F, D): a query is a moment, no more
        for layer in self.layers:
            x = layer(x, memory)
        return self.to_rotations(self.norm(x)).unflatten(2, (self.joints, 6))  # (B, F, J, 6)


class MotionCLIP(nn.Module):
    """The auto-encoder. Parameters are those of `MotionEncoder`; Z is the width of CLIP's embeddings."""

    def __init__(
        self, joints: int, latent: int, *,
        dim: int = 96, heads: int = 4, hidden: int = 192, layers: int = 2, max_frames: int = 64,
    ) -> None:  # fmt: skip
        super().__init__()
        size = {"dim": dim, "heads": heads, "hidden": hidden, "layers": layers, "max_frames": max_frames}
        self.encoder = MotionEncoder(joints, latent, **size)
        self.decoder = MotionDecoder(joints, latent, **size)

    def forward(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Return latents (B, Z), 1 long, and the motions (B, F, J, 6) made again from them alone."""
        z = self.encode(motion)
        return z, self.decode(z, motion.shape[1])

    def encode(self, motion: Tensor) -> Tensor:
        """Return latents (B, Z), 1 long, of motions (B, F, J, 6)."""
        return self.encoder(motion)

    def decode(self, latent: Tensor, frames: int) -> Tensor:
        """Return motions (B, F, J, 6) of latents (B, Z), or of embeddings by CLIP, of any length but 0."""
        check_tensor(latent, "latent", "B", "Z", finite=True, some=True)
        if bool((latent.norm(dim=-1) < 1e-12).any()):
            raise ValueError("latent: got one of length 0, want any other length")
        return self.decoder(F.normalize(latent, dim=-1), frames)


def pose_to_rotation_6d(pose: Tensor) -> Tensor:
    """Return motions (B, F, J, 6) as the model has them, of axis-angles (B, F, J, 3) in radians."""
    check_tensor(pose, "pose", "B", "F", "J", 3, finite=True, some=True)
    return matrix_to_rotation_6d(axis_angle_to_matrix(pose))


def motion_joints(motion: Tensor, rest: Tensor, parents: Sequence[int]) -> Tensor:
    """Return the places of the joints (B, F, J, 3) in metres, of one person who moves.

    Parameters
    ----------
    motion : Tensor
        (B, F, J, 6).
    rest : Tensor
        (J, 3), the joints at rest, in metres.
    parents : sequence of int
        J, the joint before each; -1 for the root, which comes first and does not leave its place.
    """
    check_tensor(motion, "motion", "B", "F", "J", 6, finite=True, some=True)
    check_tensor(rest, "rest", motion.shape[2], 3, finite=True)
    check_type(rest, motion, name="rest")
    rotations = rotation_6d_to_matrix(motion).flatten(0, 1)  # (B F, J, 3, 3)
    placed, _ = forward_kinematics(rotations, rest.expand(len(rotations), -1, -1), parents)
    return placed.unflatten(0, motion.shape[:2])


def text_to_motion(model: MotionCLIP, clip: CLIP, texts: Sequence[str], frames: int) -> Tensor:
    """Return motions (B, F, J, 6) of B texts: where CLIP puts a text, a motion's latent might have been."""
    return model.decode(clip.texts(texts), frames)  # (B, Z) → (B, F, J, 6)
