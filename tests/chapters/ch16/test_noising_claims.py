"""C16.1's tools: exact weights, a test that errs as often as it says, and mistakes that it notices."""

import pytest
import torch
from matplotlib.figure import Figure

from lecture_utils.chapters.ch16 import noising_claims, noising_figures, solutions
from lecture_utils.chapters.ch16.steps_study import grid_mixture
from lecture_utils.experiments import ledger
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, linear_betas

pytestmark = pytest.mark.system("S16.1")


@pytest.fixture(scope="module")
def schedule() -> NoiseSchedule:
    return NoiseSchedule(linear_betas(20, end=0.3))


def test_weights_are_those_of_the_iteration(schedule: NoiseSchedule) -> None:
    """With any noises, the weighted sum is what the steps make."""
    weights = noising_claims.coefficients(schedule)
    noises = torch.randn(20, dtype=torch.float64)
    x = torch.tensor(0.7, dtype=torch.float64)
    for t in range(1, 21):
        x = (1 - schedule.beta[t]).sqrt() * x + schedule.beta[t].sqrt() * noises[t - 1]
        torch.testing.assert_close(weights[t, 0] * 0.7 + weights[t, 1:] @ noises, x)
    assert not weights.triu(1)[1:, 2:].any(), "no noise of a later step"


def test_the_identity_holds_and_a_planted_fault_breaks_it(
    schedule: NoiseSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert noising_claims.identity_error(schedule) < 1e-14
    right = noising_claims.noised
    monkeypatch.setattr(
        noising_claims, "noised", lambda s, x0, t, noise: right(s, x0, (t - 1).clamp(min=0), noise)
    )
    assert noising_claims.identity_error(schedule) > 1e-3


def test_the_permutation_test_errs_at_its_level() -> None:
    """1,000 tests of equal, skewed distributions: about 50 alarms; with a shift, nearly all."""
    draw = torch.Generator().manual_seed(0)
    one, other = (torch.empty(1000, 24, 3).exponential_(generator=draw) for _ in range(2))
    signs = torch.randint(0, 2, (noising_claims.FLIPS, 24), generator=draw) * 2.0 - 1
    share = noising_claims.differs(one, other, signs).float().mean().item()
    assert 0.02 < share < 0.08
    assert noising_claims.differs(one + 1.5, other, signs).float().mean().item() > 0.9


def test_what_is_told_of_a_picture() -> None:
    x0 = torch.rand(5, 8, 8) + 0.5
    told = noising_claims.told_of(0.3 * x0, x0)
    torch.testing.assert_close(told[:, 0], torch.full((5,), 0.3))
    assert told[:, 1:].abs().max() < 1e-6
    noise = torch.randn(500, 8, 8, generator=torch.Generator().manual_seed(0))
    rest = noising_claims.told_of(0.3 * x0[:1] + 2 * noise, x0[:1].expand(500, 8, 8)).mean(0)
    torch.testing.assert_close(rest[1], torch.tensor(4.0 * 63 / 64), atol=0.1, rtol=0)
    assert abs(float(rest[3])) < 0.15


def test_mistakes_are_noticed_and_the_right_way_is_not() -> None:
    found = noising_claims.alarms(0, 12, 64, (10, 100), noising_claims.WRONG)
    assert found["not shrunk, 100"] > 0.9 and found["root forgotten, 100"] > 0.9
    assert found["off by one, 10"] > 0.5
    assert found["right, 10"] < 0.4 and found["right, 100"] < 0.4


def test_the_figures_draw_the_learners_function() -> None:
    calls = []

    def own(x0, t, noise, alpha_bar):
        calls.append(tuple(t.tolist()[:2]))
        return solutions.noised(x0, t, noise, alpha_bar)

    figures = [
        noising_figures.what_is_left(torch.rand(3, 8, 8), (0, 1000), noised=own),
        noising_figures.two_ways(times=(2, 5), n=50, noised=own),
        noising_figures.points_to_noise(grid_mixture(2), (0, 1000), n=20, noised=own),
        noising_figures.schedule_curves(),
    ]
    assert all(isinstance(figure, Figure) for figure in figures)
    assert len(calls) == 3 + 2 + 2
    assert [len(figure.axes) for figure in figures] == [6, 2, 2, 2]
    assert all(ax.get_xlabel() == "value of the pixel" for ax in figures[1].axes)
    assert [text.get_text() for text in figures[1].axes[0].get_legend().get_texts()][-1] == "closed form"
    assert "ᾱ = 4e-05" in figures[0].axes[1].get_title()  # linear, at T


def test_the_claims_figure_shows_the_record() -> None:
    record = ledger.load("C16.1")
    lines = noising_figures.noticed_figure(record).axes[0].lines
    assert list(lines[0].get_xdata()) == [16, 64, 256, 1024, 4096]
    at_256 = sum(row["off by one, 10"] for row in record.figures) / len(record.figures)
    assert lines[2].get_ydata()[2] == pytest.approx(at_256)
