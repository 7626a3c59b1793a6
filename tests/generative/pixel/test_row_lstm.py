"""The Row LSTM: against loops over every unit, and its triangle by gradient."""

import pytest
import torch

from lecture_utils.generative.pixel import row_lstm
from lecture_utils.generative.pixel.row_lstm import MaskedRowConv, PixelRNN, RowLSTM
from tests.generative.pixel.pixel_models import lively
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.1")


def sigmoid(x):
    return 1 / (1 + torch.exp(-x))


def by_loops(layer, x):
    """Equation 3 at one pixel after another, unit by unit; of one colour, kernels of 3."""
    batch, width, height, columns = x.shape
    units = width // 2
    k_is, k_ss = layer.input_to_state.weight[:, :, 0], layer.state_to_state.weight  # (4h, 2h, 3), (4h, h, 3)
    out = torch.empty_like(x)
    for b in range(batch):
        h_above = c_above = torch.zeros(units, columns, dtype=x.dtype)
        for row in range(height):
            h, c = torch.zeros_like(h_above), torch.zeros_like(c_above)
            for column in range(columns):
                z = layer.input_to_state.bias.clone()  # (4h,)
                for offset in (-1, 0, 1):
                    at = column + offset
                    if not 0 <= at < columns:
                        continue
                    if offset <= 0:  # the row itself: only what is to the left, and its own column
                        z = z + k_is[:, :, offset + 1] @ x[b, :, row, at]
                    z = z + k_ss[:, :, offset + 1] @ h_above[:, at]
                o, f, i, g = (z[n * units : (n + 1) * units] for n in range(4))
                c[:, column] = sigmoid(f) * c_above[:, column] + sigmoid(i) * torch.tanh(g)
                h[:, column] = sigmoid(o) * torch.tanh(c[:, column])
            up = layer.expand.weight[:, :, 0, 0] @ h + layer.expand.bias[:, None]
            out[b, :, row] = x[b, :, row] + up
            h_above, c_above = h, c
    return out


def row_lstm_agrees(module):
    torch.manual_seed(0)
    layer = module.RowLSTM(6).double()
    for value in layer.parameters():
        value.data.mul_(2)
    x = 2 * torch.randn(2, 6, 4, 5, dtype=torch.float64)
    with torch.no_grad():
        got, want = layer(x), by_loops(layer, x)
        assert (by_loops(layer, x.flip(2)) - want).abs().max() > 1e-2
    return bool((got - want).abs().max() < 1e-9)


def test_a_row_lstm_is_equation_3():
    assert row_lstm_agrees(row_lstm)


@pytest.mark.parametrize(
    "fault",
    [
        ("f.sigmoid() * c + i.sigmoid() * g.tanh()", "f.sigmoid() * c + i.sigmoid() * g.sigmoid()"),
        ("return o.sigmoid() * c.tanh(), c", "return o.sigmoid() * c, c"),
        ("o, f, i, g = (gate", "f, o, i, g = (gate"),
        ("self.cell(row + self.state_to_state(h), c)", "self.cell(row, c)"),
        ("self.cell(row + self.state_to_state(h), c)", "self.cell(row + self.state_to_state(h), 0 * c)"),
        ("return x + self.dropout", "return self.dropout"),
        ("self.weight * self.mask, self.bias", "self.weight, self.bias"),
        ("unflatten(1, (self.colours, 4, -1)).unbind(2)", "unflatten(1, (self.colours, -1, 4)).unbind(3)"),
    ],
)
def test_a_planted_fault_is_seen(fault):
    assert not row_lstm_agrees(planted("lecture_utils.generative.pixel.row_lstm", fault))


@pytest.mark.parametrize("size", [3, 5])
def test_a_state_sees_a_triangle(size):
    """In row d above: (k - 1) / 2 · d to each side, and (k - 1) / 2 further to the left by input-to-state."""
    torch.manual_seed(0)
    layer = RowLSTM(4, size=size).double()
    x = torch.randn(3, 4, 7, 13, dtype=torch.float64, requires_grad=True)
    row, column, edge = 5, 7, size // 2
    (gradient,) = torch.autograd.grad(layer(x)[:, :, row, column].square().sum(), x)
    seen = (gradient != 0).any(0).any(0)  # (H, W)
    want = torch.zeros_like(seen)
    for up in range(row + 1):
        want[row - up, max(column - edge * (up + 1), 0) : column + edge * up + 1] = True
    assert torch.equal(seen, want)


def test_colours_see_only_those_before_and_their_own():
    """In the same pixel; of the row above all of them."""
    torch.manual_seed(0)
    layer = RowLSTM(12, colours=3).double()
    x = torch.randn(1, 12, 3, 4, dtype=torch.float64, requires_grad=True)
    for colour in range(3):
        told = layer(x)[0, 4 * colour : 4 * colour + 4, 2, 2].sum()
        (gradient,) = torch.autograd.grad(told, x)
        by_colour = (gradient[0].unflatten(0, (3, 4)) != 0).any(1)  # (3, H, W)
        assert by_colour[:, 2, 2].tolist() == [c <= colour for c in range(3)]
        assert by_colour[:, 1, 2].all() and not by_colour[:, 2, 3].any()


def test_a_mask_of_your_own_reaches_every_layer():
    asked = []

    def mask(kind, size, in_channels, out_channels, colours):
        asked.append(kind)
        return torch.ones(out_channels, in_channels, size, size, dtype=torch.bool)

    model = PixelRNN(4, width=4, layers=2, size=3, mask=mask).double()
    assert asked == ["A", "B", "B", "B", "B", "B", "B", "B"]
    x = torch.randn(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.logits(x)[..., 0, 0].square().sum(), x)
    assert gradient[0, 0, 0, 0] != 0 and gradient[0, 0, 0, 2] != 0  # now it sees itself and what comes later


def test_lively_networks_depend_on_the_rows_above():
    model = lively(PixelRNN)
    image = torch.zeros(2, 1, 5, 5, dtype=torch.long)
    image[1, 0, 0, 2] = 16
    a, b = model(image)[..., 0, 4, 2]
    assert (a - b).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RowLSTM(5), "width: got 5, want a multiple of 2"),
        (lambda: RowLSTM(4, size=4), "size: got 4, want an odd one"),
        (lambda: RowLSTM(4)(torch.zeros(1, 3, 4, 4)), "3"),
        (lambda: RowLSTM(4).cell(torch.zeros(1, 8, 3), torch.zeros(1, 3, 3)), "c: got"),
        (lambda: RowLSTM(4).cell(torch.zeros(1, 6, 3), torch.zeros(1, 2, 3)), "gates: got"),
        (lambda: MaskedRowConv("B", 4, 6, 3, colours=3), "want multiples of 3 colours"),
        (lambda: MaskedRowConv("B", 4, 6, 3)(torch.zeros(4, 4, 4)), "want"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
