"""GAN dissection on a planted generator, in which it is known what each unit paints."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.explain.dissection import dissect
from lecture_utils.explain.gan_dissection import (
    concept_shares,
    dissect_generator,
    edited,
    generate,
    high_values,
    shares_after,
    top_units,
)

NAMES = ("sky", "ground", "thing")


class Planted(nn.Module):
    """Two latent numbers place a 3 × 3 thing on an 8 × 8 map. Units: 0 sky, 1 thing, 2 and 3 nothing, 4 noise
    that is not painted; the picture has twice the side."""

    def __init__(self) -> None:
        super().__init__()
        self.units = Units()
        self.painted = 0

    def forward(self, z: Tensor) -> Tensor:  # (N, 2)
        maps = self.units(z)  # (N, 5, 8, 8)
        self.painted += len(z)
        picture = F.interpolate(maps[:, :2], scale_factor=2)  # (N, 2, 16, 16)
        return torch.cat([picture, picture[:, :1] * 0], dim=1)


class Units(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        n = len(z)
        maps = torch.zeros(n, 5, 8, 8, dtype=z.dtype)
        maps[:, 0, :3] = 1.0
        for row, (x, y) in enumerate((z[:, :2].abs() % 3).long().tolist()):
            if z[row, 0] > -1:  # else no thing
                maps[row, 1, 3 + y : 6 + y, x : x + 3] = 2.0 + 0.1 * torch.sigmoid(z[row, 0])
        maps[:, 4] = torch.sin(37 * torch.arange(64, dtype=z.dtype).reshape(8, 8) + z[:, :1, None])
        return maps


def by_colour(pictures: Tensor) -> Tensor:
    """0 sky, 1 ground, 2 thing."""
    ids = torch.ones(len(pictures), *pictures.shape[2:], dtype=torch.int64)
    ids[pictures[:, 0] > 0.5] = 0
    ids[pictures[:, 1] > 0.5] = 2
    return ids


@pytest.fixture
def z() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(40, 2)


@pytest.mark.system("S04.8")
def test_planted_units_are_found(z: Tensor) -> None:
    found = dissect_generator(Planted(), "units", z, by_colour, NAMES)
    assert top_units(found, "thing", 1) == [1]
    assert top_units(found, "sky", 1) == [0]
    # Bilinear up-sampling widens a block of 6 × 6 pixels to 8 × 8 above zero: 36 of 64.
    assert found.iou[1, 2] > 0.56 and found.iou[[0, 2, 3, 4], 2].max() < 0.35


@pytest.mark.system("S04.8")
def test_agreement_is_that_of_network_dissection(z: Tensor) -> None:
    model = Planted()
    thing = by_colour(model(z)) == 2
    wanted = dissect(model.units(z), thing[:, None], ["thing"], share=thing.double().mean().item())
    found = dissect_generator(Planted(), "units", z, by_colour, NAMES)
    assert torch.equal(found.iou[:, 2], wanted.iou[:, 0])
    assert torch.equal(found.thresholds[:, 2], wanted.thresholds)


@pytest.mark.system("S04.8")
def test_a_concept_that_no_picture_shows_has_no_units(z: Tensor) -> None:
    found = dissect_generator(Planted(), "units", z, by_colour, (*NAMES, "cloud"))
    assert found.iou[:, 3].max() == 0 and "cloud" not in found.detectors()


@pytest.mark.system("S04.8")
def test_ablation_removes_the_thing_and_nothing_else(z: Tensor) -> None:
    model = Planted()
    before = shares_after(model, "units", z, by_colour, 3)
    after = shares_after(model, "units", z, by_colour, 3, units=[1])
    assert before[:, 2].mean() > 0.05
    assert after[:, 2].max() == 0
    assert torch.equal(after[:, 0], before[:, 0])
    for other in ([2], [3], [4], [2, 3, 4]):
        assert torch.equal(shares_after(model, "units", z, by_colour, 3, units=other), before)


@pytest.mark.system("S04.8")
def test_insertion_paints_in_the_region_and_only_there(z: Tensor) -> None:
    model = Planted()
    empty = z[z[:, 0] < -1]
    region = torch.zeros(8, 8, dtype=torch.bool)
    region[6:8, 5:8] = True
    high = high_values(model.units(z), [1])
    assert 2 <= high.item() <= 2.1
    with edited(model, "units", [1], high, region):
        ids = by_colour(generate(model, empty))
    assert torch.equal(
        ids == 2, F.interpolate(region[None, None].float(), scale_factor=2)[:, 0].bool().expand_as(ids)
    )
    own = torch.zeros(len(empty), 8, 8, dtype=torch.bool)
    own[0, 7, 7] = True  # a region for each picture
    with edited(model, "units", [1], 5.0, own):
        counts = (by_colour(model(empty)) == 2).flatten(1).sum(1)
    assert counts[0] == 4 and counts[1:].sum() == 0


@pytest.mark.system("S04.8")
def test_an_edit_is_what_an_assignment_by_hand_gives(z: Tensor) -> None:
    net = nn.Sequential(
        nn.Unflatten(1, (2, 1, 1)), nn.Conv2d(2, 6, 1), nn.Upsample(scale_factor=4), nn.Conv2d(6, 3, 3)
    )
    maps = net[:3](z)
    maps[:, [4, 1]] = torch.tensor([0.5, -2.0])[:, None, None]
    with edited(net, "2", [4, 1], torch.tensor([0.5, -2.0])):
        ours = net(z)
    torch.testing.assert_close(ours, net[3](maps))
    assert not torch.equal(net(z), ours)  # and it is over


def test_the_generator_is_left_as_it_was_also_after_an_error(z: Tensor) -> None:
    model = Planted()
    before = model(z)
    with pytest.raises(RuntimeError, match="stop"), edited(model, "units", [1]):
        raise RuntimeError("stop")
    assert not model.units._forward_hooks
    assert torch.equal(model(z), before)


def test_shares_sum_to_one_and_batches_make_no_difference(z: Tensor) -> None:
    model = Planted()
    pictures = generate(model, z, batch=7)
    assert torch.equal(pictures, generate(model, z))
    torch.testing.assert_close(
        concept_shares(pictures, by_colour, 3).sum(1), torch.ones(len(z), dtype=torch.float64)
    )
    assert generate(model, z[:1].double()).dtype == torch.float64


def test_each_picture_keeps_its_own_region_over_batches() -> None:
    """200 pictures pass in two batches; only every third has its corner painted."""
    torch.manual_seed(0)
    model, z = Planted(), torch.randn(200, 2) - 10  # no thing of their own
    region = torch.zeros(200, 8, 8, dtype=torch.bool)
    region[::3, 7, 7] = True
    shares = shares_after(model, "units", z, by_colour, 3, units=[1], value=5.0, region=region)
    want = torch.zeros(200, dtype=torch.float64)
    want[::3] = 4 / 256
    torch.testing.assert_close(shares[:, 2], want)
    one = shares_after(model, "units", z, by_colour, 3, units=[1], value=5.0, region=region[0])
    assert (one[:, 2] == 4 / 256).all()
    assert torch.equal(
        one, shares_after(model, "units", z, by_colour, 3, units=[1], value=5.0, region=region[:1])
    )
    with pytest.raises(ValueError, match=r"region: got \(199, 8, 8\), want \(h, w\) or \(200, h, w\)"):
        shares_after(model, "units", z, by_colour, 3, units=[1], region=region[1:])


def test_high_values_are_quantiles() -> None:
    maps = torch.randn(7, 4, 5, 5)
    for q in (0.0, 0.5, 0.99, 1.0):
        wanted = torch.quantile(maps[:, [3, 0]].transpose(0, 1).flatten(1), q, dim=1, interpolation="nearest")
        torch.testing.assert_close(high_values(maps, [3, 0], q), wanted)
    assert torch.equal(high_values(maps, [3, 0]), high_values(maps, [3, 0], 0.99))


def test_bad_input(z: Tensor) -> None:
    model = Planted()
    with pytest.raises(ValueError, match="layer: got 'unit'"), edited(model, "unit", [0]):
        pass
    with pytest.raises(ValueError, match="numbers from 0 to 4"), edited(model, "units", [5]):
        model(z)
    with pytest.raises(ValueError, match="value: got shape"), edited(model, "units", [0, 1], torch.ones(3)):
        pass
    with (
        pytest.raises(ValueError, match=r"region: got torch\.float32"),
        edited(model, "units", [0], 1.0, torch.ones(8, 8)),
    ):
        pass
    with (
        pytest.raises(ValueError, match="region: got"),
        edited(model, "units", [0], 1.0, torch.ones(4, 4, dtype=torch.bool)),
    ):
        model(z)
    for bad, message in (
        (lambda: generate(model, z[:0]), "N ≥ 1"),
        (lambda: generate(model, z[0]), r"z: got shape \(2,\)"),
        (lambda: generate(model, z * torch.nan), "z: got NaN"),
        (lambda: generate(model, z.long()), "z: got dtype"),
        (lambda: generate(model, z, batch=0), "batch: got 0"),
        (lambda: dissect_generator(model, "units", z, by_colour, []), "names: got"),
        (lambda: dissect_generator(model, "units", z, by_colour, "sky"), "names: got 'sky'"),
        (lambda: dissect_generator(model, "", z, by_colour, NAMES), "layer: got ''"),
        (lambda: dissect_generator(model, "units", z * torch.nan, by_colour, NAMES), "z: got NaN"),
        (
            lambda: dissect_generator(model, "units", z, lambda x: x, NAMES),
            "segment's answer: got torch.float32",
        ),
        (lambda: concept_shares(generate(model, z), lambda x: by_colour(x)[:3], 3), r"\(3, 16, 16\)"),
        (lambda: concept_shares(generate(model, z)[0], by_colour, 3), r"use x\[None\]"),
        (lambda: concept_shares(generate(model, z), by_colour, 0), "count: got 0"),
        (lambda: high_values(torch.rand(1, 2, 3, 3), [2]), "numbers from 0 to 1"),
        (lambda: high_values(torch.rand(1, 2, 3, 3), [-1]), "numbers from 0 to 1"),
        (lambda: high_values(torch.rand(1, 2, 3, 3), [0.5]), r"units: got \[0.5\], want whole numbers"),
        (lambda: high_values(torch.rand(2, 3, 3), [0]), r"use x\[None\]"),
        (lambda: high_values(torch.full((1, 2, 3, 3), torch.nan), [0]), "maps: got NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
    for options, message in (
        ({"units": [True]}, "units: got"),
        ({"units": [1.5]}, "units: got"),
        ({"units": [1], "value": float("nan")}, "value: got nan"),
        ({"units": [1], "value": torch.ones(1, 1)}, "value: got shape"),
        ({"units": [1], "region": [[True]]}, "region: got list"),
        ({"units": [1], "region": torch.ones(8, dtype=torch.bool)}, r"region: got torch\.bool \(8,\)"),
        ({"units": [1], "layer": ""}, "layer: got ''"),
    ):
        settings = {"layer": "units"} | options
        with pytest.raises(ValueError, match=message), edited(model, **settings):
            pass
    with (
        pytest.raises(ValueError, match=r"want \(8, 8\) or \(40, 8, 8\)"),
        edited(model, "units", [0], 1.0, torch.ones(3, 8, 8, dtype=torch.bool)),
    ):
        model(z)
    flat = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"gives \(40, 2\), want maps"), edited(flat, "0", [0]):
        flat(z)
    with pytest.raises(ValueError, match="quantile"):
        high_values(torch.rand(1, 2, 3, 3), [0], 1.5)
    found = dissect_generator(model, "units", z, by_colour, NAMES)
    with pytest.raises(ValueError, match="top_units: got 1 units of 'cloud'"):
        top_units(found, "cloud", 1)
    for count in (0, 6, 1.5):
        with pytest.raises(ValueError, match=r"got (0|1\.5|6 units)"):
            top_units(found, "thing", count)
