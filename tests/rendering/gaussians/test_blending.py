"""Blending: a loop over pixels, the plain twin, gsplat's reference where it imports, gradients, faults."""

import math

import pytest
import torch

from lecture_utils.ops.camera import pixel_grid
from lecture_utils.rendering.gaussians import blending, blending_plain
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.5")
MODULE = "lecture_utils.rendering.gaussians.blending"
DIFFERENTIABLE = ("means", "covariances", "colours", "opacities", "background")


def splats(n: int, size: tuple[int, int], *, seed: int = 0, spread: float = 0.1) -> dict[str, object]:
    made = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=made, dtype=torch.float64)

    root = (draw(n, 2, 2) - 0.5) * spread * max(size) * 2
    return {
        "means": draw(n, 2) * torch.tensor([size[1], size[0]]) * 1.4 - 0.2 * max(size),
        "covariances": root @ root.mT + 0.3 * torch.eye(2, dtype=torch.float64),
        "depth_m": draw(n) + 1,
        "colours": draw(n, 3),
        "opacities": draw(n).sqrt(),
        "size": size,
        "background": torch.tensor([1.0, 0.9, 0.8], dtype=torch.float64),
    }


def by_loop(case: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """One pixel and one splat at a time, as the equation is read."""
    height, width = case["size"]
    image, left = torch.zeros(3, height, width, dtype=torch.float64), torch.zeros(height, width)
    left = left.double()
    order = sorted(range(len(case["means"])), key=lambda i: float(case["depth_m"][i]))
    inverse = [torch.linalg.inv(c).tolist() for c in case["covariances"]]
    for row in range(height):
        for column in range(width):
            light, colour = 1.0, torch.zeros(3, dtype=torch.float64)
            for i in order:
                u, v = column + 0.5 - float(case["means"][i][0]), row + 0.5 - float(case["means"][i][1])
                (a, b), (c, d) = inverse[i]
                alpha = float(case["opacities"][i]) * math.exp(-(a * u * u + (b + c) * u * v + d * v * v) / 2)
                alpha = min(0.99, alpha)
                if alpha < 1 / 255:
                    continue
                colour = colour + light * alpha * case["colours"][i]
                light *= 1 - alpha
            image[:, row, column] = colour + light * case["background"]
            left[row, column] = light
    return image, left


def gap(module, case: dict, want: tuple[torch.Tensor, torch.Tensor]) -> float:
    got = module.blend(**case)
    return max(float((a - b).abs().max()) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("module", [blending, blending_plain])
def test_values_are_those_of_a_loop_over_pixels(module):
    case = splats(25, (9, 21))
    assert gap(module, case, by_loop(case)) < 1e-12


FAULTS = {
    "not sorted": ("near_first = depth_m.detach().argsort()", "near_first = torch.arange(len(depth_m))"),
    "far first": ("depth_m.detach().argsort()", "depth_m.detach().argsort(descending=True)"),
    "pixel corners": ("torch.arange(tile) + 0.5 - tile / 2", "torch.arange(tile) - tile / 2"),
    "light after the splat": ("before, left[t] = light[:, :-1]", "before, left[t] = light[:, 1:]"),
    "opaque": ("MOST_ALPHA, LEAST_ALPHA = 0.99", "MOST_ALPHA, LEAST_ALPHA = 1.0"),
    "nothing skipped": ("MOST_ALPHA), LEAST_ALPHA, 0.0,", "MOST_ALPHA), 0.0, 0.0,"),
    "half the exponent": ("-inverse[:, 0, 1],", "-inverse[:, 0, 1] / 2,"),
    "no background": ("left[t, :, None] * background, alpha", "0 * left[t, :, None] * background, alpha"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault):
    case = splats(25, (9, 21))
    case["opacities"][:3] = 1.0
    case["means"][:3] = torch.tensor([4.5, 4.5], dtype=torch.float64)
    assert gap(planted(MODULE, FAULTS[fault]), case, by_loop(case)) > 1e-3


def gradients(module, case: dict, **settings: int) -> list[torch.Tensor]:
    case = {k: v.clone().requires_grad_() if k in DIFFERENTIABLE else v for k, v in case.items()}
    image, left = module.blend(**case, **settings)
    made = torch.Generator().manual_seed(1)
    weights = [torch.randn(x.shape, generator=made, dtype=torch.float64) for x in (image, left)]
    value = (image * weights[0]).sum() + (left * weights[1]).sum()
    return list(torch.autograd.grad(value, [case[name] for name in DIFFERENTIABLE]))


@pytest.mark.parametrize("size", [(16, 16), (37, 50), (1, 3), (64, 20)])
@pytest.mark.parametrize("tile", [8, 16])
def test_tiles_change_nothing(size, tile):
    case = splats(80, size)
    want = blending_plain.blend(**case)
    got = blending.blend(**case, tile=tile)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)
    for a, b in zip(gradients(blending, case, tile=tile), gradients(blending_plain, case), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-9)


BACKWARD_FAULTS = [
    ("gained - behind * (alpha / (1 - alpha))", "gained - behind * alpha"),
    ("+ to_last[t, :, None] - gained.cumsum", "- gained.cumsum"),
    ("to_log.masked_fill_(alpha >= MOST_ALPHA, 0)", "pass"),
    ("(to_pixels @ background + to_left)", "(to_pixels @ background)"),
    ("weight.T @ to_pixels[t]", "alpha.T @ to_pixels[t]"),
]


@pytest.mark.parametrize("fault", BACKWARD_FAULTS)
def test_a_fault_in_the_backward_is_seen(fault):
    case = splats(80, (37, 50))
    case["opacities"][:3] = 1.0
    case["means"][:3] = torch.tensor([20.5, 20.5], dtype=torch.float64)
    pairs = zip(gradients(planted(MODULE, fault), case), gradients(blending_plain, case), strict=True)
    assert max(float((a - b).abs().max()) for a, b in pairs) > 1e-3


def test_gradients():
    case = splats(6, (5, 18), spread=0.2)

    def run(*values):
        return blending.blend(**(case | dict(zip(DIFFERENTIABLE, values, strict=True))))

    assert torch.autograd.gradcheck(run, [case[name].requires_grad_() for name in DIFFERENTIABLE])


def test_single_precision_is_close_enough():
    case = splats(300, (64, 64), spread=0.03)
    single = {k: v.float() if isinstance(v, torch.Tensor) else v for k, v in case.items()}
    torch.testing.assert_close(
        blending.blend(**single)[0].double(), blending.blend(**case)[0], rtol=0, atol=2e-3
    )


def test_only_the_order_in_depth_counts():
    case = splats(30, (12, 12))
    shuffled = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    other = {k: v[shuffled] if k not in ("size", "background") else v for k, v in case.items()}
    other["depth_m"] = other["depth_m"] ** 3  # the same order
    for a, b in zip(blending.blend(**case), blending.blend(**other), strict=True):
        torch.testing.assert_close(a, b)


def test_without_splats_there_is_the_background():
    case = splats(0, (20, 5))
    image, left = blending.blend(**case)
    torch.testing.assert_close(image, case["background"][:, None, None].expand(3, 20, 5))
    assert bool((left == 1).all())
    case = splats(4, (20, 5))
    case["means"] += 1000
    assert bool((blending.blend(**case)[1] == 1).all())


def test_a_splats_box_holds_all_pixels_that_it_touches():
    case = splats(200, (48, 48))
    far = blending.reach(case["covariances"], case["opacities"])
    pixels = blending.untiled(blending.tile_corners((48, 48), 1)[:, None].double(), (48, 48), 1)
    alphas = blending_plain.splat_alphas(
        pixels.reshape(2, -1).T + 0.5, case["means"], case["covariances"], case["opacities"]
    )  # (P, N)
    offset = (pixels.reshape(2, -1).T[:, None] + 0.5 - case["means"]).abs()
    outside = (offset > far).any(dim=2)
    assert float(alphas[outside].max()) == 0
    nearly = (offset > 0.8 * far).any(dim=2)
    assert float(alphas[nearly].max()) > 0, "the box is not too large"


def test_gsplats_reference_blends_alike():
    """Its plain-PyTorch part is handed the pairs of pixel and splat that count: it skips no α itself."""
    reference = pytest.importorskip("gsplat.cuda._torch_impl")
    pytest.importorskip("nerfacc")  # which it calls
    case = splats(20, (16, 16))
    case["opacities"] = 0.95 * case["opacities"]  # it holds α at 0.999
    case["background"] = torch.zeros(3, dtype=torch.float64)
    order = case["depth_m"].argsort()
    names = ("means", "covariances", "opacities")
    means, covariances, opacities = (case[name][order] for name in names)
    pixels = pixel_grid((16, 16)).double().reshape(-1, 2)
    pixel, nth = blending_plain.splat_alphas(pixels, means, covariances, opacities).nonzero(as_tuple=True)
    inverse = torch.linalg.inv(case["covariances"])
    conics = torch.stack([inverse[:, 0, 0], inverse[:, 0, 1], inverse[:, 1, 1]], dim=1)
    image, alphas = reference.accumulate(
        *(x[None].float() for x in (case["means"], conics, case["opacities"], case["colours"])),
        order[nth], pixel, torch.zeros_like(pixel), 16, 16,
    )  # fmt: skip
    got, left = blending.blend(**case)
    torch.testing.assert_close(image[0].permute(2, 0, 1).double(), got, rtol=0, atol=1e-4)
    torch.testing.assert_close(1 - alphas[0, ..., 0].double(), left, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"covariances": torch.tensor([[1.0, 2.0], [2.0, 1.0]]).expand(5, 2, 2).double()},
            "positive definite",
        ),
        ({"covariances": -torch.eye(2).expand(5, 2, 2).double()}, "positive definite"),
        ({"opacities": torch.full((5,), 1.2).double()}, r"got 1.2 to 1.2, want all in \[0, 1\]"),
        ({"colours": torch.zeros(4, 3).double()}, "colours: got"),
        ({"depth_m": torch.full((5,), math.nan).double()}, "depth_m: got NaN"),
        ({"background": torch.ones(3)}, "background: got dtype torch.float32"),
        ({"size": (0, 4)}, "size, height: got 0"),
        ({"tile": 0}, "tile: got 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        blending.blend(**(splats(5, (8, 8)) | change))
