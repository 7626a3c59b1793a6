"""S04.6: hooks record what layers give, leave the model alone, and say what is wrong."""

import pytest
import torch
from torch import nn

from lecture_utils.explain.hooks import activations, layer_names, record

pytestmark = pytest.mark.system("S04.6")


def net(*, inplace: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.ReLU(inplace=inplace), nn.Conv2d(5, 4, 3), nn.Flatten(), nn.LazyLinear(2)
    )


def images(n: int = 3) -> torch.Tensor:
    return torch.randn(n, 3, 9, 7, generator=torch.Generator().manual_seed(1))


def test_activations_are_what_the_layers_give() -> None:
    model, x = net(), images()
    with record(model, "0", "2") as seen:
        model(x)
    torch.testing.assert_close(seen["0"], model[0](x))
    torch.testing.assert_close(seen["2"], model[2](model[1](model[0](x))))
    assert not seen["0"].requires_grad


@pytest.mark.parametrize("gradients", [False, True])
def test_a_later_layer_that_writes_in_place_does_not_change_the_recording(gradients: bool) -> None:
    model, x = net(inplace=True), images()
    plain = model(x)
    with record(model, "0", gradients=gradients) as seen:
        out = model(x)
    torch.testing.assert_close(seen["0"], model[0](x))  # with its negative values
    assert float(seen["0"].detach().min()) < 0
    torch.testing.assert_close(out, plain)


def test_gradients_are_those_of_the_rest_of_the_network() -> None:
    model, x = net(), images()
    hidden = model[0](x).detach().requires_grad_()
    (want,) = torch.autograd.grad(model[1:](hidden)[:, 1].sum(), hidden)
    with record(model, "0", gradients=True) as seen:
        score = model(x)[:, 1].sum()
        score.backward(retain_graph=True)
    torch.testing.assert_close(seen.gradients["0"], want)
    torch.testing.assert_close(torch.autograd.grad(score, seen["0"])[0], want)


def test_gradients_of_a_frozen_network() -> None:
    model, x = net(), images()
    model(x)
    model.requires_grad_(False)
    with record(model, "0", "2", gradients=True) as seen:
        model(x)[:, 0].sum().backward()
    assert set(seen.gradients) == {"0", "2"} and float(seen.gradients["0"].abs().sum()) > 0


def test_hooks_are_gone_after_the_block_also_after_an_error() -> None:
    model, x = net(), images()
    with pytest.raises(RuntimeError, match="stop"), record(model, "0", "2") as seen:
        raise RuntimeError("stop")
    model(x)
    assert not seen and not any(part._forward_hooks for part in model.modules())


@pytest.mark.parametrize("batch", [1, 2, 256])
def test_activations_over_a_data_set(batch: int) -> None:
    model, x = net(), images(5)
    model(x)
    got = activations(model, x, "2", batch=batch)
    torch.testing.assert_close(got, model[:3](x).detach())
    got += 1  # a normal tensor, although it was made in inference mode
    assert not got.requires_grad and not got.is_inference()


def test_bad_input_is_told() -> None:
    model, x = net(), images()
    with pytest.raises(ValueError, match=r"got 'stages', which Sequential lacks"), record(model, "stages"):
        pass
    with pytest.raises(ValueError, match="no layer names"), record(model):
        pass
    with (
        pytest.raises(ValueError, match="autograd is off"),
        record(model, "0", gradients=True),
        torch.no_grad(),
    ):
        model(x)
    with record(model, "0") as seen, pytest.raises(KeyError, match="nothing recorded for layer '0'"):
        seen["0"]
    with pytest.raises(ValueError, match=r"images: got shape \(0, 3, 9, 7\)"):
        activations(model, x[:0], "0")
    for bad, message in (
        (lambda: activations(model, x, "0", batch=0), "batch: got 0"),
        (lambda: activations(model, x, "0", batch=1.5), "batch: got 1.5"),
        (lambda: activations(model, [x], "0"), "images: got list"),
        (lambda: activations(model, x, ""), "layer: got '', want a name such as 0 or 1 or 2"),
        (lambda: activations(model, x, 0), "layer: got 0"),
        (lambda: activations(x, x, "0"), "model: got Tensor, want an nn.Module"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
    with (
        torch.inference_mode(),
        pytest.raises(ValueError, match=r"inside torch\.inference_mode"),
        record(model, "0", gradients=True),
    ):
        pass
    assert layer_names(model) == ["0", "1", "2", "3", "4"]


def test_a_layer_that_gives_no_tensor() -> None:
    model = nn.LSTM(3, 2)
    wrapped = nn.Sequential(model)
    with record(wrapped, "0"), pytest.raises(ValueError, match="layer '0' gives tuple"):
        wrapped(torch.zeros(1, 1, 3))
