"""Where a small ViT starts: positions form a grid, attention looks like that of trained ViTs."""

import pytest
import torch

from lecture_utils.nn.attention import MultiHeadAttention
from lecture_utils.nn.vit_start import grid_encoding, mimetic_, start_


def test_a_position_is_as_like_its_neighbour_below_as_to_the_right() -> None:
    table = grid_encoding(6, 32).reshape(6, 6, 32)
    alike = table @ table[2, 3]
    assert alike.argmax() == 2 * 6 + 3
    torch.testing.assert_close(alike[3, 3], alike[2, 4])
    assert alike[3, 3] > alike[4, 3] > alike[5, 3]
    # The first half knows the row.
    torch.testing.assert_close(table[1, :, :16], table[1, :1, :16].expand(6, 16))


def test_grid_is_a_loop_over_rows_and_columns() -> None:
    table = grid_encoding(3, 8)
    for row in range(3):
        for column in range(3):
            for k in range(2):
                f = 100.0 ** (-k / 2)
                want = [row * f, column * f]
                got = table[3 * row + column]
                for half, angle in enumerate(torch.tensor(want)):
                    torch.testing.assert_close(got[4 * half + k], angle.sin())
                    torch.testing.assert_close(got[4 * half + 2 + k], angle.cos())


@pytest.mark.parametrize("heads", [1, 4])
def test_mimetic_attention_has_the_products_it_is_named_for(heads: int) -> None:
    """W_Qᵀ W_K leans to +I in each head; W_O W_V is 0.4 (noise - I), here by its trace and its spread."""
    torch.manual_seed(0)
    dim = 64
    layer = MultiHeadAttention(dim, heads)
    mimetic_(layer)
    query, key, value, output = (
        part.weight.detach() for part in (layer.to_query, layer.to_key, layer.to_value, layer.to_output)
    )
    mixed = output @ value
    assert mixed.trace().item() / dim == pytest.approx(-0.4, abs=0.03)
    assert (mixed + 0.4 * torch.eye(dim)).std().item() * dim**0.5 == pytest.approx(0.4, rel=0.1)
    d = dim // heads
    for q, k in zip(query.split(d), key.split(d), strict=True):
        product = q.T @ k
        assert torch.linalg.matrix_rank(product) == d and product.trace() > 0.4 * d
    assert all((bias == 0).all() for name, bias in layer.named_parameters() if name.endswith("bias"))


def test_the_class_token_s_position_is_left_alone() -> None:
    position, layer = torch.randn(1, 10, 16), MultiHeadAttention(16, 2)
    first, before = position[0, 0].clone(), layer.to_query.weight.detach().clone()
    start_(position, [layer])
    assert torch.equal(position[0, 0], first)
    torch.testing.assert_close(position[0, 1:], 0.5 * grid_encoding(3, 16))
    assert not torch.equal(layer.to_query.weight, before)


def test_bad_input_is_told() -> None:
    layer = MultiHeadAttention(16, 2)
    for bad, message in (
        (lambda: grid_encoding(3, 10), "width 10, want a multiple of 4"),
        (lambda: grid_encoding(0, 8), "got side 0"),
        (
            lambda: start_(torch.zeros(1, 8, 16), [layer]),
            r"got shape \(1, 8, 16\), want \(1, 1 \+ side², D\)",
        ),
        (lambda: start_(torch.zeros(10, 16), [layer]), r"got shape \(10, 16\)"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
    mimetic_(MultiHeadAttention(16, 2, bias=False))  # nothing to zero, no error
