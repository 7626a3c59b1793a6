"""DCGAN: the layers that the paper names, in library form, and what the two nets must and must not do."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecture_utils.generative.dcgan import Discriminator, Generator, batch_spread
from lecture_utils.generative.gan_loss import play_round

SMALL = (12, 8, 6)  # pictures of 16 × 16


def library_generator(model: Generator) -> nn.Sequential:
    """The same network from the library's layers, with the same weights."""
    norm = nn.BatchNorm2d(model.widths[0])
    layers: list[nn.Module] = [model.stem, nn.Unflatten(1, (-1, 4, 4)), norm, nn.ReLU()]
    copied = [(model.norm, norm)]
    for block, (a, b) in zip(model.blocks, zip(model.widths, model.widths[1:], strict=False), strict=True):
        conv = nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)
        norm = nn.BatchNorm2d(b)
        copied += [(block.conv, conv), (block.norm, norm)]
        layers += [conv, norm, nn.ReLU()]
    for ours, theirs in copied:
        theirs.load_state_dict(ours.state_dict(), strict=False)
    return nn.Sequential(*layers, model.head, nn.Sigmoid())


@pytest.mark.parametrize("training", [True, False])
def test_generator_equals_the_library_layers(training: bool) -> None:
    torch.manual_seed(0)
    model = Generator(latent=10, widths=SMALL)
    model(torch.randn(64, 10))  # statistics that are not those of the start
    library = library_generator(model).train(training)
    z = torch.randn(5, 10)
    ours, theirs = model.train(training)(z), library(z)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    aim = torch.rand_like(ours)
    (a,) = torch.autograd.grad((ours * aim).sum(), model.blocks[0].conv.weight)
    (b,) = torch.autograd.grad((theirs * aim).sum(), library[4].weight)
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_discriminator_equals_the_library_layers() -> None:
    torch.manual_seed(0)
    model, x = Discriminator(widths=(6, 8)), torch.rand(3, 3, 16, 16)
    maps = x * 2 - 1
    for conv in model.blocks:
        maps = nn.LeakyReLU(0.2)(F.conv2d(maps, conv.weight, conv.bias, stride=2, padding=1))
    spread = torch.std(maps, dim=0, correction=0).mean()
    flat = torch.cat([maps.flatten(1), spread.expand(3, 16)], dim=1)
    torch.testing.assert_close(
        model(x), (flat @ model.head.weight.T + model.head.bias)[:, 0], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("widths", "size"), [((8, 4), 8), (SMALL, 16), ((8, 8, 6, 4), 32), ((4,) * 5, 64)])
@pytest.mark.parametrize("batch", [1, 3])
def test_sizes(widths: tuple[int, ...], size: int, batch: int) -> None:
    generator, judge = Generator(latent=5, widths=widths).eval(), Discriminator(widths=widths[1:])
    pictures = generator(torch.randn(batch, 5))
    assert pictures.shape == (batch, 3, size, size) and generator.size == judge.size == size
    assert pictures.min() > 0 and pictures.max() < 1
    assert judge(pictures).shape == (batch,)


def test_float64_and_gpu() -> None:
    for where in [{"dtype": torch.float64}, *([{"device": "cuda"}] if torch.cuda.is_available() else [])]:
        generator, judge = (
            Generator(latent=4, widths=SMALL).to(**where),
            Discriminator(widths=(4, 6)).to(**where),
        )
        score = judge(generator(generator.sample(2, seed=0)))
        assert score.dtype == generator.head.weight.dtype and score.device == generator.head.weight.device


def test_latent_vectors_are_the_same_for_the_same_seed_whatever_was_drawn_before() -> None:
    model = Generator(latent=4, widths=SMALL)
    a = model.sample(6, seed=3)
    torch.randn(7)
    assert torch.equal(a, model.sample(6, seed=3))
    assert not torch.equal(a, model.sample(6, seed=4))


def test_spread_is_that_of_the_batch() -> None:
    x = torch.rand(4, 3, 5, 5)
    wanted = sum(x[:, c, i, j].std(correction=0) for c in range(3) for i in range(5) for j in range(5)) / 75
    torch.testing.assert_close(batch_spread(x), torch.full((4, 1, 5, 5), float(wanted)), rtol=1e-4, atol=1e-5)
    assert batch_spread(x[:1].expand(4, -1, -1, -1)).max() < 1e-3  # one picture four times


def test_the_game_learns_a_world_of_one_picture() -> None:
    torch.manual_seed(0)
    generator, judge = Generator(latent=4, widths=(16, 8)), Discriminator(widths=(16,))
    picture = torch.zeros(3, 8, 8)
    picture[0, :4], picture[2, 4:] = 1.0, 0.8
    adam = [torch.optim.Adam(net.parameters(), 3e-3, betas=(0.0, 0.99)) for net in (generator, judge)]
    optimizers = {"generator_optimizer": adam[0], "discriminator_optimizer": adam[1]}
    start = (generator(torch.randn(16, 4)) - picture).abs().mean().item()
    for _ in range(150):
        play_round(generator, judge, picture.expand(16, -1, -1, -1), torch.randn(16, 4), r1=0.1, **optimizers)
    end = (generator(torch.randn(16, 4)) - picture).abs().mean().item()
    assert start > 0.3 and end < 0.1


@pytest.mark.parametrize(
    "z", [torch.randn(2, 3), torch.randn(4), torch.randn(0, 4), torch.ones(2, 4, dtype=torch.int64)]
)
def test_bad_latent_vectors(z: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="latent numbers: got"):
        Generator(latent=4, widths=SMALL)(z)


def test_bad_pictures_and_widths() -> None:
    with pytest.raises(ValueError, match=r"want \(B, C, 16, 16\)"):
        Discriminator(widths=(4, 4))(torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match="channels"):
        Discriminator(widths=(4, 4))(torch.rand(1, 1, 16, 16))
    with pytest.raises(ValueError, match="widths: got"):
        Generator(widths=(8,))
    with pytest.raises(ValueError, match="widths: got"):
        Discriminator(widths=(8, 0))
    with pytest.raises(ValueError, match="widths: got"):
        Discriminator(widths=(8, 2.5))
    with pytest.raises(ValueError, match="latent: got 0"):
        Generator(latent=0)
    with pytest.raises(ValueError, match="channels: got 0"):
        Generator(channels=0)
    with pytest.raises(ValueError, match="channels: got -1"):
        Discriminator(channels=-1)
    with pytest.raises(ValueError, match="n: got 0"):
        Generator(latent=4, widths=SMALL).sample(0, seed=0)
    with pytest.raises(ValueError, match="seed: got -1"):
        Generator(latent=4, widths=SMALL).sample(1, seed=-1)
    with pytest.raises(ValueError, match="for one image use"):
        batch_spread(torch.rand(3, 4, 4))


def test_first_weights_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    generator, judge = Generator(), Discriminator()
    for layer in generator.modules():
        if isinstance(layer, nn.ConvTranspose2d | nn.Conv2d | nn.Linear):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
    for layer in judge.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            want = (2 / (1 + 0.2**2) / layer.weight[0].numel()) ** 0.5
            assert layer.weight.std().item() == pytest.approx(want, rel=0.1)
            assert not layer.bias.any()
    assert not generator.head.bias.any()
