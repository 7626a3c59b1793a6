"""Toy faces: landmarks lie on what is drawn, masks say what is drawn, persons and splits are kept apart."""

import functools
import math

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.data.toyworld import faces as toy
from lecture_utils.data.toyworld.faces import anatomy, canvas, render
from tests.mutants import planted

pytestmark = [pytest.mark.system("S13.7"), pytest.mark.system("S00.3")]

SIZE = 192
PART_OF = {  # what must be drawn within two pixels of a landmark that can be seen
    "brow": {"brow"}, "eye corner": {"eye"}, "lid": {"eye"}, "pupil": {"eye"}, "nose wing": {"nose"},
    "nose bridge": {"nose", "glasses"}, "nose tip": {"nose"}, "mouth corner": {"lips", "beard"},
    "upper lip": {"lips"}, "lower lip": {"lips"}, "temple": {"skin"}, "cheek": {"skin"}, "jaw": {"skin"},
    "chin": {"skin"}, "crown": {"skin"},
}  # fmt: skip


def near(part, points, radius=2):
    """Which parts (N, L, P) bool are drawn within `radius` pixels of points (N, L, 2)."""
    reach = torch.arange(-radius, radius + 1)
    column, row = points.long().unbind(-1)
    column = (column[..., None, None] + reach).clamp(0, part.shape[1] - 1)  # (N, L, 1, 5)
    row = (row[..., None, None] + reach[:, None]).clamp(0, part.shape[1] - 1)  # (N, L, 5, 1)
    around = part[torch.arange(len(part))[:, None, None, None], row, column].flatten(2)
    return torch.stack([(around == p).any(-1) for p in range(len(toy.PARTS))], dim=-1)


def missed(part, points, visible):
    """Names of visible landmarks that are not on their part."""
    there = near(part, points)
    out = []
    for i, name in enumerate(toy.LANDMARKS):
        wanted = next(parts for end, parts in PART_OF.items() if end in name)
        some = there[:, i][:, [toy.PARTS.index(p) for p in wanted]].any(1)
        out += [name] * int((visible[:, i] & ~some).sum())
    return out


@functools.lru_cache
def drawn(count=48, seed=3):
    faces = toy.sample_faces(count, seed)
    return faces, toy.render_faces(faces, SIZE)


def test_visible_landmarks_lie_on_the_parts_that_they_name():
    _, sample = drawn()
    assert sample.visible.float().mean() > 0.7
    assert not missed(sample.part, sample.landmarks, sample.visible)


def test_landmarks_of_the_outline_lie_on_the_edge_of_the_head():
    _, sample = drawn()
    outside = near(sample.part, sample.landmarks)
    head = {toy.PARTS.index(p) for p in ("skin", "nose", "lips", "mouth", "eye", "brow")}
    other = [p for p in range(len(toy.PARTS)) if p not in head]
    for name in ("temple", "cheek", "jaw", "chin"):
        which = [i for i, full in enumerate(toy.LANDMARKS) if full.endswith(name)]
        assert outside[:, which][..., other].any(-1)[sample.visible[:, which]].all(), name


@pytest.mark.parametrize(
    "fault",
    [
        ("eye.at.seen(t * eye.half,", "eye.at.seen(-1.4 * t * eye.half,"),
        ("(\"inner\", -sign), (\"middle\", 0.0)", "(\"inner\", -2 * sign), (\"middle\", 0.0)"),
        ("return torch.cat([self.x + self.across * x,", "return torch.cat([self.x - 1.0 + self.across * x,"),
        ("middle(v) + sign * outline.half_width(v)", "middle(v) + 0.93 * sign * outline.half_width(v)"),
        ("down + mouth.open + 1.15 * mouth.lip", "down + 2.5 * mouth.lip"),
    ],
)  # fmt: skip
def test_a_landmark_in_a_wrong_place_is_found(fault):
    right, wrong = fault
    copy = planted("lecture_utils.data.toyworld.faces.anatomy", (right, wrong))
    faces, sample = drawn()
    points = copy.landmarks(copy.anatomy(faces))
    u, v = points.unbind(-1)
    cos, sin = torch.cos(faces.roll)[:, None], torch.sin(faces.roll)[:, None]
    turned = torch.stack([cos * u - sin * v, sin * u + cos * v], -1) / faces.side[:, None, None]
    pixels = SIZE * (faces.centre[:, None] + turned)
    assert missed(sample.part, pixels, sample.visible) or (
        (pixels - sample.landmarks).abs().amax() > 3 and _off_the_edge(sample, pixels)
    )


def _off_the_edge(sample, pixels):
    near_it = near(sample.part, pixels)
    which = [i for i, name in enumerate(toy.LANDMARKS) if name.endswith(("temple", "cheek", "jaw"))]
    skin = toy.PARTS.index("skin")
    other = [p for p in range(len(toy.PARTS)) if p != skin]
    return not near_it[:, which][..., other].any(-1)[sample.visible[:, which]].all()


def test_the_masks_extremes_are_the_landmarks_of_a_frontal_face():
    faces = toy.canonical(toy.sample_faces(24, 5))
    faces = faces[(faces.glasses == 0) & (faces.hair_style != toy.HAIR_STYLES.index("fringe"))]
    sample = toy.render_faces(faces, SIZE)
    at = {name: sample.landmarks[:, i] for i, name in enumerate(toy.LANDMARKS)}
    middle = SIZE / 2
    grid = torch.arange(SIZE) + 0.5
    for part, outer in (("eye", "right outer eye corner"), ("lips", "right mouth corner")):
        mask = sample.part == toy.PARTS.index(part)
        left = torch.where(mask.any(1), grid, math.inf).amin(1)
        assert (left - at[outer][:, 0]).abs().max() < 3.5, part
    lips = (sample.part == toy.PARTS.index("lips")).any(2)
    lowest = torch.where(lips, grid, -math.inf).amax(1)
    assert (lowest - at["lower lip"][:, 1]).abs().max() < 1.5
    for name in ("chin", "nose tip", "crown", "upper lip"):
        torch.testing.assert_close(at[name][:, 0], torch.full_like(at[name][:, 0], middle), atol=1e-3, rtol=0)


def test_a_mirrored_face_has_mirrored_landmarks():
    faces = toy.sample_faces(20, 1)
    other = faces.replace(
        yaw=-faces.yaw, roll=-faces.roll, gaze=faces.gaze * torch.tensor([-1.0, 1.0]),
        centre=torch.tensor([1.0, 0.0]) + faces.centre * torch.tensor([-1.0, 1.0]),
    )  # fmt: skip
    here, there = (toy.render_faces(f, 64).landmarks for f in (faces, other))
    flipped = torch.tensor([64.0, 0.0]) + there * torch.tensor([-1.0, 1.0])
    torch.testing.assert_close(here, flipped[:, list(toy.MIRRORED)], atol=1e-3, rtol=0)
    assert [toy.MIRRORED[i] for i in toy.MIRRORED] == list(range(len(toy.LANDMARKS)))


def test_windows_change_nothing(monkeypatch):
    faces = toy.sample_faces(24, 2)
    fast = toy.render_faces(faces, 64)
    cut = canvas.Canvas.cut

    def whole(self, faces, size, which, region):
        return cut(self, faces, size, which, (region[0], region[1], region[2] + 1e3, region[3] + 1e3))

    monkeypatch.setattr(canvas.Canvas, "cut", whole)
    slow = toy.render_faces(faces, 64)
    assert (fast.image - slow.image).abs().max() < 4e-3
    assert (fast.part == slow.part).all()


def test_each_face_is_painted_as_if_it_were_alone():
    faces = toy.sample_faces(70, 2)
    together = toy.render_faces(faces, 64)
    for i in (0, 63, 64, 69):
        alone = toy.render_faces(faces[i], 64)
        torch.testing.assert_close(alone.image[0], together.image[i], atol=4e-3, rtol=0)
        assert (alone.part[0] == together.part[i]).all()


def test_resolutions_agree():
    faces = toy.sample_faces(12, 8)
    fine, coarse = toy.render_faces(faces, 256), toy.render_faces(faces, 64)
    torch.testing.assert_close(fine.landmarks, 4 * coarse.landmarks)
    assert (F.avg_pool2d(fine.image, 4) - coarse.image).abs().mean() < 0.01
    assert fine.image.shape == (12, 3, 256, 256) and fine.image.min() >= 0 and fine.image.max() <= 1


def test_masks_hold_what_a_person_has_and_nothing_else():
    faces, sample = drawn()
    counts = F.one_hot(sample.part, len(toy.PARTS)).sum((1, 2))

    def pixels(name):
        return counts[:, toy.PARTS.index(name)]

    assert ((pixels("glasses") > 0) == (faces.glasses > 0)).all()
    assert ((pixels("beard") > 0) == (faces.beard > 0)).all()
    assert ((pixels("hair") > 0) == (faces.hair_style > 0)).all()
    assert (pixels("mouth")[faces.mouth_open < 0.1] == 0).all()
    assert (pixels("mouth")[faces.mouth_open > 0.3] > 0).all()
    for name in ("skin", "nose", "eye", "lips", "neck", "background"):
        assert (pixels(name) > 20).all(), name


def test_hidden_landmarks_are_under_hair_or_beard_or_outside():
    _, sample = drawn()
    inside = ((sample.landmarks >= 0) & (sample.landmarks < SIZE)).all(-1)
    there = near(sample.part, sample.landmarks, 1)
    over = there[..., toy.PARTS.index("hair")] | there[..., toy.PARTS.index("beard")]
    assert (sample.visible | ~inside | over).all()
    assert (~sample.visible).any() and not (sample.visible & ~inside).any()


def test_draws_are_the_same_whatever_the_count_and_splits_share_nobody():
    few, many = toy.sample_faces(5, 4), toy.sample_faces(40, 4)
    for name in ("key", "skin", "yaw", "backdrop_rgb", "head_width"):
        assert torch.equal(getattr(few, name), getattr(many, name)[:5])
    keys = [set(toy.sample_faces(500, 4, s).key.tolist()) for s in ("train", "val", "test")]
    assert len(set.union(*keys)) == 1500
    assert torch.equal(toy.render_faces(few).image, toy.render_faces(toy.sample_faces(5, 4)).image)


def test_another_picture_shows_the_same_person():
    faces = toy.sample_faces(30, 4)
    again = toy.retaken(faces, 2)
    for name in ("key", "age", "head_width", "skin", "hair_style", "glasses"):
        assert torch.equal(getattr(faces, name), getattr(again, name))
    assert not torch.equal(faces.yaw, again.yaw) and not torch.equal(faces.light, again.light)
    assert torch.equal(toy.retaken(again, 0).yaw, faces.yaw)


def test_looks_hang_on_nothing_and_anatomy_on_age_and_sex():
    faces = toy.sample_faces(6000, 0)
    body = torch.stack([faces.age, faces.masculinity, faces.height_m, faces.head_width])
    looks = torch.stack(
        [faces.skin_id, faces.hair_id, faces.eye_id, (faces.glasses > 0).long(), faces.hair_style]
    )
    both = torch.corrcoef(torch.cat([body, looks.float()]))
    assert both[:4, 4:].abs().max() < 0.05  # three standard errors are 0.039
    assert both[0, 3] > 0.3 and both[1, 3] > 0.3
    assert (faces.masculinity[faces.beard > 0] > 0.5).all() and (faces.age[faces.beard > 0] > 17).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: toy.sample_faces(0), "count: got 0"),
        (lambda: toy.sample_faces(2, -1), "seed: got -1"),
        (lambda: toy.sample_faces(2, split="all"), "split: got 'all'"),
        (lambda: toy.render_faces("face"), "faces: got str"),
        (lambda: toy.render_faces(toy.sample_faces(2)[:0]), "want Faces, one or more"),
        (lambda: toy.render_faces(toy.sample_faces(2), 4), "size: got 4"),
        (lambda: toy.sample_faces(2).replace(nose=torch.zeros(2)), "face parameter: got 'nose'"),
        (lambda: toy.sample_faces(2).replace(yaw=torch.zeros(3)), "yaw: got"),
        (lambda: toy.retaken(toy.sample_faces(2), -1), "picture: got -1"),
        (lambda: toy.canonical(3), "faces: got int"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_the_order_of_landmarks_and_the_modules_agree():
    assert len(toy.LANDMARKS) == 32 == len(set(toy.LANDMARKS))
    assert anatomy.SIDES[0] == ("right", -1.0) and render.LANDMARKS is toy.LANDMARKS
    at = {name: i for i, name in enumerate(toy.LANDMARKS)}
    x = toy.render_faces(toy.canonical(toy.sample_faces(4))).landmarks[..., 0]
    assert (
        x[:, at["right pupil"]] < x[:, at["left pupil"]]
    ).all()  # the person's right is left in the picture
