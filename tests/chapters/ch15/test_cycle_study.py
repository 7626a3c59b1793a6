"""What is kept of an input, what is hidden in a picture: measures on made-up translations; figures."""

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_utils.chapters.ch15 import cycle_figures, cycle_study
from lecture_utils.chapters.ch15.cycle_shown import (
    Hidden,
    hidden_stripes,
    left_alone,
    stripes_share,
    trip,
    worst,
)
from lecture_utils.chapters.ch15.cycle_study import arm, found_own, kept, read_back
from lecture_utils.generative.cyclegan.cyclegan import CycleGAN
from lecture_utils.recipes._unpaired import with_partners
from lecture_utils.recipes.shapes_cyclegan_arms import ARMS, Gallery
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.6")


class By(nn.Module):
    """A translator from a function."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)  # type: ignore[operator]


def pictures(count: int = 200) -> Tensor:
    return torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def test_found_own_is_1_for_exact_pictures_and_chance_for_others() -> None:
    real = pictures(192)
    assert found_own(real + 2.0, real) == 1  # the same amount everywhere costs nothing
    assert found_own(real.roll(1, 0), real) == 0
    assert found_own(real[:1].expand_as(real), real) == pytest.approx(1 / 64, abs=0.011)


def test_read_back_reads_any_linear_language_and_nothing_from_noise() -> None:
    start = pictures(600)
    assert read_back(1 - start[:, [2, 0, 1]].flip(-1), start) > 0.9
    assert read_back(pictures(1200)[600:], start) < 0.1
    faint = 0.5 + 0.001 * start
    assert read_back(faint, start) < 0.1  # hidden below the noise


@pytest.mark.parametrize(
    "fault",
    [
        ("argmin(dim=1)", "argmax(dim=1)"),
        ("argmin(dim=1)", "argmin(dim=0)"),
        ("torch.cdist(own, real, p=1)", "torch.cdist(real, real, p=1)"),
        ("- x.flatten(1).mean(dim=0) for", "for"),
        ("return 1 - (wrong", "return (wrong"),
        ("x, y = (made + noise)", "x, y = 300 * made"),
        ("x[half:] @ reader - y[half:]", "x[:half] @ reader - y[:half]"),
    ],
    ids=lambda fault: fault[1],
)
def test_a_fault_in_the_measures_is_seen(fault: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    module = planted(cycle_study.__name__, fault)
    monkeypatch.setitem(globals(), "found_own", module.found_own)
    monkeypatch.setitem(globals(), "read_back", module.read_back)

    def skewed() -> None:  # one real picture is near to all: rows and columns of the distances differ
        real = pictures(64)
        made = 0.01 * real
        made[1] = real[1]
        assert found_own(made, real) < 0.2

    with pytest.raises(AssertionError):
        test_found_own_is_1_for_exact_pictures_and_chance_for_others()
        skewed()
        test_read_back_reads_any_linear_language_and_nothing_from_noise()


def test_kept_of_a_translator_that_ignores_its_input_and_of_one_that_copies() -> None:
    blind = CycleGAN(*(By(lambda x: torch.full_like(x, 0.5)) for _ in range(2)))
    found = kept(blind, count=64, seed=0)
    assert found["found"] <= 2 / 64 and found["spread"] == 0 and found["read_back"] < 0.05
    copy = kept(CycleGAN(By(torch.clone), By(torch.clone)), count=64, seed=0)
    assert copy["off"] == copy["copied"] and copy["frechet"] == pytest.approx(copy["frechet_of_copies"])
    assert copy["found"] > 0.5  # a copy keeps its input, and stays where it was


def test_an_arm_is_remembered_and_refuses_another_budget() -> None:
    assert arm(0, "quick", 10.0) is arm(0, "quick", 10.0)
    with pytest.raises(ValueError, match="budget: got"):
        arm(0, "much", 10.0)


def test_share_of_stripes() -> None:
    own = with_partners("striped", 20, seed=3)
    plain, striped = own.partner, own.image
    assert stripes_share(plain, plain, striped) == 0
    assert stripes_share(striped, plain, striped) == pytest.approx(1)
    assert stripes_share(plain + 0.25 * (striped - plain), plain, striped) == pytest.approx(0.25, abs=1e-5)
    other = with_partners("striped", 20, seed=4)
    elsewhere = plain + other.image - other.partner
    assert abs(stripes_share(elsewhere, plain, striped)) < 0.25


def test_hidden_stripes_of_a_pair_that_hides_them() -> None:
    """A hundredth of the pattern is left in the plain picture; the way back amplifies what it finds."""
    own = with_partners("striped", 32, seed=11)

    def plain(x: Tensor) -> Tensor:
        return own.partner + 0.01 * (x - own.partner)

    def amplified(x: Tensor) -> Tensor:
        return own.partner + 100 * (x - own.partner)

    found = hidden_stripes(CycleGAN(By(amplified), By(plain)), count=32, noises=(0.0, 0.05))
    assert found.seen == pytest.approx(0.01, abs=1e-4)
    assert found.back[0] == pytest.approx(1, abs=1e-2)
    assert found.from_exact == pytest.approx(0, abs=1e-4)


def test_worst_comes_first_and_own_domain_left_alone() -> None:
    made = trip(CycleGAN(By(torch.clone), By(torch.clone)), "plain", 16)
    far = (made.own.image - made.own.partner).abs().mean(dim=(1, 2, 3))
    assert worst(made, 4).tolist() == far.argsort(descending=True)[:4].tolist()
    assert left_alone(By(lambda x: x + 0.1), torch.zeros(2, 3, 4, 4)) == pytest.approx(0.1)


def test_figures_can_be_drawn() -> None:
    made = trip(CycleGAN(By(torch.clone), By(torch.clone)), "striped", 9)
    gallery = Gallery()
    found = Hidden((0.0, 0.1), (0.8, 0.1), 0.05, 0.0)
    for figure in (
        cycle_figures.trip_figure(made, "striped", "there and back"),
        cycle_figures.arms_figure(gallery),
        cycle_figures.all_arms_figure(gallery, "dusk"),
        cycle_figures.hidden_figure(made, made.back, "hidden"),
        cycle_figures.noise_figure(found, "noise"),
        cycle_figures.failures_figure(made, "striped", "failures"),
        cycle_figures.identity_figure({"dusk": made.own.image, "made dusk": made.there}, "tint"),
    ):
        assert isinstance(figure, Figure)
    assert set(cycle_figures.ROWS) == set(ARMS)
