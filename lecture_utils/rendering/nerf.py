"""NeRF (S18.4, Mildenhall et al. 2020): rays rendered through a coarse and a fine radiance field.

B. Mildenhall et al., "NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis", ECCV 2020: two
networks and hierarchical sampling (section 5.2), and their loss (section 5.3, equation 6).

Differs: the scene lies in a ball around the origin, and rays are sampled only inside it; numbers of samples
may be smaller than the paper's, which are the defaults.

Shapes: R rays, S samples on each, N views of H × W pixels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecture_utils.ops.camera import Cameras, rays
from lecture_utils.ops.checks import check_number, check_sizes, check_tensor, check_whole
from lecture_utils.rendering.ray_sampling import (
    ball_interval,
    bin_edges,
    check_rays,
    hierarchical,
    stratified,
)
from lecture_utils.rendering.volume import Rendered, composite


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
        check_rays(origins, directions)
        check_tensor(distance_m, "distance_m", len(origins), "S")
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
