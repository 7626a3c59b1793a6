"""S05.6: the magnified frame is the scene rendered at α times the displacement."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lecture_utils.augment import motion as m

pytestmark = pytest.mark.system("S05.6")
SIZE = (40, 52)


def blob(x: Tensor, y: Tensor, width: float = 4.0, size: tuple[int, int] = SIZE) -> Tensor:
    """A smooth sprite (B, 1, H, W) rendered at any place, in [0, 1]."""
    column, row = torch.arange(size[1]) + 0.5, torch.arange(size[0]) + 0.5
    away = (column - x[:, None, None]).square() + (row[:, None] - y[:, None, None]).square()
    return torch.exp(-away / (2 * width**2))[:, None]


def parts(b: int = 2, k: int = 2, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    alphas = torch.zeros(b, k, 1, *SIZE)
    for i in range(k):
        alphas[:, i, :, 8 + 9 * i : 20 + 9 * i, 10 + 8 * i : 24 + 8 * i] = 1.0
    out = {
        "background": torch.rand(b, 3, SIZE[0] + 12, SIZE[1] + 12, generator=generator),
        "sprites": torch.rand(b, k, 3, *SIZE, generator=generator),
        "alphas": alphas,
    }
    return {name: value.to(dtype) for name, value in out.items()}


def pasted(scene: dict[str, Tensor], moves: list[tuple[int, int]], behind: tuple[int, int]) -> Tensor:
    """A loop over pixels for motions by whole pixels, first sample only."""
    (x0, y0), margin = behind, 6
    height, width = SIZE
    frame = scene["background"][
        0, :, margin - y0 : margin - y0 + height, margin - x0 : margin - x0 + width
    ].clone()
    for i, (dx, dy) in enumerate(moves):
        for y, x in scene["alphas"][0, i, 0].nonzero().tolist():
            if 0 <= y + dy < height and 0 <= x + dx < width:
                frame[:, y + dy, x + dx] = scene["sprites"][0, i, :, y, x]
    return frame


def test_whole_pixels_are_exact_in_all_three_frames() -> None:
    scene = parts()
    move = torch.tensor([[[1.0, 0.0], [-1.0, 2.0]]]).expand(2, 2, 2)
    pair = m.motion_pair(
        **scene, displacement=move, factor=3.0, background_displacement=torch.tensor([[1.0, -1.0]] * 2)
    )
    frames = (
        (pair.frame_a, [(0, 0), (0, 0)], (0, 0)),
        (pair.frame_b, [(1, 0), (-1, 2)], (1, -1)),
        (pair.magnified, [(3, 0), (-3, 6)], (3, -3)),
    )
    for got, moves, behind in frames:
        torch.testing.assert_close(got[0], pasted(scene, moves, behind), rtol=0, atol=1e-5)


@pytest.mark.parametrize("factor", [1.0, 4.0, 25.0])
def test_magnified_equals_frame_b_of_the_larger_motion(factor: float) -> None:
    scene, move = parts(), 0.31 * torch.randn(2, 2, 2, generator=torch.Generator().manual_seed(1))
    small = m.motion_pair(**scene, displacement=move, factor=factor)
    large = m.motion_pair(**scene, displacement=factor * move, factor=1.0)
    torch.testing.assert_close(small.magnified, large.frame_b, rtol=0, atol=1e-5)
    torch.testing.assert_close(small.frame_a, large.frame_a)
    torch.testing.assert_close(small.flow * factor, large.flow)
    own = m.motion_pair(**scene, displacement=move, factor=torch.tensor([factor, 1.0]))
    torch.testing.assert_close(own.magnified[1], own.frame_b[1], rtol=0, atol=1e-5)  # one factor each


@pytest.mark.parametrize("factor", [2.0, 10.0, 30.0])
def test_below_a_pixel_it_is_exact_to_the_interpolation(factor: float) -> None:
    """Against the same blob drawn in closed form at its new place.

    Bilinear reading errs by 1/8 of the second derivative along each axis at most: 1 / width² or less.
    """
    width, start = 4.0, torch.tensor([20.0, 24.0])
    move = torch.tensor([[[0.11, -0.07]], [[0.23, 0.19]]])
    alphas = blob(start[:1].expand(2), start[1:].expand(2), width)[:, None]
    pair = m.motion_pair(torch.zeros(2, 1, *SIZE), torch.ones(2, 1, 1, *SIZE), alphas, move, factor=factor)
    for frame, times in ((pair.frame_a, 0.0), (pair.frame_b, 1.0), (pair.magnified, factor)):
        place = start + times * move[:, 0]
        error = (frame - blob(place[:, 0], place[:, 1], width)).abs().max().item()
        assert error <= 2 / (8 * width**2) + 1e-5
    centre = (pair.magnified[:, 0].sum(1) * (torch.arange(SIZE[1]) + 0.5)).sum(1) / pair.magnified.sum(
        (1, 2, 3)
    )
    torch.testing.assert_close(centre, start[0] + factor * move[:, 0, 0], rtol=0, atol=0.02)


def test_flow_is_the_motion_of_the_foremost() -> None:
    scene, move = parts(1), torch.tensor([[[0.5, 0.0], [-0.25, 1.0]]])
    behind = torch.tensor([[0.125, 0.0]])
    flow = m.motion_pair(**scene, displacement=move, factor=2.0, background_displacement=behind).flow
    first, second = scene["alphas"][0, :, 0] > 0.5
    assert (first & second).any()
    assert torch.equal(flow[0][:, second], move[0, 1][:, None].expand(2, int(second.sum())))
    only = first & ~second
    assert torch.equal(flow[0][:, only], move[0, 0][:, None].expand(2, int(only.sum())))
    rest = ~first & ~second
    assert torch.equal(flow[0][:, rest], behind[0][:, None].expand(2, int(rest.sum())))


def test_half_of_a_sprite_is_enough_to_be_what_moves_and_less_is_not() -> None:
    alphas = torch.tensor([0.0, 0.49, 0.5, 0.51, 1.0]).reshape(1, 1, 1, 1, 5)
    flow = m.motion_flow(alphas, torch.tensor([[[2.0, -3.0]]]), torch.zeros(1, 2))
    assert flow[0, :, 0].tolist() == [[0, 0, 2, 2, 2], [0, 0, -3, -3, -3]]


def test_the_rim_takes_no_colour_from_outside_the_sprite() -> None:
    """A white sprite on white stays white, whatever colour hides where its alpha is 0."""
    alphas = torch.zeros(1, 1, 1, *SIZE)
    alphas[..., 10:20, 10:20] = 1.0
    sprites = torch.where(alphas > 0, 1.0, 0.0).expand(1, 1, 3, *SIZE)  # black outside
    frame = m.composite(torch.ones(1, 3, *SIZE), sprites, alphas, torch.tensor([[[0.3, 0.7]]]))
    torch.testing.assert_close(frame, torch.ones_like(frame))


def test_no_sprites_and_no_motion() -> None:
    background = torch.rand(2, 3, *SIZE)
    pair = m.motion_pair(
        background, torch.zeros(2, 0, 3, *SIZE), torch.zeros(2, 0, 1, *SIZE), torch.zeros(2, 0, 2), factor=5.0
    )
    assert torch.equal(pair.frame_a, background) and torch.equal(pair.magnified, background)
    assert not pair.flow.any()
    scene = parts()
    still = m.motion_pair(**scene, displacement=torch.zeros(2, 2, 2), factor=9.0)
    assert torch.equal(still.frame_a, still.frame_b) and torch.equal(still.frame_a, still.magnified)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_types_and_devices(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA")
    scene = {name: value.to(device) for name, value in parts(dtype=torch.float64).items()}
    move = torch.full((2, 2, 2), 0.4, dtype=torch.float64, device=device)
    pair = m.motion_pair(**scene, displacement=move, factor=3.0)
    assert pair.magnified.dtype == torch.float64 and pair.magnified.device.type == device


@pytest.mark.parametrize("factor", [1.0, 3.0, 60.0])
def test_random_motions_respect_both_limits(factor: float) -> None:
    move = m.random_displacements(200, 3, torch.Generator().manual_seed(0), factor=factor)
    length = move.norm(dim=-1)
    limit = min(10.0, 30.0 / factor)
    assert 0.95 * limit < length.max() <= limit + 1e-5
    assert length.mean().item() == pytest.approx(limit / 2, rel=0.1)
    assert move.mean((0, 1)).abs().max() < 0.1 * limit


def test_random_motions_are_the_drawn_length_at_the_drawn_angle() -> None:
    """Two numbers for each sprite, length and angle: another order of draws would be another claim."""
    move = m.random_displacements(50, 2, torch.Generator().manual_seed(0), factor=6.0)
    u = torch.rand(50, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(move.norm(dim=-1), 5 * u[..., 0])
    angle = torch.atan2(move[..., 1], move[..., 0]) % (2 * math.pi)
    torch.testing.assert_close(angle, 2 * math.pi * u[..., 1], rtol=0, atol=1e-4)
    assert m.random_displacements(0, 2, torch.Generator(), factor=1.0).shape == (0, 2, 2)


def test_every_direction_is_as_likely() -> None:
    move = m.random_displacements(8000, 1, torch.Generator().manual_seed(1), factor=1.0)[:, 0]
    angle = torch.atan2(move[:, 1], move[:, 0])
    share = torch.histc(angle, bins=8, min=-math.pi, max=math.pi) / len(angle)
    assert (share - 1 / 8).abs().max() < 5 * (1 / 8 * 7 / 8 / 8000) ** 0.5  # five standard errors


SCENE, MOVE = parts(), torch.zeros(2, 2, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: m.composite(**SCENE, offsets=MOVE[:, :1]),
            r"offsets: got torch.float32 \(2, 1, 2\), want floating point \(2, 2, 2\)",
        ),
        (
            lambda: m.composite(**{**SCENE, "alphas": SCENE["alphas"] * 2}, offsets=MOVE),
            r"alphas: got 0 to 2, want shares in \[0, 1\]",
        ),
        (
            lambda: m.composite(**{**SCENE, "alphas": SCENE["alphas"][:, :, 0]}, offsets=MOVE),
            "alphas: got torch.float32",
        ),
        (
            lambda: m.composite(**{**SCENE, "background": SCENE["background"][..., :30]}, offsets=MOVE),
            "at least as large",
        ),
        (
            lambda: m.composite(**{**SCENE, "background": SCENE["background"][:1]}, offsets=MOVE),
            "many pictures",
        ),
        (
            lambda: m.composite(**SCENE, offsets=MOVE, background_offset=torch.full((2, 2), 7.0)),
            r"the margin \[6.0, 6.0\]",
        ),
        (lambda: m.random_displacements(1, 1, torch.Generator(), factor=0.0), "factor: got 0.0"),
        (lambda: m.motion_pair(**SCENE, displacement=MOVE + math.nan, factor=2.0), "want finite ones"),
        (lambda: m.motion_flow(SCENE["alphas"] * math.nan, MOVE, MOVE[0]), "alphas: got nan"),
        (lambda: m.motion_flow(SCENE["alphas"], MOVE[:, :1], MOVE[0]), r"displacement: got .*\(2, 1, 2\)"),
        (
            lambda: m.motion_flow(SCENE["alphas"], MOVE, MOVE[0, :1]),
            r"background_displacement: got .*\(1, 2\)",
        ),
        (lambda: m.motion_pair(**SCENE, displacement=MOVE, factor=torch.ones(3)), r"factor: got .*\(3,\)"),
        (lambda: m.motion_pair(**SCENE, displacement=MOVE, factor=math.nan), "factor: got nan"),
        (lambda: m.motion_pair(**SCENE, displacement=MOVE[0], factor=1.0), r"displacement: got .*\(2, 2\)"),
        (lambda: m.composite(**{**SCENE, "sprites": SCENE["sprites"][0]}, offsets=MOVE), "sprites: got"),
        (lambda: m.composite(**SCENE, offsets=MOVE, background_offset=MOVE[0, 0]), "background_offset: got"),
        (lambda: m.shift_layer(SCENE["background"], MOVE), "offset: got"),
        (lambda: m.shift_layer(SCENE["background"][0], MOVE[0]), "for one image use"),
        (lambda: m.random_displacements(-1, 1, torch.Generator(), factor=1.0), "n: got -1"),
        (lambda: m.random_displacements(1, 1, torch.Generator(), factor=1.0, most=0.0), "most: got 0.0"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
