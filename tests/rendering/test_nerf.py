"""NeRF: the encoding, the paper's network and its size, rays against a plain loop, one scene learned."""

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.ops.camera import orbit, rays
from lecture_utils.rendering import nerf, radiance_field
from lecture_utils.rendering.radiance_field import RadianceField, encoded_size, positional_encoding
from tests.mutants import planted
from tests.parity import MARGIN, TOLERANCE, liven, parity_gap

pytestmark = pytest.mark.system("S18.4")


def some_rays(n: int = 9, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rays (n, 3) through a ball of 1 m; the last one misses it."""
    draw = torch.Generator().manual_seed(seed)
    inside = 0.5 * (2 * torch.rand(n, 3, generator=draw) - 1)
    origins = torch.tensor([[3.0, 0.3, 0.8]]).expand(n, 3)
    directions = nn.functional.normalize(inside - origins, dim=1)
    directions[-1] = torch.tensor([1.0, 0, 0])
    return origins, directions


def small(module=radiance_field, seed: int = 0, **more) -> nn.Module:
    torch.manual_seed(seed)
    sizes = {"skip": 2, "frequencies": 3, "view_frequencies": 2} | more
    return module.RadianceField(8, 3, **sizes)


def test_encoding_is_equation_4():
    x = torch.tensor([[0.3, -0.7, 1.1], [0.0, 0.5, -1.0]], dtype=torch.float64)
    got = positional_encoding(x, 4)
    want = [
        [f(2**k * math.pi * float(p)) for p in row for k in range(4) for f in (math.sin, math.cos)]
        for row in x
    ]
    torch.testing.assert_close(got, torch.tensor(want, dtype=torch.float64))
    torch.testing.assert_close(positional_encoding(x, 4, with_input=True), torch.cat([x, got], dim=1))
    assert positional_encoding(x, 0) is x
    assert positional_encoding(x.float(), 10).shape == (2, encoded_size(10)) == (2, 60)
    assert encoded_size(10, True) == 63 and encoded_size(0) == 3


def test_the_papers_network_has_figure_7s_sizes():
    """8 layers of 256, the encoded place again beside the fifth's output, the direction before 128."""
    model = RadianceField()
    count = (60 * 256 + 256) + 6 * (256 * 256 + 256) + ((256 + 60) * 256 + 256)
    count += (256 + 1) + (256 * 256 + 256) + ((256 + 24) * 128 + 128) + (128 * 3 + 3)
    assert sum(p.numel() for p in model.parameters()) == count
    assert [layer.in_features for layer in model.layers] == [60] + 4 * [256] + [316] + 2 * [256]
    authors = RadianceField(with_input=True)
    assert sum(p.numel() for p in authors.parameters()) == 595_844  # of the authors' program, by its summary


def reference_field(model: nn.Module, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Figure 7 point by point, from the weights alone, with sines and cosines of its own."""
    state = dict(model.named_parameters())

    def encoded(p: Tensor, frequencies: int) -> Tensor:
        waves = [
            f(2**k * torch.pi * c) for c in p for k in range(frequencies) for f in (torch.sin, torch.cos)
        ]
        return torch.stack(waves)

    def linear(name: str, x: Tensor) -> Tensor:
        return state[f"{name}.weight"] @ x + state[f"{name}.bias"]

    densities, colours = [], []
    for p, d in zip(points, directions, strict=True):
        place, look = encoded(p, 3), encoded(d, 2)
        x = torch.relu(linear("layers.0", place))
        x = torch.relu(linear("layers.1", x))
        x = torch.relu(linear("layers.2", torch.cat([x, place])))
        densities.append(torch.relu(linear("density", x))[0])
        x = torch.relu(linear("mix", torch.cat([linear("feature", x), look])))
        colours.append(torch.sigmoid(linear("colour", x)))
    return torch.stack(densities), torch.stack(colours)


def reference_rays(model: nn.Module, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Colours (R, 3) of the coarse and the fine network, ray by ray and sample by sample, without jitter."""

    def composited(field: nn.Module, o: Tensor, d: Tensor, t: list[float], far: float) -> tuple:
        density, colour = reference_field(
            field, torch.stack([o + s * d for s in t]), torch.stack([d for _ in t])
        )
        light, total, weights = 1.0, torch.zeros(3), []
        for i, s in enumerate(t):
            step = (t[i + 1] if i + 1 < len(t) else far) - s
            alpha = 1 - math.exp(-float(density[i]) * step)
            weights.append(light * alpha)
            total, light = total + light * alpha * colour[i], light * (1 - alpha)
        return total + light * model.background, weights

    rough, fine = [], []
    for o, d in zip(origins, directions, strict=True):
        b, c = float(o @ d), float(o @ o) - model.radius_m**2
        if b * b <= c or b > 0:
            rough.append(torch.full((3,), model.background))
            fine.append(torch.full((3,), model.background))
            continue
        near, far = -b - math.sqrt(b * b - c), -b + math.sqrt(b * b - c)
        n, m = model.samples, model.more_samples
        t = [near + (far - near) * (i + 0.5) / n for i in range(n)]
        colour, weights = composited(model.coarse, o, d, t, far)
        rough.append(colour)
        edges = [near, *((a + b) / 2 for a, b in itertools.pairwise(t)), far]
        shares = [w + 1e-5 for w in weights]
        for j in range(m):
            u, k, passed = (j + 0.5) / m * sum(shares), 0, 0.0
            while u >= passed + shares[k]:
                passed, k = passed + shares[k], k + 1
            t.append(edges[k] + (u - passed) / shares[k] * (edges[k + 1] - edges[k]))
        fine.append(composited(model.fine, o, d, sorted(t), far)[0])
    return torch.stack(rough), torch.stack(fine)


def lively(module=nerf, fields=radiance_field, seed: int = 0) -> nn.Module:
    """A small NeRF whose fields differ from place to place and from direction to direction."""
    coarse, fine = small(fields), small(fields, seed=1)
    for field in (coarse, fine):
        draw = torch.Generator().manual_seed(seed)
        points, looks = (2 * torch.rand(2, 40, 3, generator=draw) - 1).unbind(0)
        liven(Outputs(field), torch.cat([points, looks], 1), torch.cat([points.flip(0), looks.flip(0)], 1))
        with torch.no_grad():
            field.density.weight.mul_(3)
        seed += 1
    return module.NeRF(coarse, fine, samples=6, more_samples=5, background=0.7).eval()


class Outputs(nn.Module):
    """A field as a function of one tensor (P, 6) to one (P, 4)."""

    def __init__(self, field: nn.Module) -> None:
        super().__init__()
        self.field = field

    def forward(self, x: Tensor) -> Tensor:
        density, colour = self.field(x[:, :3], x[:, 3:])
        return torch.cat([density[:, None], colour], dim=1)


@torch.no_grad()
def rendered_gap(module=nerf, fields=radiance_field) -> float:
    """The largest difference from the loop, in spreads of the colours."""
    model = lively(module, fields)
    origins, directions = some_rays()
    rough, fine = model(origins, directions)
    want = torch.cat(reference_rays(model, origins, directions))
    return parity_gap(torch.cat([rough.colour, fine.colour]), want)


def test_rays_are_rendered_as_by_the_loop():
    assert rendered_gap() < TOLERANCE


@torch.no_grad()
def test_two_batches_of_rays_differ_by_far_more_than_the_tolerance():
    model = lively()
    (origins, directions), (others, ways) = some_rays(), some_rays(seed=1)
    one, two = model(origins, directions)[1].colour, model(others, ways)[1].colour
    assert parity_gap(one, two) > MARGIN * TOLERANCE


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("scale = torch.pi * 2.0 **", "scale = 2.0 **"),  # as in the authors' program
        ("torch.arange(frequencies).to(x)", "torch.arange(1, frequencies + 1).to(x)"),
        ("x = torch.cat([x, look], dim=1)", "x = torch.cat([x, 0 * look], dim=1)"),  # directions forgotten
        ("self.bound(self.density(x))", "self.bound(self.density(place[:, :1] + 0 * x))"),
        ("x = self.feature(x)", "x = torch.relu(self.feature(x))"),
        ("x = torch.cat([x, place], dim=1)", "x = torch.cat([x, 0 * place], dim=1)"),
    ],
)
def test_a_planted_fault_in_the_field_is_seen(right, wrong):
    assert rendered_gap(fields=planted("lecture_utils.rendering.radiance_field", (right, wrong))) > TOLERANCE


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("torch.cat([t, more], dim=1).sort(dim=1).values", "more"),
        ("self.render(self.fine, origins", "self.render(self.coarse, origins"),
        ("background=self.background", "background=1.0"),
        ("looks = directions[:, None]", "looks = -directions[:, None]"),
    ],
)
def test_a_planted_fault_in_the_rendering_is_seen(right, wrong):
    assert rendered_gap(planted("lecture_utils.rendering.nerf", (right, wrong))) > TOLERANCE


@torch.no_grad()
def test_density_does_not_depend_on_the_direction_and_colour_does():
    draw = torch.Generator().manual_seed(0)
    points, one, two = (torch.randn(50, 3, generator=draw) for _ in range(3))
    model = lively().fine
    (density, colour), (again, other) = model(points, one), model(points, two)
    assert torch.equal(density, again) and float((colour - other).abs().max()) > 1e-3
    blind = small(view_direction=False)
    assert torch.equal(blind(points, one)[1], blind(points, two)[1])


def test_softplus_is_never_dead_and_relu_is_never_negative():
    points = 2 * torch.rand(100, 3) - 1
    for activation, least in (("relu", 0.0), ("softplus", 1e-9)):
        density, colour = small(activation=activation)(points, points)
        assert float(density.detach().min()) >= least
        assert float(colour.detach().min()) >= 0 and float(colour.detach().max()) <= 1


def test_samples_are_jittered_in_training_only():
    model, (origins, directions) = lively(), some_rays()
    assert torch.equal(model(origins, directions)[1].colour, model(origins, directions)[1].colour)
    model.train()
    assert not torch.equal(model(origins, directions)[1].colour, model(origins, directions)[1].colour)


def test_the_coarse_network_learns_from_its_own_rendering_alone():
    model, (origins, directions) = lively(), some_rays()
    model(origins, directions)[1].colour.sum().backward()
    assert all(p.grad is None for p in model.coarse.parameters())
    assert any(bool((p.grad != 0).any()) for p in model.fine.parameters())


class Ball(nn.Module):
    """A red ball of 0.5 m, dense as a wall: a field in closed form."""

    def forward(self, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        inside = points.norm(dim=1) < 0.5
        return 1e4 * inside, torch.tensor([1.0, 0, 0]).expand(len(points), 3)


def test_whole_views_of_a_ball_have_its_outline_and_its_depth():
    """At depth z, not at the length of the ray; the samples leave an error of a bin."""
    model = nerf.NeRF(Ball(), Ball(), samples=32, more_samples=64).eval()
    cameras = orbit(2, (24, 32), elevation_deg=20.0)
    views = nerf.render_views(model, cameras, rays_at_once=300)
    assert views.image.shape == (2, 3, 24, 32) and views.depth_m.shape == views.opacity.shape == (2, 24, 32)
    origins, directions = rays(cameras)
    along = -(origins * directions).sum(-1)
    half = 0.25 - origins.square().sum(-1) + along**2
    clear = half.abs() > 0.03  # not at the rim
    torch.testing.assert_close((views.opacity > 0.5)[clear], (half > 0)[clear])
    cosine = (directions * cameras.rotation[:, None, None, 2]).sum(-1)
    want = (along - half.clamp_min(0).sqrt()) * cosine
    inside = clear & (half > 0)
    assert float((views.depth_m - want)[inside].abs().max()) < 2 / 32
    corner = views.image[:, :, 0, 0]
    assert torch.equal(corner, torch.ones(2, 3)) and float(views.image[0, 1, 12, 16]) < 1e-3


def test_a_small_one_learns_a_handful_of_rays():
    torch.manual_seed(0)
    origins, directions = some_rays(16)
    colours = torch.rand(16, 3, generator=torch.Generator().manual_seed(3))
    colours[-1] = 1.0
    field = {"skip": None, "frequencies": 4, "view_frequencies": 1, "activation": "softplus"}
    model = nerf.NeRF(RadianceField(32, 2, **field), RadianceField(32, 2, **field), samples=8, more_samples=8)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(100):
        loss = nerf.nerf_loss(model(origins, directions), colours)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    constant = 2 * (colours - colours.mean(0)).square().mean()  # what one colour for all would leave, twice
    assert float(loss.detach()) < 0.1 * float(constant)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RadianceField(skip=8), "skip: got 8"),
        (lambda: RadianceField(0), "width 0"),
        (lambda: RadianceField(activation="tanh"), "activation: got 'tanh'"),
        (lambda: RadianceField(frequencies=-1), "frequencies: got -1"),
        (lambda: positional_encoding(torch.ones(3), 2), "x: got"),
        (lambda: small()(torch.ones(4, 3), torch.ones(3, 3)), "directions: got"),
        (lambda: nerf.NeRF(Ball(), Ball(), samples=0), "samples 0"),
        (lambda: nerf.NeRF(Ball(), Ball())(torch.ones(2, 3), torch.ones(2, 3)), "length"),
        (lambda: nerf.nerf_loss(lively()(*some_rays(4)), torch.ones(5, 3)), "rendered colour: got"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
