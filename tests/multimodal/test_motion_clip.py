"""MotionCLIP: whole model against torch's transformers, losses against loops, what the latent must carry."""

import math

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.body.skeleton import PARENTS
from lecture_utils.data.toyworld.people.motions import sample_motions
from lecture_utils.multimodal import motion_clip, motion_losses
from lecture_utils.multimodal.motion_clip import (
    MotionCLIP,
    motion_joints,
    pose_to_rotation_6d,
    text_to_motion,
)
from lecture_utils.nn.transformer import DecoderLayer, EncoderLayer
from lecture_utils.ops.rotation import axis_angle_to_matrix, rotation_6d_to_matrix
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S13.10")
SMALL = {"dim": 12, "heads": 3, "hidden": 20, "layers": 2, "max_frames": 9}
REST = 0.4 * torch.randn(24, 3, generator=torch.Generator().manual_seed(5))


def motions(count: int = 3, frames: int = 7) -> Tensor:
    return pose_to_rotation_6d(sample_motions(count, 3, frames=frames).pose)


# --- the whole model is torch's transformers --------------------------------------------------------------
def copied(ours: EncoderLayer | DecoderLayer, theirs: nn.Module) -> nn.Module:
    """Give torch's layer our weights."""
    attentions = (
        [(ours.attention, theirs.self_attn)]
        if isinstance(ours, EncoderLayer)
        else [(ours.self_attention, theirs.self_attn), (ours.cross_attention, theirs.multihead_attn)]
    )
    with torch.no_grad():
        for mine, other in attentions:
            parts = mine.to_query, mine.to_key, mine.to_value
            other.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
            other.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
            other.out_proj.load_state_dict(mine.to_output.state_dict())
    for mine, other in [("mlp.fc1", "linear1"), ("mlp.fc2", "linear2")] + [
        (f"norm{i}",) * 2 for i in (1, 2, 3)
    ]:
        if hasattr(theirs, other):
            theirs.get_submodule(other).load_state_dict(ours.get_submodule(mine).state_dict())
    return theirs


def sines(count: int, dim: int) -> Tensor:
    """Positions, number by number."""
    turn = [[n / 10_000 ** ((k - k % 2) / dim) for k in range(dim)] for n in range(count)]
    return torch.tensor([[(math.sin, math.cos)[k % 2](angle) for k, angle in enumerate(row)] for row in turn])


def by_torch(ours: MotionCLIP, motion: Tensor) -> Tensor:
    """The auto-encoder of torch's own layers, with our weights."""
    e, d = ours.encoder, ours.decoder
    same = {"dropout": 0.0, "norm_first": True, "batch_first": True, "activation": "gelu"}
    x = e.embed(motion.reshape(*motion.shape[:2], -1))
    x = torch.cat([e.prefix.repeat(len(x), 1, 1), x], dim=1) + sines(motion.shape[1] + 1, 12)
    for layer in e.layers:
        x = copied(layer, nn.TransformerEncoderLayer(12, 3, 20, **same).eval())(x)
    z = nn.functional.normalize(e.to_latent(e.norm(x)[:, 0]), dim=1)
    y = sines(motion.shape[1], 12)[None].repeat(len(x), 1, 1)
    memory = d.from_latent(z).unsqueeze(1)
    for layer in d.layers:
        y = copied(layer, nn.TransformerDecoderLayer(12, 3, 20, **same).eval())(y, memory)
    return row(z, d.to_rotations(d.norm(y)).reshape(motion.shape))


def lively(module=motion_clip) -> tuple[MotionCLIP, list[Tensor]]:
    torch.manual_seed(0)
    model = module.MotionCLIP(24, 5, **SMALL).eval()
    inputs = [motions(4)[:2], motions(4)[2:]]
    with torch.no_grad():
        for half in (model.encoder, model.decoder):  # positions are a formula, and stay
            half.kept = half.positions.clone()
        liven(Outputs(model), *inputs, tolerance=1e-5)
        for half in (model.encoder, model.decoder):
            half.positions.copy_(half.kept)
            del half.kept
    return model, inputs


class Outputs(nn.Module):
    """What a comparison sees: the latent and the motion that was made again, in one row."""

    def __init__(self, model: MotionCLIP) -> None:
        super().__init__()
        self.model = model

    def forward(self, motion: Tensor) -> Tensor:
        return row(*self.model(motion))


def row(latent: Tensor, motion: Tensor) -> Tensor:
    return torch.cat([latent, motion.flatten(1)], dim=1)


def compare(model: MotionCLIP, inputs: list[Tensor]) -> None:
    with torch.inference_mode():
        assert_parity(Outputs(model), lambda x: by_torch(model, x), *inputs, tolerance=1e-5)


def test_the_whole_model_equals_torch_s_transformers() -> None:
    compare(*lively())


@pytest.mark.parametrize(
    "fault",
    [
        ("self.norm(x[:, 0])", "self.norm(x[:, 1])"),  # a frame's token, not the prefix's
        ("x = x + self.positions[: x.shape[1]]", "x = x + self.positions[1 : x.shape[1] + 1]"),
        ("torch.cat([self.prefix.expand(len(frames), -1, -1), frames], dim=1)",
         "torch.cat([frames, self.prefix.expand(len(frames), -1, -1)], dim=1)"),
        ("        return F.normalize(z, dim=-1)", "        return z"),
        ("x = layer(x, memory)", "x = layer(x, memory) + memory"),
        ("self.to_rotations(self.norm(x))", "self.to_rotations(x)"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    model, inputs = lively(planted("lecture_utils.multimodal.motion_clip", fault))
    with pytest.raises(AssertionError, match="outputs differ"):
        compare(model, inputs)


def test_the_decoder_sees_nothing_but_the_latent() -> None:
    model, (motion, _) = lively()
    z, made = model(motion)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(model.decode(z, 7), made)
    torch.testing.assert_close(model.decode(3 * z, 7), made)  # an embedding's length says nothing
    assert model.decode(z[:1], 1).shape == (1, 1, 24, 6)


def test_the_latent_depends_on_the_order_of_the_frames() -> None:
    model, (motion, _) = lively()
    with torch.no_grad():
        assert float((model.encode(motion.flip(1)) - model.encode(motion)).abs().max()) > 1e-3


def test_an_untrained_decoder_puts_out_rotations_near_rest() -> None:
    with torch.no_grad():
        made = MotionCLIP(24, 5, **SMALL).decode(torch.eye(5), 9)
    assert float((rotation_6d_to_matrix(made) - torch.eye(3)).norm(dim=(-2, -1)).mean()) < 1.5


# --- joints and losses, one number at a time --------------------------------------------------------------
def test_joints_are_where_a_loop_down_the_tree_puts_them() -> None:
    pose = sample_motions(2, 1, frames=3).pose
    got = motion_joints(pose_to_rotation_6d(pose), REST, PARENTS)
    for n in range(2):
        for f in range(3):
            turned, placed = {}, {}
            for j, parent in enumerate(PARENTS):
                own = axis_angle_to_matrix(pose[n, f, j])
                turned[j] = own if j == 0 else turned[parent] @ own
                placed[j] = REST[0] if j == 0 else placed[parent] + turned[parent] @ (REST[j] - REST[parent])
                torch.testing.assert_close(got[n, f, j], placed[j], rtol=1e-5, atol=1e-5)


def two() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    made = torch.Generator().manual_seed(1)
    return tuple(torch.randn(2, 3, *last, generator=made) for last in ((4, 6), (4, 6), (5, 3), (5, 3)))


def loops(guess: Tensor, motion: Tensor, guess_joints: Tensor, joints: Tensor) -> list[float]:
    """L_recon as the paper sums it."""
    batch, frames = motion.shape[:2]
    parts = [0.0, 0.0, 0.0]
    for b in range(batch):
        for f in range(frames):
            parts[0] += float((guess[b, f] - motion[b, f]).pow(2).sum()) / (batch * frames * 24)
            parts[1] += float((guess_joints[b, f] - joints[b, f]).pow(2).sum()) / (batch * frames * 15)
            if f:
                steps = (guess[b, f] - guess[b, f - 1]) - (motion[b, f] - motion[b, f - 1])
                parts[2] += float(steps.pow(2).sum()) / (batch * (frames - 1) * 24)
    return parts


def test_the_reconstruction_loss_is_the_paper_s_sum() -> None:
    got = motion_losses.reconstruction_loss(*two())
    torch.testing.assert_close(torch.stack(list(got)), torch.tensor(loops(*two())), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "fault",
    [
        ("rotations=(guess - motion).square().mean()", "rotations=(guess - motion).abs().mean()"),
        ("joints=(guess_joints - joints).square().mean()", "joints=(guess_joints - joints).square().sum()"),
        ("guess.diff(dim=1) - motion.diff(dim=1)", "guess.diff(dim=2) - motion.diff(dim=2)"),
    ],
)
def test_a_planted_fault_in_the_reconstruction_loss_is_seen(fault: tuple[str, str]) -> None:
    got = planted("lecture_utils.multimodal.motion_losses", fault).reconstruction_loss(*two())
    assert not torch.allclose(torch.stack(list(got)), torch.tensor(loops(*two())), rtol=1e-3)


def test_the_velocity_part_forgives_a_constant_error_and_the_others_do_not() -> None:
    _, motion, _, joints = two()
    got = motion_losses.reconstruction_loss(motion + 1, motion, joints + 1, joints)
    torch.testing.assert_close(torch.stack(list(got)), torch.tensor([1.0, 1.0, 0.0]), rtol=0, atol=1e-5)


def test_the_alignment_loss_is_one_minus_the_cosine_whatever_the_lengths() -> None:
    z, e = torch.randn(4, 5), torch.randn(4, 5)
    want = sum(1 - float(a @ b) / float(a.norm() * b.norm()) for a, b in zip(z, e, strict=True)) / 4
    for left, right in ((z, e), (7 * z, 0.1 * e)):
        assert float(motion_losses.alignment_loss(left, right)) == pytest.approx(want, abs=1e-5)
    assert float(motion_losses.alignment_loss(z, -z)) == pytest.approx(2, abs=1e-5)


def test_the_whole_loss_is_its_parts_weighted() -> None:
    torch.manual_seed(0)
    model, motion = MotionCLIP(24, 5, **SMALL), motions()
    text, image = torch.randn(3, 5), torch.randn(3, 5)
    z, guess = model(motion)
    places = [motion_joints(x, REST, PARENTS) for x in (guess, motion)]
    base = sum(motion_losses.reconstruction_loss(guess, motion, *places))
    words, views = (motion_losses.alignment_loss(z, e) for e in (text, image))
    given = model, motion, REST, PARENTS, text
    for more, want in (
        ({}, base + 0.01 * words),
        ({"image": image}, base + 0.01 * words + 0.01 * views),
        ({"image": image, "text_weight": 2, "image_weight": 3}, base + 2 * words + 3 * views),
    ):
        torch.testing.assert_close(motion_losses.motion_clip_loss(*given, **more), want)


def test_one_batch_is_learned_and_its_texts_are_then_motions() -> None:
    """Four motions, four sentences' embeddings: each embedding alone brings its motion back."""
    torch.manual_seed(0)
    model, motion = MotionCLIP(24, 8, **SMALL | {"dim": 24}), motions(4, 6)
    words = nn.functional.normalize(torch.randn(4, 8), dim=1)

    class Said:
        def texts(self, texts: list[str]) -> Tensor:
            return words[[int(text) for text in texts]]

    def error() -> Tensor:
        made = text_to_motion(model, Said(), ["0", "1", "2", "3"], 6)  # type: ignore[arg-type]
        return (made[:, None] - motion).square().mean((2, 3, 4))  # (made, true)

    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    start = float(error().diagonal().mean())
    for _ in range(120):
        loss = motion_losses.motion_clip_loss(model, motion, REST, PARENTS, words, text_weight=1.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert error().argmin(1).tolist() == [0, 1, 2, 3]
    assert float(error().diagonal().mean()) < start / 5


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: m.encode(motions(1, 7)[:, :, :, :3]), "motion: got"),
        (lambda m: m.encode(motions(1, 10)), "motion: got 10 frames, want at most 9"),
        (lambda m: m.encode(motions(1, 7) * math.nan), "motion"),
        (lambda m: m.decode(torch.zeros(1, 5), 7), "latent: got one of length 0"),
        (lambda m: m.decode(torch.randn(1, 4), 7), "latent: got"),
        (lambda m: m.decode(torch.randn(1, 5), 10), "frames: got 10, want at most 9"),
        (lambda m: motion_losses.alignment_loss(torch.zeros(1, 5), torch.ones(1, 5)), "latent: got one of"),
    ],
)
def test_what_cannot_be_is_refused(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call(MotionCLIP(24, 5, **SMALL))
