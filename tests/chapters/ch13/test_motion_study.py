"""The study of MotionCLIP: each measure gives the right number where that number is known beforehand."""

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch13 import motion_study as study
from lecture_utils.chapters.ch13.motion_figures import film, motion_strips
from lecture_utils.data.toyworld.people.actions import ARM_NAMES, LEG_NAMES, action_pairs
from lecture_utils.data.toyworld.people.motions import FPS, sample_motions
from lecture_utils.recipes import _people_motion as shared
from lecture_utils.recipes import _people_motion_clip as training

pytestmark = pytest.mark.system("S13.10")
WORDS = {
    word: k
    for k, names in enumerate((shared.LEG_ACTIONS, shared.ARM_ACTIONS))
    for name, action in names.items()
    for says in action.says
    for word in ((name, k, form) for form in says)
}


class Understands(nn.Module):
    """In CLIP's place: a text's embedding is one-hot for what legs do, and one-hot for what arms do."""

    def texts(self, texts: list[str]) -> Tensor:
        out = torch.zeros(len(texts), 16)
        for row, text in zip(out, texts, strict=True):
            row[8 + ARM_NAMES.index("free")] = 1
            for name, half, form in WORDS:
                if f" {form}" in text:
                    if half:
                        row[8:] = 0
                    row[8 * half + (LEG_NAMES, ARM_NAMES)[half].index(name)] = 1
        return out


class Obeys(nn.Module):
    """In MotionCLIP's place: the "motion" is the latent itself, written into the first numbers."""

    def decode(self, latent: Tensor, frames: int) -> Tensor:
        motion = torch.zeros(len(latent), frames, 24, 6)
        motion[:, :, :4, :4] = latent.view(-1, 1, 4, 4)
        return motion


class Reads(nn.Module):
    """In the judge's place: it reads what was written there."""

    def names(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        legs, arms = motion[:, 0, :4, :4].flatten(1).split(8, dim=1)
        return legs.argmax(1), arms.argmax(1)


@pytest.fixture
def perfect() -> study.Studio:
    return study.Studio(Obeys(), Understands(), Reads())  # type: ignore[arg-type]


def test_who_obeys_is_seen_to_obey(perfect: study.Studio) -> None:
    got = study.obedience(perfect)
    for rows in ("seen pairs", "held-out pairs"):
        assert got[rows] == {"legs": 1.0, "arms": 1.0, "pair": 1.0}
    assert got["chance"] == {"legs": 1 / 8, "arms": 1 / 8, "pair": 1 / 64}


def test_who_never_waves_fails_at_waving_alone(perfect: study.Studio, monkeypatch) -> None:
    deaf = Understands.texts

    def texts(self, asked: list[str]) -> Tensor:
        out = deaf(self, asked)
        out[:, 8 + ARM_NAMES.index("wave")] = 0
        out[:, 8 + ARM_NAMES.index("free")] += 0.5
        return out

    monkeypatch.setattr(Understands, "texts", texts)
    sentences, pairs = training.requests(False)
    waving = sum("wav" in text for text in sentences) / len(sentences)
    got = training.obeyed(*perfect, held_out=False)
    assert got["legs"] == 1 and got["arms"] == pytest.approx(1 - waving) == got["pair"]
    assert len(sentences) == len(pairs) and 0 < waving < 0.2


def test_sums_of_what_is_linear_come_out(perfect: study.Studio) -> None:
    got = study.arithmetic(perfect)
    assert got["sum"] == got["sentence"] == {"seen pairs": 1.0, "held-out pairs": 1.0}


def test_a_walk_from_one_sentence_to_another_begins_and_ends_there(perfect: study.Studio) -> None:
    motion, named = study.between(perfect, "a person walks and waves", "a person sits and claps", 3)
    assert motion.shape == (3, 32, 24, 6)
    assert named[0] == ("walk", "wave") and named[-1] == ("sit", "clap")


def test_requests_are_of_their_pairs_and_the_two_lists_share_none() -> None:
    seen, held = training.requests(False), training.requests(True)
    assert not set(seen[0]) & set(held[0])
    assert {shared.ALL_PAIRS[k] for k in seen[1].tolist()} == set(action_pairs())
    assert {shared.ALL_PAIRS[k] for k in held[1].tolist()} == set(action_pairs(True))


def test_recalls_equal_a_loop() -> None:
    made = torch.Generator().manual_seed(0)
    latent, sentences = torch.randn(20, 6, generator=made), torch.randn(7, 6, generator=made)
    pairs = torch.randint(5, (20,), generator=made)  # two sentences have no motion
    got = training.recalls(latent, pairs, sentences)
    unit = latent / latent.norm(dim=1, keepdim=True)
    for k in (1, 5):
        text = sum(int(p) in (unit[i] @ sentences.T).topk(k).indices.tolist() for i, p in enumerate(pairs))
        assert got[f"text_at_{k}"] == pytest.approx(text / 20)
        found = [
            any(int(pairs[i]) == a for i in (unit @ sentences[a]).topk(k).indices.tolist()) for a in range(5)
        ]
        assert got[f"motion_at_{k}"] == pytest.approx(sum(found) / 5)


def test_speed_and_acceleration_are_those_of_a_turning_arm() -> None:
    """An upper arm that turns at 1 rad/s about its shoulder: what hangs at 0.3 m goes 0.3 m/s."""
    pose = torch.zeros(1, 20, 24, 3)
    pose[0, :, 16, 2] = torch.arange(20) / FPS
    motion = shared.pose_to_rotation_6d(pose)
    rest, _ = shared.rest_joints()
    arms = [18, 20, 22]  # elbow, wrist, hand
    radius = sum(float((rest[j] - rest[16])[:2].norm()) for j in arms)
    assert float(study.speed_m_s(motion)) == pytest.approx(radius / 24, rel=1e-2)
    assert study.acceleration_m_s2(motion) == pytest.approx(radius / 24, rel=1e-2)  # ω² r


def test_frames_are_those_that_were_asked_for() -> None:
    motion = shared.rotations_of(sample_motions(2, 0, frames=6))
    some = torch.tensor([[0, 5], [3, 3]])
    pictures = shared.motion_pictures(motion, some, 0)
    assert pictures.shape == (2, 2, 3, 32, 32)
    alone = shared.motion_pictures(motion[:1, [0, 5]], torch.tensor([[0, 1]]), 0)
    torch.testing.assert_close(pictures[:1], alone)
    chosen = shared.some_frames(500, 2, 6, 0)
    assert chosen.unique().tolist() == list(range(6)) and torch.equal(
        chosen, shared.some_frames(500, 2, 6, 0)
    )


def test_figures_have_a_row_a_motion_and_a_film_a_picture_a_frame() -> None:
    motion = shared.rotations_of(sample_motions(2, 0, frames=5))
    assert film(motion, size=24).shape == (2, 5, 3, 24, 24)
    assert len(motion_strips(motion, ["one", "two"], shown=3, size=24).axes) == 2
    with pytest.raises(ValueError, match="titles: got 1 for 2"):
        motion_strips(motion, ["one"])
