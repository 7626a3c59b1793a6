"""Scenes of the toy world: the same whatever the batch and resolution, cleanly split, well guarded."""

import ast
import hashlib
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lecture_utils.data import toyworld
from lecture_utils.data.toyworld import (
    FIELDS,
    HELD_OUT,
    Ground,
    Light,
    Objects,
    Scenes,
    classification,
    render,
    sample_scenes,
)

pytestmark = pytest.mark.system("S00.3")
GOLDEN = Path(__file__).with_name("toyworld_golden.json")
IMPORTS = (ast.Import, ast.ImportFrom)
# Change this only together with a note to everyone whose stored weights and claims were made from the old
# scenes.
PUBLISHED = [4.0, 5.0, 0.17216, 0.4055, 0.37876]


def same(a: Scenes, b: Scenes) -> bool:
    return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Scenes))


@pytest.mark.parametrize("size", [32, 64, 101])
def test_a_scene_alone_is_the_scene_in_a_batch(size: int) -> None:
    scenes = sample_scenes(150, seed=5, objects=Objects(count=(0, 6)))  # several chunks at every size
    batch = render(scenes, size)
    for i in (0, 7, 63, 64, 149):
        alone = render(scenes[i], size)
        for name in FIELDS:
            got, want = getattr(alone, name), getattr(batch, name)[i : i + 1]
            if name == "captions":
                assert got == want
            elif got.dtype.is_floating_point:
                torch.testing.assert_close(got, want, atol=1e-6, rtol=1e-6)
            else:
                assert torch.equal(got, want), name


def test_the_same_scene_at_two_resolutions_is_the_same_scene() -> None:
    scenes = sample_scenes(48, seed=6, objects=Objects(count=(1, 5)))
    low, high = render(scenes, 64), render(scenes, 128)
    share = F.avg_pool2d(high.silhouette.float(), 2)
    assert (
        (low.silhouette[share == 1]).float().mean() > 0.9995
    )  # all four fine centres inside: so is the coarse one, but for thin notches
    assert (low.silhouette[share == 0]).float().mean() < 0.0005
    whole = (low.visibility == 1) & (high.visibility == 1)
    apart = (low.boxes * 2 - high.boxes)[whole].abs()
    assert apart.max() <= 4.0  # two coarse pixels: a sharp tip may miss the centres of both
    assert apart.mean() <= 1.0
    assert torch.allclose(low.boxes_full * 2, high.boxes_full, atol=1e-3)
    assert torch.allclose(low.keypoints[..., :2] * 2, high.keypoints[..., :2], atol=1e-3)
    assert torch.equal(low.keypoints[..., 2], high.keypoints[..., 2])
    large = scenes.radius * scenes.present > 0.1
    assert (low.visibility - high.visibility)[large].abs().max() < 0.06
    assert (low.semantic == high.semantic[:, ::2, ::2]).float().mean() > 0.97
    assert (low.image - F.avg_pool2d(high.image, 2)).abs().mean() < 0.012


def test_scene_i_does_not_depend_on_n() -> None:
    assert same(sample_scenes(9, seed=3), sample_scenes(40, seed=3)[:9])
    assert same(sample_scenes(40, seed=3)[17], sample_scenes(18, seed=3)[17:])


def test_seeds_and_splits_share_no_scene() -> None:
    keys = torch.cat(
        [sample_scenes(2000, seed=s, split=split).key for s in (0, 1, 2) for split in toyworld.SPLITS]
    )
    assert len(keys.unique()) == len(keys)
    a, b = (sample_scenes(500, seed=0, split=s) for s in ("train", "test"))
    assert len(torch.cat([a.centre[:, 0], b.centre[:, 0]]).unique(dim=0)) == 1000


@pytest.mark.parametrize("split", toyworld.SPLITS)
def test_held_out_pairs_occur_only_when_asked_for(split: str) -> None:
    assert len(HELD_OUT) == 16
    for held_out in (False, True):
        scenes = sample_scenes(1500, seed=4, split=split, objects=Objects(held_out=held_out))
        pairs = {
            tuple(p) for p in torch.stack([scenes.class_id, scenes.colour_id], -1)[scenes.present].tolist()
        }
        assert pairs == {(c, k) for c in range(8) for k in range(8) if ((c, k) in HELD_OUT) == held_out}


def test_every_class_colour_material_and_stuff_is_drawn_evenly() -> None:
    scenes = sample_scenes(4000, seed=1)
    for name, most in (("class_id", 8), ("colour_id", 8), ("material_id", 4)):
        share = torch.bincount(getattr(scenes, name)[scenes.present], minlength=most) / scenes.present.sum()
        assert len(share) == most and (share * most - 1).abs().max() < 0.12, name
    assert (torch.bincount(scenes.ground[:, 0])[1:] / 4000 * 3 - 1).abs().max() < 0.12
    assert (torch.bincount(scenes.present.sum(1))[1:] / 4000 * 4 - 1).abs().max() < 0.12


def test_overrides_are_kept() -> None:
    scenes = sample_scenes(
        300,
        ground=Ground(kinds=["sand"]),
        light=Light(brightness=(0.3, 0.4)),
        objects=Objects(
            classes=["star", "ball"], colours=["red", "blue"], materials=["dotted"], count=2, turn=0.0
        ),
    )
    assert {toyworld.CLASSES[c] for c in scenes.class_id.unique()} == {"star", "ball"}
    assert {toyworld.COLOURS[c] for c in scenes.colour_id.unique()} == {"red", "blue"}
    assert scenes.material_id.unique().tolist() == [3] and scenes.ground.unique().tolist() == [3]
    assert scenes.brightness.min() >= 0.3 and scenes.brightness.max() <= 0.4
    assert scenes.present.all() and scenes.places == 2 and not scenes.turn.any()


def fingerprint() -> str:
    scenes = sample_scenes(6, seed=8)
    sample = render(scenes, 48)
    parts = (
        scenes.centre,
        scenes.rgb,
        sample.instance,
        sample.boxes,
        (sample.image * 255).round().to(torch.uint8),
    )
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in parts)).hexdigest()


def test_another_process_draws_and_renders_the_same() -> None:
    code = "\n".join(
        [*(ast.unparse(n) for n in ast.parse(Path(__file__).read_text()).body if isinstance(n, IMPORTS)), ""]
    )
    code += inspect.getsource(fingerprint) + "\nprint(fingerprint())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert other.strip() == fingerprint()


GOLDEN_SETTINGS = {
    "ordinary": {},
    "one object": {"objects": toyworld.ONE_OBJECT},
    "held out": {"split": "test", "objects": Objects(count=(0, 6), held_out=True)},
    "narrow": {
        "split": "val",
        "ground": Ground(kinds=("water", "sand")),
        "light": Light(brightness=(0.3, 0.5), azimuth=(-85, 0), elevation=(5, 85), warmth=(-1, -0.5)),
        "objects": Objects(
            count=(2, 5),
            classes=("heart", "ring"),
            materials=("plain", "dotted"),
            distance=(1.6, 8.0),
            turn=0.2,
        ),
    },
}


def golden(settings: dict) -> tuple[str, list[float]]:
    """Hash of everything whole in 40 scenes and their pictures' maps, and means of what is not."""
    scenes = sample_scenes(40, seed=21, **settings)
    sample = render(scenes, 32)
    whole = (scenes.key, scenes.ground, scenes.present, scenes.class_id, scenes.colour_id, scenes.material_id)
    broken = [t for t in (getattr(scenes, f.name) for f in fields(Scenes)) if t.is_floating_point()]
    broken += [sample.image, sample.depth.log(), sample.normals, sample.boxes_full, sample.keypoints]
    digest = hashlib.sha256(b"".join(t.numpy().tobytes() for t in whole))
    return digest.hexdigest()[:16], [float(t.double().mean()) for t in broken]


@pytest.mark.parametrize("name", GOLDEN_SETTINGS)
def test_scenes_and_pictures_are_those_that_weights_and_claims_were_made_from(name: str) -> None:
    digest, means = golden(GOLDEN_SETTINGS[name])
    want = json.loads(GOLDEN.read_text())[name]
    assert digest == want["digest"]
    np.testing.assert_allclose(means, want["means"], rtol=0, atol=2e-5)


def test_scenes_have_not_drifted_since_they_were_first_published() -> None:
    scenes = sample_scenes(1000, seed=123, split="val")
    got = [
        scenes.class_id[999, 0],
        scenes.colour_id[999, 0],
        scenes.centre[999, 0, 0],
        scenes.horizon[7],
        scenes.light[500, 0],
    ]
    assert [round(float(g), 5) for g in got] == PUBLISHED


def test_scenes_index_iterate_and_join() -> None:
    scenes = sample_scenes(10, seed=1)
    assert (
        len(scenes[3]) == 1
        and same(scenes[-1], scenes[9])
        and same(scenes[torch.tensor([4, 2])][1], scenes[2])
    )
    assert same(scenes[[1, 3]], Scenes.cat([scenes[1], scenes[3]])) and len(list(scenes)) == 10
    joined = Scenes.cat([scenes, sample_scenes(3, seed=9, objects=Objects(count=6))])
    assert joined.places == 6 and torch.equal(render(joined, 32).image[:10], render(scenes, 32).image)
    with pytest.raises(IndexError):
        scenes[10]
    with pytest.raises(ValueError, match="at least one"):
        Scenes.cat([])
    with pytest.raises(ValueError, match=r"\(3,\).*\(10,\)"):
        scenes.replace(brightness=torch.ones(3))
    with pytest.raises(ValueError, match="scene parameter: got 'colour'"):
        scenes.replace(colour=torch.ones(10))
    with pytest.raises(ValueError, match="brightness: got list"):
        scenes.replace(brightness=[1.0] * 10)
    with pytest.raises(ValueError, match="centre: got NaN"):
        scenes.moved(centre=scenes.centre * float("nan"))
    with pytest.raises(ValueError, match=r"class_id: got -1 to .*, want 0 to 7"):
        scenes.moved(class_id=scenes.class_id.clamp(max=0) - 1)


def test_moved_objects_take_their_boxes_with_them() -> None:
    scenes = sample_scenes(20, seed=2, objects=Objects(count=1))
    shifted = scenes.moved(centre=scenes.centre + torch.tensor([0.125, 0.0]))
    before, after = render(scenes, 64), render(shifted, 64)
    assert torch.allclose(after.boxes_full, before.boxes_full + torch.tensor([8.0, 0, 8, 0]), atol=1e-3)
    assert torch.equal(after.silhouette[..., 8:], before.silhouette[..., :-8])


def test_no_objects_and_no_scenes() -> None:
    for scenes in (sample_scenes(3, objects=Objects(count=0)), sample_scenes(0)):
        sample = render(scenes, 32)
        assert sample.image.shape == (len(scenes), 3, 32, 32) and not sample.instance.any()
        assert sample.keypoints.shape == (len(scenes), scenes.places, 5, 3)
        assert sample.captions == [c for c in sample.captions if c.startswith("Nothing")]
    images, labels = classification(0)
    assert images.shape == (0, 3, 32, 32) and labels.shape == (0,)


@pytest.mark.parametrize(
    ("settings", "kwargs", "message"),
    [
        (sample_scenes, {"n": -1}, "n: got -1, want"),
        (sample_scenes, {"n": 2.0}, r"n: got 2\.0, want a whole number"),
        (sample_scenes, {"n": True}, "n: got True, want"),
        (sample_scenes, {"n": 2, "seed": -3}, "seed: got -3, want"),
        (sample_scenes, {"n": 2, "seed": 2**63}, "seed: got 9223372036854775808"),
        (sample_scenes, {"n": 2, "split": "dev"}, "split: got 'dev', want one of train, val, test"),
        (sample_scenes, {"n": 2, "split": ["train"]}, "split: got"),
        (sample_scenes, {"n": 2, "objects": 3}, r"objects: got 3, want Objects\(…\)"),
        (sample_scenes, {"n": 2, "ground": "sand"}, "ground: got 'sand', want Ground"),
        (sample_scenes, {"n": 2, "light": None}, "light: got None, want Light"),
        (Objects, {"count": (2, 1)}, r"count: got \(2, 1\), want .*0\.\.8"),
        (Objects, {"count": 9}, "count: got 9"),
        (Objects, {"count": 1.5}, r"count: got 1\.5"),
        (Objects, {"count": (1, 2, 3)}, r"count: got \(1, 2, 3\)"),
        (Objects, {"classes": ["cube"]}, "cube.*ball"),
        (Objects, {"classes": "star"}, "want a list"),
        (Objects, {"classes": [["star"]]}, "want a list"),
        (Objects, {"colours": []}, r"colours: got \[\]"),
        (Objects, {"materials": ["plain", "plain"]}, "different names"),
        (Objects, {"distance": (0.5, 2.0)}, r"distance: got \(0\.5, 2\.0\)"),
        (Objects, {"size": 0.4}, r"size: got 0\.4, want \(low, high\)"),
        (Objects, {"turn": 2.0}, r"turn: got 2\.0"),
        (Objects, {"turn": float("nan")}, "turn: got nan"),
        (Objects, {"turn": "half"}, "turn: got 'half'"),
        (Objects, {"classes": ["ball"], "colours": ["yellow"]}, "no ordinary colour for ball among yellow"),
        (Objects, {"classes": ["ball"], "colours": ["red"], "held_out": True}, "no held-out colour"),
        (Ground, {"kinds": ["sky"]}, "kinds: got .* grass, water, sand"),
        (Light, {"brightness": (1.0, 0.5)}, r"brightness: got \(1.0, 0.5\)"),
        (Light, {"brightness": (float("nan"), 1.0)}, "brightness: got"),
        (Light, {"warmth": ("cool", "warm")}, "warmth: got"),
    ],
)
def test_bad_requests_say_what_was_got_and_wanted(settings: Callable, kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings(**kwargs)


def test_render_checks_its_arguments_and_names_what_was_left_out() -> None:
    scenes = sample_scenes(2)
    with pytest.raises(ValueError, match="size: got 4, want a whole number, 8 to 4096 pixels"):
        render(scenes, 4)
    with pytest.raises(ValueError, match="only: got colour, want some of image"):
        render(scenes, 32, only=("image", "colour"))
    with pytest.raises(ValueError, match="only: got nothing"):
        render(scenes, 32, only=())
    with pytest.raises(ValueError, match=r"size: got 32\.0"):
        render(scenes, 32.0)
    with pytest.raises(ValueError, match="scenes: got dict, want Scenes"):
        render({}, 32)
    sample = render(scenes, 32, only="image")
    assert sample.fields() == ("image",)
    with pytest.raises(AttributeError, match=r"only=\('depth'"):
        _ = sample.depth
    with pytest.raises(AttributeError, match="no 'colour'"):
        _ = sample.colour


@pytest.mark.parametrize("name", FIELDS)
def test_one_field_alone_equals_the_field_among_all(name: str) -> None:
    scenes = sample_scenes(5, seed=12)
    got, want = getattr(render(scenes, 48, only=name), name), getattr(render(scenes, 48), name)
    assert got == want if name == "captions" else torch.equal(got, want)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_rendering_on_a_gpu_agrees_with_the_cpu() -> None:
    scenes = sample_scenes(64, seed=7, objects=Objects(count=(0, 5)))
    here, there = render(scenes, 64), render(scenes, 64, "cuda")
    assert there.image.device.type == "cuda" and there.captions == here.captions
    assert (there.image.cpu() - here.image).abs().mean() < 1e-5
    assert (there.instance.cpu() == here.instance).float().mean() > 0.9999
    assert np.isclose(there.depth.cpu().mean().item(), here.depth.mean().item(), rtol=1e-4)
