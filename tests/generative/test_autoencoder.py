"""Auto-encoder: PCA as its linear case, a twin of plain layers, one batch, shapes, what is refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.explain.pca import fit_pca
from lecture_utils.generative import autoencoder
from tests.mutants import planted
from tests.parity import assert_parity, liven, parity_gap

pytestmark = pytest.mark.system("S15.2")
MODULE = "lecture_utils.generative.autoencoder"


def pictures(n: int = 60, side: int = 4) -> Tensor:
    """Pictures (n, 1, S, S) float64 whose pixels vary in a few directions, and a little in all."""
    draw = torch.Generator().manual_seed(3)
    mixed = torch.randn(n, 6, generator=draw).double() @ torch.randn(6, side * side, generator=draw).double()
    noise = 0.3 * torch.randn(n, side * side, generator=draw).double()
    return (mixed + noise + 2).reshape(n, 1, side, side)


def linear(latent: int, side: int = 4) -> autoencoder.AutoEncoder:
    """An auto-encoder of two linear layers."""
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(side * side, latent))
    decoder = nn.Sequential(nn.Linear(latent, side * side), nn.Unflatten(1, (1, side, side)))
    return autoencoder.AutoEncoder(encoder, decoder).double()


def pca_error(x: Tensor, latent: int) -> float:
    """Mean squared error of a picture when so many components are kept, summed over its pixels."""
    pca = fit_pca(x.flatten(1), latent)
    return float((pca.inverse(pca.transform(x.flatten(1))) - x.flatten(1)).square().sum(1).mean())


@pytest.mark.parametrize("latent", [1, 3])
def test_a_linear_auto_encoder_reaches_the_error_of_pca_and_no_less(latent):
    torch.manual_seed(latent)
    x, model = pictures(), linear(latent)
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=400, tolerance_grad=1e-10, tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = autoencoder.reconstruction_loss(model(x), x).mean()
        value.backward()
        return value

    before = loss().item()
    optimizer.step(loss)
    best, reached = pca_error(x, latent), loss().item()
    assert before > 1.5 * best  # there was something to learn
    assert best * (1 - 1e-9) <= reached <= best * (1 + 1e-6)


def test_with_the_components_as_weights_it_is_pca():
    x, model = pictures(), linear(3)
    pca = fit_pca(x.flatten(1), 3)
    with torch.no_grad():
        model.encoder[1].weight.copy_(pca.components)
        model.encoder[1].bias.copy_(-pca.components @ pca.mean)
        model.decoder[0].weight.copy_(pca.components.T)
        model.decoder[0].bias.copy_(pca.mean)
        torch.testing.assert_close(model.encode(x), pca.transform(x.flatten(1)))
        error = autoencoder.reconstruction_loss(model(x), x).mean()
    assert error.item() == pytest.approx(pca_error(x, 3))
    kept = fit_pca(x.flatten(1), 16).variance
    assert error.item() == pytest.approx(float(kept[3:].sum()) * 59 / 60)  # the variance that is thrown away


# --- the whole net against plain layers ---------------------------------------------------------------
def twin(model: nn.Module) -> nn.Sequential:
    """The same layers as one list, with copies of the weights."""
    down = [part for conv in model.encoder.convs for part in (conv, nn.SiLU())]
    up = [part for conv in model.decoder.convs for part in (nn.SiLU(), conv)]
    side, units = model.decoder.side, model.encoder.convs[-1].out_channels
    middle = [nn.Flatten(), model.encoder.head, model.decoder.stem, nn.Unflatten(1, (units, side, side))]
    return nn.Sequential(*down, *middle, *up, nn.Sigmoid())


def assert_like_twin(module) -> None:
    """Assert outputs and gradients of a whole net, lively enough for its inputs to count."""
    torch.manual_seed(0)
    sizes = {"size": 8, "channels": 2, "widths": (5, 7)}
    model = module.AutoEncoder(module.Encoder(6, **sizes), module.Decoder(6, **sizes)).double()
    x, other = torch.rand(2, 3, 2, 8, 8, dtype=torch.float64)
    liven(model, x, other)
    reference = twin(model)
    assert_parity(model, reference, x, other)
    parameters = list(model.parameters())
    ours = torch.autograd.grad(module.reconstruction_loss(model(x), x).mean(), parameters)
    theirs = torch.autograd.grad(F.mse_loss(reference(x), x, reduction="sum") / 3, parameters)
    for got, want in zip(ours, theirs, strict=True):
        assert want.abs().max() > 1e-6
        assert parity_gap(got, want) < 1e-6


def test_the_whole_net_is_its_twin():
    assert_like_twin(autoencoder)


@pytest.mark.parametrize(
    "fault",
    [
        ("x = F.silu(conv(x))", "x = conv(F.silu(x))"),
        ("x = conv(F.silu(x))", "x = F.silu(conv(x))"),
        ("torch.sigmoid(self.logits(z))", "self.logits(z)"),
        ("(made - x).square()", "(made - x).abs()"),
        (".sum(dim=(1, 2, 3))", ".mean(dim=(1, 2, 3))"),
        ("self.head(x.flatten(1))", "self.head(x.transpose(2, 3).flatten(1))"),
        (
            ".reshape(len(z), -1, self.side, self.side)",
            ".reshape(len(z), self.side, self.side, -1).movedim(3, 1)",
        ),
    ],
)
def test_a_planted_fault_is_seen(fault):
    with pytest.raises(AssertionError):
        assert_like_twin(planted(MODULE, fault))


def test_one_batch_is_learned():
    torch.manual_seed(0)
    sizes = {"size": 8, "channels": 1, "widths": (16, 32)}
    model = autoencoder.AutoEncoder(autoencoder.Encoder(4, **sizes), autoencoder.Decoder(4, **sizes))
    x = torch.rand(4, 1, 8, 8)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss = autoencoder.reconstruction_loss(model(x), x).mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.05 * autoencoder.reconstruction_loss(x.mean(0).expand_as(x), x).mean()


@pytest.mark.parametrize(("size", "widths", "side"), [(32, (4, 4, 4), 4), (24, (4, 4, 4), 3), (8, (4,), 4)])
def test_sides_halve_and_double(size, widths, side):
    assert autoencoder.side_after(size, 3, widths) == side
    sizes = {"size": size, "channels": 3, "widths": widths}
    model = autoencoder.AutoEncoder(autoencoder.Encoder(5, **sizes), autoencoder.Decoder(5, **sizes))
    x = torch.rand(1, 3, size, size)
    assert model.encode(x).shape == (1, 5)
    made = model(x)
    assert made.shape == x.shape and made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: autoencoder.Encoder(4, size=20, widths=(4, 4, 4)),
            "got 20 for 3 widths, want a multiple of 8",
        ),
        (lambda: autoencoder.Encoder(4)(torch.rand(2, 3, 32, 16)), r"want \(B, 3, 32, 32\)"),
        (lambda: autoencoder.Encoder(4)(torch.rand(2, 32, 32, 3)), "channels come first"),
        (lambda: autoencoder.Decoder(4)(torch.rand(2, 5)), r"want floating point.* \(B, 4\)"),
        (lambda: autoencoder.Decoder(4)(torch.rand(2, 4).double()), "type of the weights"),
        (
            lambda: autoencoder.reconstruction_loss(torch.rand(1, 1, 8, 8), torch.rand(2, 1, 8, 8)),
            "want them equal",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
