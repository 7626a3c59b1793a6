"""What the notebook asks of GANs: slopes, a D that is too strong, walks, tables; what is drawn is as said."""

import dataclasses

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch15 import gan_figures, gan_study
from lecture_utils.chapters.ch15.game_solutions import gan_losses
from lecture_utils.chapters.ch15.widgets.gan_on_gaussians import game, gan_on_gaussians
from lecture_utils.data.toyworld.names import HELD_OUT
from lecture_utils.plotting.display import pixels
from lecture_utils.plotting.style import styled
from lecture_utils.recipes import digits_cgan, gaussians_gan, shapes_cgan
from lecture_utils.recipes._judged import digits_named
from lecture_utils.widgets.widget import Widget

pytestmark = pytest.mark.system("S15.4")


@pytest.fixture(scope="module")
def record() -> gaussians_gan.Record:
    """Made up: every arm covers more modes with time, the first arm most."""
    made, draw = gaussians_gan.build(), torch.Generator().manual_seed(0)
    made.points.copy_(2 * torch.randn(made.points.shape, generator=draw))
    made.fields.copy_(torch.rand(made.fields.shape, generator=draw))
    times = torch.arange(len(gaussians_gan.TIMES)).float()
    arms = torch.arange(len(gaussians_gan.ARMS)).float()
    made.modes.copy_((3 * times - 2 * arms[:, None, None]).clamp(0, 25).expand(made.modes.shape))
    made.quality.copy_((0.1 * times - 0.05 * arms[:, None, None]).clamp(0, 1).expand(made.quality.shape))
    return made


@pytest.fixture(scope="module")
def painter() -> shapes_cgan.ConditionalGenerator:
    torch.manual_seed(0)
    return shapes_cgan.build().eval()


def test_slopes_are_those_of_the_losses() -> None:
    scores = torch.tensor([-6.0, 0.0, 6.0])
    found = gan_study.slopes(scores)
    torch.testing.assert_close(found["saturating"], -torch.sigmoid(scores))
    torch.testing.assert_close(found["non-saturating"], -torch.sigmoid(-scores))


def test_a_d_that_learns_alone_starves_the_saturating_loss() -> None:
    told = gan_study.starved(30, every=15)
    assert told["rounds"] == [0, 15, 30]
    assert told["right"][-1] > told["right"][0]
    assert told["saturating"][-1] < told["non-saturating"][-1] / 2
    assert len(gan_figures.starved_figure(told).axes) == 2


def test_the_game_is_played_with_the_learners_losses() -> None:
    calls = []

    def own(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(len(real))
        return gan_losses(real, fake)

    arm = dataclasses.replace(gaussians_gan.GOOD, losses=own)
    seen = gan_study.watched(arm, steps=3, times=(0, 3))
    assert len(calls) == 6  # a step of each player in every round
    assert [stage.rounds for stage in seen] == [0, 3]
    assert not torch.equal(seen[0].points, seen[1].points)
    same = gan_study.watched(gaussians_gan.GOOD, steps=3, times=(3,))[0]
    torch.testing.assert_close(same.points, seen[1].points, rtol=1e-4, atol=1e-5)


def test_a_little_game_is_told_or_not() -> None:
    """What D is told makes another generator; the same game repeats."""
    ends = [gan_study.little_game(told=told, steps=3).body.head.weight for told in (True, True, False)]
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.nightly
def test_a_generator_writes_what_was_asked_only_if_d_is_told() -> None:
    """Untold, which digit a label stands for is luck: on average a tenth are right."""
    asked = torch.arange(10).repeat(30)

    def right(told: bool, seed: int) -> float:
        made = digits_cgan.written(gan_study.little_game(told=told, steps=500, seed=seed), asked, seed=1)
        return (digits_named(made) == asked).float().mean().item()

    assert right(True, 0) > 0.8
    assert sum(right(False, seed) for seed in range(3)) / 3 < 0.5


def test_stages_are_read_from_the_record(record: gaussians_gan.Record) -> None:
    seen = gan_study.stages(record, "D too weak")
    assert [stage.modes for stage in seen] == [0, 0, 0, 1, 4, 7, 10, 13]
    torch.testing.assert_close(seen[3].points, record.points[4, 3].float())
    ends = gan_study.last(record)
    assert ends["D too weak"][0] == [13.0] * 3
    figure = gan_figures.trail_figure({"weak": seen[::3]})
    assert [ax.get_title(loc="left") for ax in figure.axes][:2] == [
        "0 rounds: 0 modes",
        "500 rounds: 1 modes",
    ]
    assert len(gan_figures.coverage_figure(record).axes) == 2


def test_a_walk_holds_the_label_and_ends_where_it_should(painter: shapes_cgan.ConditionalGenerator) -> None:
    rows = gan_study.walk(painter, [(0, 1), (3, 2)], steps=4, seed=3)
    assert rows.shape == (8, 3, 32, 32)
    z = painter.sample(2, seed=3)
    want = painter(z, torch.tensor([[3, 2], [3, 2]]))
    torch.testing.assert_close(rows[[4, 7]], want, rtol=1e-4, atol=1e-5)
    assert len(gan_figures.rows_figure(rows, ["a", "b"], "a walk").axes) == 8
    with pytest.raises(ValueError, match="steps: got 1"):
        gan_study.walk(painter, [(0, 0)], steps=1)


def test_the_table_frames_the_pairs_that_were_held_out(painter: shapes_cgan.ConditionalGenerator) -> None:
    made = gan_study.class_by_colour(painter)
    alone = painter(painter.sample(64, seed=0), gan_study.every_pair())
    torch.testing.assert_close(made, alone, rtol=1e-4, atol=1e-5)
    axes = gan_figures.table_figure(made, "all pairs").axes
    framed = {divmod(i, 8) for i, ax in enumerate(axes) if ax.spines["left"].get_linewidth() == 2}
    assert framed == {tuple(pair) for pair in HELD_OUT}


def test_what_a_judge_misreads_is_said_with_what_it_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    class Seen:
        class_id, colour_id = torch.tensor([0, 1, 2]), torch.tensor([5, 5, 6])

    monkeypatch.setattr(gan_study, "judged", lambda images: Seen)
    asked = torch.tensor([[0, 5], [2, 5], [2, 7]])
    wrong, seen = gan_study.misread(torch.rand(3, 3, 32, 32), asked)
    assert wrong.tolist() == [1, 2]
    assert seen.tolist() == [[1, 5], [2, 6]]
    figure = gan_figures.misread_figure(torch.rand(2, 3, 32, 32), asked[wrong], seen, count=3)
    assert "read" in figure.axes[0].get_title(loc="left")


def test_figures_of_the_losses_say_what_they_measure() -> None:
    titles = [ax.get_title(loc="left") for ax in gan_figures.optimum_figure().axes]
    assert titles[-1] == "value of the game -1.386"  # p = q: minus log 4
    assert len(gan_figures.slopes_figure().axes[0].lines) == 2
    images, pool = torch.rand(8, 1, 16, 16), torch.rand(20, 1, 16, 16)
    found = (torch.rand(8), torch.arange(8))
    assert len(gan_figures.neighbours_figure(images, pool, found).axes) == 16


def test_the_widget_has_frames_of_one_size_that_differ(record: gaussians_gan.Record) -> None:
    widget = gan_on_gaussians(record)
    assert isinstance(widget, Widget)
    with styled():
        frames = [pixels(game(**widget.values(**values), record=record)) for _, values in widget.tour[:3]]
    assert len({frame.shape for frame in frames}) == 1
    assert len({frame.tobytes() for frame in frames}) == len(frames)
