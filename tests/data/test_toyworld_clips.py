"""Clips of the toy world: exact motion, steady identities, the same whatever their length, cleanly split."""

from dataclasses import fields
from itertools import pairwise

import pytest
import torch

from lecture_utils.data.toyworld import (
    CLIP_FIELDS,
    Clips,
    ClipSample,
    Motion,
    Objects,
    Scenes,
    render,
    render_clips,
    sample_clips,
    sample_scenes,
    video,
)
from lecture_utils.ops.flow_warp import warp
from tests.mutants import planted

pytestmark = pytest.mark.system("S00.3")
STILL = (0.0, 0.0)
NONE = Motion(STILL, STILL, STILL, STILL)
MOTIONS = {
    "camera": Motion(STILL, STILL, STILL, (0.10, 0.12)),
    "speed": Motion((0.10, 0.14), STILL, STILL, STILL),
    "turn": Motion(STILL, (3.0, 4.0), STILL, STILL),
    "approach": Motion(STILL, STILL, (0.010, 0.015), STILL),
}
# Mean difference of a frame from the one before it, warped, where known: 256 pixels, of objects and of stuff.
# Measured 0.0040, 0.0039, 0.0096 (the light on what turns changes), 0.0061; stuff's is that of shadows.
LEFT = {
    "camera": (0.006, 0.0012),
    "speed": (0.006, 0.003),
    "turn": (0.013, 0.001),
    "approach": (0.009, 0.002),
}


def same(a: Scenes, b: Scenes) -> bool:
    return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Scenes))


def differences(sample: ClipSample, moved: bool = True) -> tuple[float, float]:
    """Mean difference of frames t − 1 and t where known, on things and on stuff, along the flow or not."""
    now, before = sample.image[:, 1:].flatten(0, 1), sample.image[:, :-1].flatten(0, 1)
    flow = sample.flow[:, 1:].flatten(0, 1)
    gap = (warp(before, flow if moved else 0 * flow) - now).abs().mean(1)
    known, thing = sample.known[:, 1:].flatten(0, 1), sample.instance[:, 1:].flatten(0, 1) > 0
    return float(gap[known & thing].mean()), float(gap[known & ~thing].mean())


@pytest.mark.parametrize("kind", MOTIONS)
def test_the_frame_before_warped_by_the_flow_is_the_frame(kind: str) -> None:
    sample = render_clips(sample_clips(6, 4, motion=MOTIONS[kind]), 256)
    (thing, stuff), (thing_unmoved, stuff_unmoved) = differences(sample), differences(sample, moved=False)
    assert thing < LEFT[kind][0] and stuff < LEFT[kind][1], (thing, stuff)
    assert thing_unmoved > 2.5 * thing
    if kind == "camera":
        assert stuff_unmoved > 5 * stuff
    assert sample.known[:, 1:].float().mean() > 0.95 and not sample.known[:, 0].any()
    assert not sample.flow[:, 0].any()


def test_finer_pictures_leave_less_of_a_difference() -> None:
    clips = sample_clips(6, 3, motion=MOTIONS["camera"])
    errors = [differences(render_clips(clips, size)) for size in (64, 128, 256)]
    for coarse, fine in pairwise(errors):
        assert fine[0] < 0.7 * coarse[0] and fine[1] < 0.7 * coarse[1], errors


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("turn", "scale * turned.cos(), scale * turned.sin()", "scale * turned.cos(), -scale * turned.sin()"),
        ("turn", "before.turn.double() - now.turn.double()", "now.turn.double() - before.turn.double()"),
        ("turn", "ex - a * cx + b * cy, ey", "ex - a * cx - b * cy, ey"),
        ("approach", "scale * turned.cos(), scale * turned.sin()", "turned.cos(), turned.sin()"),
        ("approach", "before.radius.double() / now.radius", "now.radius.double() / before.radius"),
        ("speed", "ex - a * cx + b * cy, ey", "cx - a * ex + b * ey, ey"),
        ("camera", "(carried.float()[:, None] * drop)", "-(carried.float()[:, None] * drop)"),
        ("camera", "xy - now.horizon", "xy + 0.1 - now.horizon"),
    ],
)
def test_a_wrong_flow_is_seen(kind: str, right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from lecture_utils.data.toyworld.surfaces import moving

    broken = planted("lecture_utils.data.toyworld.surfaces.moving", (right, wrong))
    monkeypatch.setattr(moving, "flow_since", broken.flow_since)
    thing, stuff = differences(render_clips(sample_clips(6, 3, motion=MOTIONS[kind]), 256))
    assert thing >= LEFT[kind][0] or stuff >= LEFT[kind][1]


@pytest.mark.parametrize("wrong", ["-camera / background._TILE_M", "0 * camera"])
def test_a_wrong_ground_is_seen(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from lecture_utils.data.toyworld.surfaces import moving

    broken = planted("lecture_utils.data.toyworld.surfaces.moving", ("camera / background._TILE_M", wrong))
    monkeypatch.setattr(moving, "paint_seen", broken.paint_seen)
    assert differences(render_clips(sample_clips(6, 3, motion=MOTIONS["camera"]), 256))[1] > 3e-3


@pytest.mark.parametrize("wrong", [None, "y - (camera.float()", "y + 0 * (camera.float()"])
def test_the_shore_moves_as_the_ground_does(wrong: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ground that was in the picture was of the same kind, but for rounding at the shore."""
    from lecture_utils.data.toyworld.surfaces import moving

    if wrong:
        broken = planted("lecture_utils.data.toyworld.surfaces.moving", ("y + (camera.float()", wrong))
        monkeypatch.setattr(moving, "below_shore", broken.below_shore)
    clips = sample_clips(40, 4, motion=MOTIONS["camera"], objects=Objects(count=0))
    sample = render_clips(clips, 128, only=("flow", "known"))
    x = torch.arange(128) + 0.5 + sample.flow[:, 1:, 0]
    inside = (x >= 0) & (x < 128)
    changed = float((inside & ~sample.known[:, 1:]).float().mean())
    assert (changed < 0.0002) == (wrong is None), changed


def test_identities_follow_the_flow() -> None:
    sample = video(12, 5, seed=4)
    column = torch.arange(64) + 0.5 + sample.flow[:, 1:, 0]
    row = torch.arange(64)[:, None] + 0.5 + sample.flow[:, 1:, 1]
    nearest = row.floor().long().clamp(0, 63) * 64 + column.floor().long().clamp(0, 63)
    for name in ("instance", "semantic", "panoptic"):
        now, before = getattr(sample, name)[:, 1:], getattr(sample, name)[:, :-1]
        was = before.flatten(2).gather(2, nearest.flatten(2)).reshape(now.shape)
        assert torch.equal(was[sample.known[:, 1:]], now[sample.known[:, 1:]])


def test_without_motion_all_frames_are_the_picture_that_render_makes() -> None:
    clips = sample_clips(40, 3, motion=NONE, objects=Objects(count=(0, 6)))
    sample, want = render_clips(clips), render(clips.scenes, 64)
    for name in ("image", "instance", "semantic", "panoptic", "boxes", "visibility"):
        assert torch.equal(getattr(sample, name).flatten(0, 1), getattr(want, name)), name
        assert torch.equal(getattr(sample, name)[:, 0], getattr(sample, name)[:, 2]), name
    assert not sample.flow.any() and sample.known[:, 1:].all()
    first = sample_scenes(40, objects=Objects(count=(0, 6)))
    moved = first.moved(centre=first.centre)  # an extent computed as that of the clips
    assert same(clips.scenes[::3], moved)


def test_who_is_who_stays() -> None:
    clips = sample_clips(30, 6, seed=2)
    for name in ("key", "present", "class_id", "colour_id", "material_id", "rgb", "pattern", "light"):
        values = getattr(clips.scenes, name).unflatten(0, (30, 6))
        assert torch.equal(values, values[:, :1].expand_as(values)), name
    sample = render_clips(clips, only=("class_id", "instance", "semantic", "visibility", "boxes", "panoptic"))
    thing = sample.instance > 0
    table = torch.cat([torch.full((30, 1), -9), sample.class_id + 4], dim=1)
    want = table.gather(1, sample.instance.flatten(1)).reshape(sample.instance.shape)
    assert torch.equal(want[thing], sample.semantic[thing])
    assert torch.equal(sample.panoptic, sample.semantic * 1000 + sample.instance)
    seen = torch.stack([(sample.instance == k + 1).flatten(2).any(2) for k in range(4)], dim=2)
    assert torch.equal(seen, sample.visibility > 0)


def test_objects_stay_on_the_ground_and_keep_their_size() -> None:
    clips = sample_clips(40, 20, seed=3)
    scenes = clips.scenes
    foot = scenes.extent[..., 3] - scenes.horizon[:, None]
    here = scenes.present
    torch.testing.assert_close(
        (foot * scenes.depth)[here], torch.full_like(foot, 1.5)[here], atol=1e-4, rtol=0
    )
    metres = (scenes.radius * scenes.depth).unflatten(0, (40, 20))
    torch.testing.assert_close(metres, metres[:, :1].expand_as(metres))
    assert (scenes.depth[here] > 2.5).all() and (scenes.depth[here] < 5.01).all()


def test_objects_cross_hide_one_another_and_come_back() -> None:
    sample = render_clips(sample_clips(150, 24), only=("class_id", "visibility"))
    share, here = sample.visibility, sample.class_id >= 0
    hidden = (share[:, :8].amin(1) < 0.5) & here
    assert hidden.any(1).float().mean() > 0.5  # of clips of 8 frames
    gone = share <= 0.05
    before = (share > 0.05).cummax(1).values
    after = (share > 0.05).flip(1).cummax(1).values.flip(1)
    assert ((gone & before & after).any(1) & here).sum() > 0.1 * here.sum()


def test_a_frame_depends_neither_on_the_clip_s_length_nor_on_other_clips() -> None:
    short, long = sample_clips(5, 4, seed=9), sample_clips(9, 11, seed=9)
    part = long.scenes[[v * 11 + t for v in range(5) for t in range(4)]]
    assert same(short.scenes, part)
    assert torch.equal(short.camera, long.camera[:5, :4])
    alone, batch = render_clips(long[3]), render_clips(long)
    for name in CLIP_FIELDS:
        got, want = getattr(alone, name)[0], getattr(batch, name)[3]
        if got.dtype.is_floating_point:
            torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-6)
        else:
            assert torch.equal(got, want), name
    assert len(long[2:4]) == 2 and long[-1].frames == 11
    with pytest.raises(IndexError, match="clip: got number 9"):
        long[9]


def test_splits_and_seeds_share_no_clip() -> None:
    draws = [sample_clips(200, 1, seed=s, split=p) for s in (0, 1) for p in ("train", "val", "test")]
    keys = torch.cat([d.scenes.key for d in draws])
    assert len(keys.unique()) == len(keys)


def test_targets_are_what_can_be_seen() -> None:
    sample = video(6, 8, seed=1)
    for v in range(6):
        for t in (0, 7):
            boxes, labels, masks, identities = sample.targets(v, t)
            assert len(boxes) == len(labels) == len(masks) == len(identities)
            assert torch.equal(labels, sample.class_id[v, identities - 1])
            for box, mask, identity in zip(boxes, masks, identities, strict=True):
                assert torch.equal(mask, sample.instance[v, t] == identity)
                row, column = mask.nonzero().unbind(1)
                span = [column.min(), row.min(), column.max() + 1, row.max() + 1]
                assert box.tolist() == [float(s) for s in span]
    fewer = [len(sample.targets(v, t, least_seen=0.5)[0]) for v in range(6) for t in range(8)]
    more = [len(sample.targets(v, t)[0]) for v in range(6) for t in range(8)]
    assert sum(fewer) < sum(more)


def test_what_does_not_fit_is_refused() -> None:
    clips = sample_clips(1, 2)
    for bad, message in [
        (lambda: sample_clips(1, 0), "frames: got 0"),
        (lambda: sample_clips(-1), "n: got -1"),
        (lambda: sample_clips(1, split="dev"), "split: got"),
        (lambda: sample_clips(1, motion=Objects()), "motion: got"),
        (lambda: Motion(speed=(0.2, 0.1)), r"Motion.speed: got \(0.2, 0.1\)"),
        (lambda: Motion(turn=(0, 90)), "Motion.turn"),
        (lambda: Motion(approach=(-0.1, 0)), "Motion.approach"),
        (lambda: Motion(camera=0.1), "Motion.camera"),
        (lambda: render_clips(clips.scenes), "clips: got Scenes"),
        (lambda: render_clips(clips, 4), "size: got 4"),
        (lambda: render_clips(clips, only="depth"), "only: got depth"),
        (lambda: render_clips(clips).targets(1, 0), "clip: got 1"),
        (lambda: render_clips(clips).targets(0, 2), "frame: got 2"),
    ]:
        with pytest.raises(ValueError, match=message):
            bad()
    with pytest.raises(AttributeError, match="ask for it"):
        _ = render_clips(clips, only="instance").image
    assert isinstance(clips, Clips) and len(sample_clips(0).camera) == 0
    assert render_clips(sample_clips(0)).image.shape == (0, 8, 3, 64, 64)
