"""What the toy world looks like and says: light, shadow, materials, colours, soft edges, captions."""

import re

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from torch.nn import functional as F

from lecture_utils.data.toyworld import (
    CLASSES,
    COLOUR_RGB,
    COLOURS,
    MATERIALS,
    STUFF,
    Light,
    Objects,
    Scenes,
    render,
    sample_scenes,
)
from lecture_utils.data.toyworld.captions import SEEN

pytestmark = pytest.mark.system("S00.3")


def image(scenes: Scenes, size: int = 64) -> torch.Tensor:
    return render(scenes, size, only="image").image


def test_pictures_are_in_range_and_use_it() -> None:
    pictures = image(sample_scenes(200, seed=1, objects=Objects(count=(0, 6))))
    assert pictures.isfinite().all() and pictures.min() >= 0 and pictures.max() <= 1
    assert pictures.quantile(0.01) < 0.2 and pictures[:, :, ::4].quantile(0.99) > 0.85
    assert (pictures == 1).float().mean() < 0.02  # hardly anything is burnt out


def test_named_colours_are_far_apart_and_no_jitter_crosses_over() -> None:
    named = rgb2lab(COLOUR_RGB)
    apart = deltaE_ciede2000(named[:, None], named[None])
    assert apart[~np.eye(len(named), dtype=bool)].min() > 12
    scenes = sample_scenes(3000, seed=2)
    drawn = rgb2lab(scenes.rgb[scenes.present].double().numpy())
    nearest = deltaE_ciede2000(drawn[:, None], named[None]).argmin(1)
    assert (nearest == scenes.colour_id[scenes.present].numpy()).all()


def test_plain_objects_look_like_their_colour() -> None:
    scenes = sample_scenes(
        300,
        seed=3,
        light=Light(brightness=(1, 1), warmth=(0, 0)),
        objects=Objects(count=1, materials=["plain"]),
    )
    sample = render(scenes, 64, only=("image", "instance"))
    named = rgb2lab(COLOUR_RGB)
    right = 0
    for n, colour in enumerate(scenes.colour_id[:, 0].tolist()):
        rgb = sample.image[n][:, sample.instance[n] == 1].median(1).values.double().numpy()
        lab = rgb2lab(rgb) - named  # light changes lightness; hue and chroma carry the name
        right += int(np.argmin(0.15 * lab[:, 0] ** 2 + lab[:, 1] ** 2 + lab[:, 2] ** 2) == colour)
    assert right / 300 > 0.95


def test_materials_differ_visibly() -> None:
    scenes = sample_scenes(60, seed=4, objects=Objects(count=1, distance=(2.2, 3.0)))
    inside = render(scenes, 64, only="instance").instance[:, None] == 1
    looks = [
        image(scenes.replace(material_id=torch.full_like(scenes.material_id, m)))
        for m in range(len(MATERIALS))
    ]
    for a in range(len(MATERIALS)):
        for b in range(a):
            apart = (looks[a] - looks[b]).abs().mean(1, keepdim=True)
            per_scene = (apart * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3))
            assert per_scene.median() > 0.08, (MATERIALS[a], MATERIALS[b])


def test_brightness_is_exposure() -> None:
    dim, bright = (image(sample_scenes(50, seed=5, light=Light(brightness=(b, b)))) for b in (0.25, 1.0))
    unclipped = bright < 0.99
    # A gamma of 2: a quarter of the light is half the value.
    assert ((dim * 2 - bright)[unclipped].abs() < 1e-3).all()
    assert (bright - dim).mean() > 0.2


def test_objects_are_brighter_on_the_side_of_the_light() -> None:
    scenes = sample_scenes(
        80,
        seed=6,
        light=Light(azimuth=(50, 60)),
        objects=Objects(count=1, classes=["ball"], materials=["plain"]),
    )
    sample = render(scenes, 64, only=("image", "instance", "boxes_full"))
    column = torch.arange(64)[None, None] + 0.5
    middle = sample.boxes_full[:, 0, 0::2].mean(1)[:, None, None]
    own, grey = sample.instance == 1, sample.image.mean(1)
    right, left = (
        (grey * (own & side)).sum((1, 2)) / (own & side).sum((1, 2)).clamp_min(1)
        for side in (column > middle, column < middle)
    )
    assert (right > left).float().mean() > 0.97


def test_shadows_darken_the_ground_away_from_the_light() -> None:
    for azimuth, side in ((55.0, "left"), (-55.0, "right")):
        scenes = sample_scenes(
            60,
            seed=7,
            light=Light(azimuth=(azimuth, azimuth), elevation=(35, 35)),
            objects=Objects(count=1, distance=(2.5, 4)),
        )
        scenes = scenes.moved(centre=torch.cat([torch.full((60, 1, 1), 0.5), scenes.centre[..., 1:]], dim=2))
        bare = scenes.replace(present=torch.zeros_like(scenes.present))
        sample = render(scenes, 64, only=("image", "silhouette", "semantic"))
        ground = ~F.max_pool2d(sample.silhouette[:, 0].float()[:, None], 3, 1, 1).bool()[:, 0]
        dark = (image(bare) - sample.image).mean(1)
        assert dark[ground].min() > -1e-5  # nothing gets brighter
        assert (dark * (ground & (sample.semantic == 0))).abs().max() < 1e-5  # the sky has no shadow
        left, right = ((dark * ground)[..., part].sum((1, 2)) for part in (slice(0, 32), slice(32, 64)))
        assert ((left > right) if side == "left" else (right > left)).float().mean() > 0.95


def test_edges_are_soft_and_agree_with_a_finer_picture() -> None:
    scenes = sample_scenes(40, seed=8, objects=Objects(count=(1, 3), materials=["plain"]))
    coarse, fine = (
        render(scenes, 64, only=("image", "instance")),
        render(scenes, 512, only=("image", "instance")),
    )
    exact = F.avg_pool2d(fine.image.square(), 8).sqrt()  # what a pixel of linear light would collect
    own = (fine.instance > 0).float()[:, None]
    share = F.avg_pool2d(own, 8)
    edge = ((share > 0.1) & (share < 0.9)).expand_as(exact)
    nearest = fine.image[:, :, 4::8, 4::8]  # one sample a pixel: hard edges
    assert (coarse.image - exact)[edge].abs().mean() < 0.5 * (nearest - exact)[edge].abs().mean()


def parse(caption: str) -> tuple[list[tuple[str, ...]], str | None, str]:
    """Noun phrases (material or "", colour, class), the relation between the first two, and the ground."""
    assert caption.endswith(".") and caption[0].isupper()
    noun = rf"an? (?:({'|'.join(MATERIALS)}) )?({'|'.join(COLOURS)}) ({'|'.join(CLASSES)})"
    relation = re.search(r"\b(left of|right of|in front of|behind)\b", caption)
    ground = re.search(rf"\bon (?:the )?({'|'.join(STUFF[1:])}) under a (?:clear|cloudy) sky\.$", caption)
    assert ground, caption
    rest = re.sub(noun, "", caption[0].lower() + caption[1:])
    assert not set(re.findall(r"\w+", rest)) & {*CLASSES, *COLOURS, *MATERIALS}, caption
    return re.findall(noun, caption[0].lower() + caption[1:]), relation and relation.group(1), ground.group(1)


def test_captions_name_exactly_what_can_be_seen_and_say_the_truth() -> None:
    scenes = sample_scenes(400, seed=9, objects=Objects(count=(0, 6)))
    sample = render(scenes, 64, only=("visibility", "captions", "instance"))
    relations, hidden = set(), 0
    for n, caption in enumerate(sample.captions):
        nouns, relation, ground = parse(caption)
        seen = [k for k in range(scenes.places) if scenes.present[n, k] and sample.visibility[n, k] >= SEEN]
        hidden += int(scenes.present[n].sum()) - len(seen)
        truth = sorted((COLOURS[scenes.colour_id[n, k]], CLASSES[scenes.class_id[n, k]]) for k in seen)
        assert sorted(noun[1:] for noun in nouns) == truth, caption
        materials = sorted(MATERIALS[scenes.material_id[n, k]] for k in seen)
        assert sorted(noun[0] for noun in nouns) in (materials, [""] * len(seen))
        assert ground == STUFF[scenes.ground[n, 0]]
        if relation:
            pick = [
                next(k for k in seen if (COLOURS[scenes.colour_id[n, k]], CLASSES[scenes.class_id[n, k]]) ==
                noun[1:]
                     and noun[0] in ("", MATERIALS[scenes.material_id[n, k]]))
                for noun in nouns[:2]
            ]  # fmt: skip
            (ax, bx), (az, bz) = scenes.centre[n, pick, 0].tolist(), scenes.depth[n, pick].tolist()
            assert {"left of": ax < bx, "right of": ax > bx, "in front of": az < bz, "behind": az > bz}[
                relation
            ]
            relations.add(relation)
    assert relations >= {"left of", "right of", "in front of"} and hidden > 5
