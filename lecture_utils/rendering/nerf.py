"""NeRF (S18.4, Mildenhall et al. 2020): a scene as a function from place and direction to colour and density.

B. Mildenhall et al., "NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis", ECCV 2020:
positional encoding (section 5.1, equation 4), the network (figure 7), the coarse and the fine one (section
5.2) and their loss (section 5.3, equation 6).

The defaults of `RadianceField` are the paper's. Differs: the scene lies in a ball around the origin, and
rays are sampled only inside it; widths, depths and numbers of samples may be smaller; the density may be a
softplus in place of a ReLU, which can never die. The authors' program leaves out the π of equation 4 and
hands the bare coordinates to the network too: `with_input` does the second.

Shapes: R rays, S samples on each, P points, L frequencies, W width of the network.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lecture_utils.nn.init import he_init_
from lecture_utils.ops.camera import Cameras, rays
from lecture_utils.ops.checks import check_choice, check_number, check_sizes, check_tensor, check_whole
from lecture_utils.rendering.ray_sampling import ball_interval, bin_edges, hierarchical, stratified
from lecture_utils.rendering.volume import Rendered, composite

Activation = Literal["relu", "softplus"]


@dataclass(frozen=True)
class Views:
    """Rendered pictures.

    Attributes
    ----------
    image : Tensor
        (N, 3, H, W) in [0, 1].
    depth_m : Tensor
        (N, H, W), z in the camera, in metres: the mean over where the light is stopped, what passes counted
        at the end of the ray; 0 where a ray misses the ball.
    opacity : Tensor
        (N, H, W) in [0, 1].
    """

    image: Tensor
    depth_m: Tensor
    opacity: Tensor


def positional_encoding(x: Tensor, frequencies: int, *, with_input: bool = False) -> Tensor:
    """Return γ(x), sines and cosines of each coordinate at doubling frequencies (equation 4).

    γ(p) = (sin 2⁰πp, cos 2⁰πp, …, sin 2^{L−1}πp, cos 2^{L−1}πp).

    Parameters
    ----------
    x : Tensor
        (P, D), coordinates in about [-1, 1].
    frequencies : int
        L: 10 for places and 4 for directions in the paper. With 0, x itself is returned.
    with_input : bool
        Put x in front.

    Returns
    -------
    Tensor
        (P, D · 2L), and D more with `with_input`.

    Raises
    ------
    ValueError
        For another shape or type, NaN, or an L that is no whole number of 0 or more.
    """
    check_tensor(x, "x", "P", "D", finite=True)
    check_whole(frequencies, "frequencies", 0)
    if frequencies == 0:
        return x
    scale = torch.pi * 2.0 ** torch.arange(frequencies).to(x)  # (L,): 2⁰π … 2^{L−1}π
    angle = x[:, :, None] * scale  # (P, D, L)
    waves = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (P, D · 2L)
    return torch.cat([x, waves], dim=1) if with_input else waves


class RadianceField(nn.Module):
    """The network of figure 7: density from the place alone, colour from place and direction.

    Parameters
    ----------
    width, depth : int
        W and the number of layers before the density: 256 and 8 in the paper.
    skip : int, optional
        The encoded place is put beside the output of so many layers: 5 in the paper. None for never.
    frequencies, view_frequencies : int
        L of places and of directions, 10 and 4 in the paper; 0 hands over bare coordinates.
    with_input : bool
        Bare coordinates beside the waves, as in the authors' program.
    view_direction : bool
        Without, colour depends on the place alone.
    colour_width : int, optional
        Of the last hidden layer: W / 2 in the paper.
    activation : "relu" or "softplus"
        Of the density.

    Raises
    ------
    ValueError
        For sizes that are no whole numbers, a skip that is not below `depth`, another activation.
    """

    def __init__(
        self,
        width: int = 256,
        depth: int = 8,
        *,
        skip: int | None = 5,
        frequencies: int = 10,
        view_frequencies: int = 4,
        with_input: bool = False,
        view_direction: bool = True,
        colour_width: int | None = None,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        half = max(1, width // 2) if colour_width is None else colour_width
        check_sizes("radiance field", width=width, depth=depth, colour_width=half)
        check_choice(activation, "activation", "relu", "softplus")
        if skip is not None and not 1 <= check_whole(skip, "skip") < depth:
            raise ValueError(f"skip: got {skip}, want 1 to {depth - 1} with {depth} layers, or None")
        self.frequencies, self.view_frequencies = frequencies, view_frequencies
        self.with_input, self.view_direction, self.skip = with_input, view_direction, skip
        place = encoded_size(frequencies, with_input)
        look = encoded_size(view_frequencies, with_input) if view_direction else 0
        before = [place] + [width + (place if layer == skip else 0) for layer in range(1, depth)]
        self.layers = nn.ModuleList(nn.Linear(size, width) for size in before)
        self.density = nn.Linear(width, 1)
        self.feature = nn.Linear(width, width)
        self.mix = nn.Linear(width + look, half)
        self.colour = nn.Linear(half, 3)
        he_init_(self)
        self.bound = nn.ReLU() if activation == "relu" else nn.Softplus()

    def forward(self, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the density (P,) in 1/metre and the colour (P, 3) in [0, 1] at places seen along directions.

        `points` (P, 3) in metres; `directions` (P, 3) of length 1, from the eye to the place.
        """
        check_tensor(points, "points", "P", 3)
        check_tensor(directions, "directions", len(points), 3)
        place = positional_encoding(points, self.frequencies, with_input=self.with_input)  # (P, 60)
        x = place
        for layer, linear in enumerate(self.layers):
            if layer == self.skip:
                x = torch.cat([x, place], dim=1)  # (P, W + 60)
            x = torch.relu(linear(x))  # (P, W)
        density = self.bound(self.density(x))[:, 0]  # (P,): the direction has not been seen yet
        x = self.feature(x)  # (P, W), without a ReLU
        if self.view_direction:
            look = positional_encoding(directions, self.view_frequencies, with_input=self.with_input)
            x = torch.cat([x, look], dim=1)  # (P, W + 24)
        return density, torch.sigmoid(self.colour(torch.relu(self.mix(x))))


def encoded_size(frequencies: int, with_input: bool = False) -> int:
    """Return how many numbers `positional_encoding` makes of three coordinates."""
    check_whole(frequencies, "frequencies", 0)
    return 6 * frequencies + (3 if with_input or frequencies == 0 else 0)


class NeRF(nn.Module):
    """A coarse and a fine field, and how rays are rendered with them.

    Parameters
    ----------
    coarse, fine : RadianceField
        Two networks of their own, as in the paper, or one network twice.
    samples, more_samples : int
        N_c and N_f of a ray: 64 and 128 in the paper.
    radius_m : float
        Of the ball around the origin that holds the scene.
    background : float
        Brightness of what lies behind, 0 to 1.

    Raises
    ------
    ValueError
        For counts that are no whole numbers, a radius of 0 or less, a background outside [0, 1].
    """

    def __init__(
        self,
        coarse: nn.Module,
        fine: nn.Module,
        *,
        samples: int = 64,
        more_samples: int = 128,
        radius_m: float = 1.0,
        background: float = 1.0,
    ) -> None:
        super().__init__()
        check_sizes("NeRF", samples=samples, more_samples=more_samples)
        self.coarse, self.fine = coarse, fine
        self.samples, self.more_samples = samples, more_samples
        self.radius_m = check_number(radius_m, "radius_m", 0, above=True)
        self.background = check_number(background, "background", 0, 1)

    def forward(self, origins: Tensor, directions: Tensor) -> tuple[Rendered, Rendered]:
        """Render rays (R, 3), (R, 3) with the coarse and with the fine network; jittered in training."""
        near, far, _ = ball_interval(origins, directions, self.radius_m)  # (R,)
        t = stratified(near, far, self.samples, jitter=self.training)  # (R, N_c)
        rough = self.render(self.coarse, origins, directions, t, far)
        edges = bin_edges(t, near, far)
        more = hierarchical(edges, rough.weights, self.more_samples, jitter=self.training)  # (R, N_f)
        t = torch.cat([t, more], dim=1).sort(dim=1).values  # (R, N_c + N_f)
        return rough, self.render(self.fine, origins, directions, t, far)

    def render(
        self, field: nn.Module, origins: Tensor, directions: Tensor, distance_m: Tensor, far_m: Tensor
    ) -> Rendered:
        """Ask a field at distances (R, S) along rays, and composite what it answers."""
        points = origins[:, None] + distance_m[:, :, None] * directions[:, None]  # (R, S, 3)
        looks = directions[:, None].expand_as(points)
        density, colour = field(points.flatten(0, 1), looks.flatten(0, 1))  # (R · S,), (R · S, 3)
        density, colour = density.view_as(distance_m), colour.view_as(points)
        return composite(density, colour, distance_m, far_m, background=self.background)


def nerf_loss(rendered: tuple[Rendered, Rendered], colour: Tensor) -> Tensor:
    """Return the mean squared error of both renderings against the true colours (R, 3) (equation 6).

    The paper adds up the squared errors of a batch; the mean over rays and channels has the same minimum.
    """
    check_tensor(colour, "colour", "R", 3, finite=True, some=True)
    for part in rendered:
        check_tensor(part.colour, "rendered colour", *colour.shape)
    rough, fine = rendered
    return (rough.colour - colour).square().mean() + (fine.colour - colour).square().mean()


@torch.no_grad()
def render_views(model: NeRF, cameras: Cameras, *, rays_at_once: int = 4096) -> Views:
    """Render whole pictures with the fine network; rays that miss the ball are background at once.

    Parameters
    ----------
    model : NeRF
        Put it in evaluation mode first: in training mode its samples are jittered.
    cameras : Cameras
        N views of H × W pixels.
    rays_at_once : int
        Only a question of memory.
    """
    check_whole(rays_at_once, "rays_at_once")
    (h, w), n = cameras.size, len(cameras)
    origins, directions = (x.flatten(0, 2) for x in rays(cameras))  # (N·H·W, 3)
    hit = ball_interval(origins, directions, model.radius_m)[2].nonzero()[:, 0]
    image = torch.full_like(origins, model.background)
    distance, opacity = torch.zeros(2, len(origins)).to(origins)
    for some in hit.split(rays_at_once):
        _, fine = model(origins[some], directions[some])
        image[some], distance[some], opacity[some] = fine.colour, fine.depth_m, fine.opacity
    forward = cameras.rotation[:, 2].repeat_interleave(h * w, dim=0)  # (N·H·W, 3): where each camera looks
    depth = distance * (directions * forward).sum(dim=1)  # along the ray → along the camera's z
    return Views(image.view(n, h, w, 3).permute(0, 3, 1, 2), depth.view(n, h, w), opacity.view(n, h, w))
