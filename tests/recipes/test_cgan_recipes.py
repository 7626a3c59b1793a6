"""The recipes of conditional GANs, and of the games on 25 Gaussians: they run, and note what they say."""

import pytest
import torch

from lecture_utils.generative.conditional_gan import ConditionalGenerator, ProjectionDiscriminator
from lecture_utils.generative.gan_loss import r1_penalty
from lecture_utils.metrics.mode_coverage import mode_coverage
from lecture_utils.recipes import digits_cgan, gaussians_gan, shapes_cgan
from lecture_utils.recipes._cgan import play

pytestmark = pytest.mark.system("S15.4")


def test_batches_are_pictures_with_their_labels() -> None:
    image, labels = next(shapes_cgan.fresh_batches(0))
    assert image.shape == (32, 3, 32, 32)
    assert labels.shape == (32, 2)
    digit, label = next(digits_cgan.drawn_batches(0))
    assert digit.shape == (32, 1, 16, 16)
    assert label.shape == (32, 1)


def test_the_shipped_one_is_the_moving_average_and_repeats() -> None:
    made = [digits_cgan.train(3, steps=4)[0].state_dict() for _ in range(2)]
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])
    other = digits_cgan.train(4, steps=4)[0].state_dict()
    assert not torch.equal(made[0]["body.stem.weight"], other["body.stem.weight"])


def test_the_average_is_handed_over_for_use() -> None:
    torch.manual_seed(0)
    generator = ConditionalGenerator((10,), latent=4, embed=4, widths=(8, 6, 4), channels=1)
    judge = ProjectionDiscriminator((10,), widths=(4, 6), channels=1)
    model, info = play(generator, judge, digits_cgan.drawn_batches(0), steps=6, rate=1e-3, r1=0.1)
    assert info["steps"] == 6
    assert not model.training
    assert generator.training
    assert not torch.equal(model.body.stem.weight, generator.body.stem.weight)


def test_flatness_is_the_penalty_of_pictures() -> None:
    points = torch.randn(6, 2, requires_grad=True)
    weight = torch.randn(2)
    images = points.detach()[:, :, None, None].requires_grad_()
    ours = gaussians_gan.flatness((points.square() @ weight), points)
    theirs = r1_penalty(images.square().flatten(1) @ weight, images)
    torch.testing.assert_close(ours, theirs)


def test_real_points_are_good_and_cover() -> None:
    points = gaussians_gan.real_points(2500, torch.Generator().manual_seed(0))
    seen = mode_coverage(points, gaussians_gan.CENTRES, gaussians_gan.DEVIATION)
    assert seen.modes == 25
    assert seen.high_quality > 0.97


def test_the_field_lies_as_the_plane_does() -> None:
    """A judge who likes the upper right gives a field that is high in the first row's last column."""

    class Likes(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (3 * x[:, :1] + x[:, 1:]) / 2

    field = gaussians_gan.field(Likes(), 4)
    assert field.argmax() == 3
    assert field.argmin() == 12
    assert field[0, 0] < field[3, 3]


def test_a_game_repeats_and_a_record_notes_it() -> None:
    arm = gaussians_gan.ARMS["D too strong"]
    ends = []
    for _ in range(2):
        *_, (generator, discriminator) = gaussians_gan.play(arm, seed=5, steps=3)
        ends.append(gaussians_gan.generated(generator, 8))
    assert torch.equal(*ends)
    record = gaussians_gan.build()
    record.look(1, 0, 2, generator, discriminator)
    torch.testing.assert_close(record.points[1, 2, :8].float(), ends[0], atol=0.01, rtol=0)
    assert record.quality[1, 0, 2] > 0 or record.modes[1, 0, 2] == 0
    assert record.reverse_kl[1, 0, 2] > 0
    assert set(gaussians_gan.evaluate(record)) == {
        f"{kind}: {name}" for kind in ("modes", "quality") for name in gaussians_gan.ARMS
    }
