"""The widgets of noise and back: panels show what the study gives, frames are of one size."""

import pytest
import torch

from lecture_utils.chapters.ch16.noising_figures import visible
from lecture_utils.chapters.ch16.widgets import ddim_steps, noise_schedule, trajectory
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas

pytestmark = pytest.mark.system("S16.1")


def test_what_is_left_is_the_picture_times_its_share() -> None:
    image = torch.rand(3, 8, 8)
    alone = noise_schedule.left("cosine", 500, image).axes[1].images[0].get_array()
    share = NoiseSchedule(cosine_betas()).alpha_bar[500].sqrt().float()
    want = (share * (2 * image - 1) + 1) / 2
    torch.testing.assert_close(torch.tensor(alone).movedim(-1, 0).float(), want, atol=0.01, rtol=0)
    assert len(noise_schedule.noise_schedule(image).tour) == 8


def test_the_scrubbed_panels_are_those_of_the_trajectory() -> None:
    way = trajectory.walked(3, 0, "DDIM")
    fig = trajectory.scrubbed(19, 3, 0, "DDIM")
    shown = torch.tensor(fig.axes[1].images[0].get_array()[..., 0]).float()
    torch.testing.assert_close(shown, visible(way.x0[19, 0, 0]), atol=0.02, rtol=0)
    torch.testing.assert_close(way.x0[19], way.x[20])
    other = trajectory.walked(3, 0, "DDPM, small variance")
    assert torch.equal(other.x[0], way.x[0]) and not torch.equal(other.x[5], way.x[5])


def test_the_sheet_is_made_with_the_noise_that_was_chosen() -> None:
    (zero, times, beliefs), (one, _, _) = (ddim_steps.made(5, eta) for eta in (0.0, 1.0))
    assert times == [1000, 800, 600, 400, 200] and beliefs.shape == (5, 1, 16, 16)
    assert (zero - one).abs().max() > 0.1
    torch.testing.assert_close(beliefs[-1], zero[3])


@pytest.mark.parametrize(
    "make", [noise_schedule.noise_schedule, trajectory.trajectory, ddim_steps.ddim_steps]
)
def test_frames_are_of_one_size_and_differ(make) -> None:
    widget = make()
    frames = [widget.picture(**values) for _, values in widget.tour]
    assert len({frame.shape for frame in frames}) == 1
    assert len({frame.tobytes() for frame in frames}) == len(frames)


def test_the_scrubbed_walks_are_named_in_words_as_the_chapter_defines_ddim_only_later() -> None:
    widget = trajectory.trajectory()
    told = [said for said, _ in widget.tour] + [words for words, _ in widget.controls["sampler"].pairs()]
    titles = [
        text.get_text() for name in trajectory.SAMPLERS for text in trajectory.scrubbed(0, 3, 0, name).texts
    ]
    assert "fresh noise" in titles[0] and len(titles) == 4
    assert not any("DDIM" in text for text in told + titles)
