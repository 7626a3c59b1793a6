"""Every annotation of the toy world, derived a second time, from pixels or from parameters."""

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.data import toyworld
from lecture_utils.data.toyworld import CLASSES, SEMANTIC, Objects, Sample, Scenes, render, sample_scenes

pytestmark = pytest.mark.system("S00.3")
SIZE = 256


@pytest.fixture(scope="module")
def world() -> tuple[Scenes, Sample]:
    scenes = sample_scenes(64, seed=11, objects=Objects(count=(0, 5)))
    return scenes, render(scenes, SIZE)


def mask_box(mask: torch.Tensor) -> torch.Tensor:
    """Box of a mask (S, S) by plain search; zeros for an empty one."""
    rows, columns = mask.nonzero().unbind(1)
    if not len(rows):
        return torch.zeros(4)
    return torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()


def test_full_boxes_from_closed_form_agree_with_silhouettes(world: tuple[Scenes, Sample]) -> None:
    _, sample = world
    inside = (
        sample.present
        & (sample.boxes_full[..., :2] > 0).all(-1)
        & (sample.boxes_full[..., 2:] < SIZE).all(-1)
    )
    assert inside.sum() > 60
    for n, k in inside.nonzero().tolist():
        measured, exact = mask_box(sample.silhouette[n, k]), sample.boxes_full[n, k]
        shrink = torch.cat([measured[:2] - exact[:2], exact[2:] - measured[2:]])
        assert shrink.min() >= -0.51, (
            n,
            k,
            CLASSES[sample.class_id[n, k]],
        )  # a pixel counts if its centre is inside
        assert shrink.max() <= 2.0, (
            n,
            k,
            CLASSES[sample.class_id[n, k]],
        )  # the round end of a sharp tip covers few centres


def test_visible_boxes_and_visibility_follow_from_the_maps(world: tuple[Scenes, Sample]) -> None:
    _, sample = world
    for n in range(len(sample.image)):
        for k in range(sample.present.shape[1]):
            seen, whole = sample.instance[n] == k + 1, sample.silhouette[n, k]
            assert torch.equal(sample.boxes[n, k], mask_box(seen))
            assert not (seen & ~whole).any()
            assert sample.visibility[n, k].item() == pytest.approx(
                seen.sum().item() / max(1, whole.sum().item()), abs=1e-6
            )
            if not sample.present[n, k]:
                assert (
                    not whole.any() and not sample.boxes_full[n, k].any() and not sample.keypoints[n, k].any()
                )
                assert sample.class_id[n, k] == sample.colour_id[n, k] == sample.material_id[n, k] == -1


def test_nearest_object_wins_every_pixel(world: tuple[Scenes, Sample]) -> None:
    scenes, sample = world
    depth = torch.where(sample.silhouette, scenes.depth[..., None, None], torch.inf)  # (N, K, S, S)
    nearest = depth.min(1)
    assert torch.equal(sample.instance, torch.where(nearest.values.isinf(), 0, nearest.indices + 1))
    overlapping = sample.silhouette.sum(1) > 1
    assert overlapping.any((1, 2)).sum() >= 5  # the test has something to decide


def test_semantic_and_panoptic_follow_from_instances(world: tuple[Scenes, Sample]) -> None:
    scenes, sample = world
    thing = sample.instance > 0
    assert ((sample.semantic >= 4) == thing).all() and sample.semantic.max() < len(SEMANTIC)
    for n, k in sample.present.nonzero().tolist():
        assert (sample.semantic[n][sample.instance[n] == k + 1] == 4 + sample.class_id[n, k]).all()
    assert torch.equal(sample.panoptic // 1000, sample.semantic) and torch.equal(
        sample.panoptic % 1000, sample.instance
    )
    below = (torch.arange(SIZE) + 0.5)[None] / SIZE > scenes.horizon[:, None]
    sky = (sample.semantic == 0) & ~thing
    assert (sky == (~below[:, :, None] & ~thing)).all()


def test_depth_of_the_ground_is_that_of_a_pinhole_camera(world: tuple[Scenes, Sample]) -> None:
    scenes, sample = world
    y = (torch.arange(SIZE) + 0.5) / SIZE
    ground = (sample.semantic > 0) & (sample.instance == 0) & (sample.depth < 99)
    drop = (y[None] - scenes.horizon[:, None])[:, :, None].expand_as(sample.depth)
    assert torch.allclose((sample.depth * drop)[ground], torch.tensor(1.5), atol=1e-4)
    assert (sample.depth[sample.semantic == 0] == 100).all()


def test_depth_of_objects_lies_on_their_plane_less_their_relief(world: tuple[Scenes, Sample]) -> None:
    scenes, sample = world
    for n, k in sample.present.nonzero().tolist():
        got = sample.depth[n][sample.instance[n] == k + 1]
        plane, radius_m = scenes.depth[n, k], scenes.radius[n, k] * scenes.depth[n, k]
        assert (got <= plane + 1e-5).all() and (got >= plane - 0.85 * radius_m).all()


def test_nearer_objects_stand_lower_and_look_larger(world: tuple[Scenes, Sample]) -> None:
    scenes, _ = world
    foot = scenes.extent[..., 3] - scenes.horizon[:, None]
    assert torch.allclose((foot * scenes.depth)[scenes.present], torch.tensor(1.5), rtol=1e-4)
    assert (
        torch.corrcoef(torch.stack([scenes.depth[scenes.present], scenes.radius[scenes.present]]))[0, 1]
        < -0.5
    )


def test_normals_are_the_slope_of_the_depth(world: tuple[Scenes, Sample]) -> None:
    scenes, sample = world
    length = sample.normals.square().sum(1)
    assert (
        torch.allclose(length[sample.semantic > 0], torch.tensor(1.0), atol=1e-4)
        and not length[sample.semantic == 0].any()
    )
    errors = []
    for n, k in (scenes.radius * scenes.present > 0.12).nonzero().tolist():
        own = (sample.instance[n] == k + 1).float()[None, None]
        deep = -F.max_pool2d(-own, 9, 1, 4)[0, 0] > 0  # four pixels from the rim, where the relief is steep
        z = sample.depth[n]
        pixel_m = scenes.depth[n, k] / SIZE
        zx, zy = torch.zeros_like(z), torch.zeros_like(z)
        zx[:, 1:-1], zy[1:-1] = (z[:, 2:] - z[:, :-2]) / (2 * pixel_m), (z[2:] - z[:-2]) / (2 * pixel_m)
        slope = F.normalize(torch.stack([zx, zy, -torch.ones_like(z)]), dim=0)
        errors.append((1 - (slope * sample.normals[n]).sum(0))[deep])
    error = torch.cat(errors)
    assert len(error) > 10_000
    assert error.quantile(0.5) < 1e-4 and error.quantile(0.95) < 0.01  # 0.8 and 8 degrees


def test_keypoints_are_visible_where_the_instance_map_says_so(world: tuple[Scenes, Sample]) -> None:
    _, sample = world
    checked = hidden = 0
    for n, k in sample.present.nonzero().tolist():
        own = (sample.instance[n] == k + 1).float()[None, None]
        some = F.max_pool2d(own, 3, 1, 1)[0, 0] > 0  # own pixels in the neighbourhood
        all_own = -F.max_pool2d(-own, 3, 1, 1)[0, 0] > 0
        for x, y, visible in sample.keypoints[n, k].tolist():
            if not (0 <= x < SIZE and 0 <= y < SIZE):
                assert visible == 0
                continue
            checked, hidden = checked + 1, hidden + (visible == 0)
            if visible:
                assert some[int(y), int(x)]
            else:
                assert not all_own[int(y), int(x)]
    assert checked > 500 and hidden > 30


def test_keypoints_lie_within_their_own_silhouette(world: tuple[Scenes, Sample]) -> None:
    _, sample = world
    for n, k in sample.present.nonzero().tolist():
        box = sample.boxes_full[n, k]
        xy = sample.keypoints[n, k, :, :2]
        assert (xy > box[:2]).all() and (xy < box[2:]).all()


def test_keypoint_names_tell_where_they_are_before_turning() -> None:
    from lecture_utils.data.toyworld import KEYPOINTS

    scenes = sample_scenes(200, seed=2, objects=Objects(count=1, turn=0.0))
    points = render(scenes, 64, only="keypoints").keypoints[:, 0]
    for row, class_id in zip(points, scenes.class_id[:, 0].tolist(), strict=True):
        middle = row[:, :2].mean(0)
        for (x, y, _), name in zip(row.tolist(), KEYPOINTS[CLASSES[class_id]], strict=True):
            assert not (name.startswith(("top", "upper", "apex", "cleft")) and y >= middle[1])
            assert not (name.startswith(("bottom", "lower", "point", "base")) and y <= middle[1])
            words = name.split()
            assert not ("right" in words and x <= middle[0]) and not ("left" in words and x >= middle[0])


@pytest.mark.parametrize("class_id", range(len(CLASSES)))
def test_solids_are_smooth_on_the_outline_of_their_core(class_id: int) -> None:
    from lecture_utils.data.toyworld.surfaces import sdf

    y, x = torch.meshgrid(torch.linspace(-1.1, 1.1, 441), torch.linspace(-1.1, 1.1, 441), indexing="ij")
    distance, _, nx, ny, nz = sdf.solid(x.flatten(), y.flatten(), class_id)
    normal = torch.stack([nx, ny, nz]).reshape(3, 441, 441)
    inside = (distance < 0).reshape(441, 441)
    assert torch.allclose(normal.square().sum(0), torch.tensor(1.0), atol=1e-4)
    # A pixel whose normal is more than 25 degrees off the median around it would be a speck.
    patches = F.unfold(normal[None], 3)[0].reshape(3, 9, -1)
    middle = F.normalize(patches.median(1).values, dim=0).reshape(3, 439, 439)
    speck = ((middle * normal[:, 1:-1, 1:-1]).sum(0) < 0.9) & inside[1:-1, 1:-1]
    assert speck.float().mean() < 2e-4  # none but at the few corners where the slope itself jumps


@pytest.mark.system("S00.3")
def test_instances_are_what_detection_gives_with_a_mask_each() -> None:
    images, targets = toyworld.instances(12, seed=2, split="val", least_seen=0.4)
    same, plain = toyworld.detection(12, seed=2, split="val", least_seen=0.4)
    assert torch.equal(images, same)
    for (boxes, labels, masks), (box, label) in zip(targets, plain, strict=True):
        assert torch.equal(boxes, box) and torch.equal(labels, label)
        assert masks.dtype == torch.bool and masks.shape == (len(boxes), 64, 64)
        assert (masks.sum(0) <= 1).all(), "a pixel shows one object"
        for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
            rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
            assert (x1, y1, x2, y2) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    with pytest.raises(ValueError, match="least_seen"):
        toyworld.instances(1, least_seen=2)
