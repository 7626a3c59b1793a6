"""Good calls of NeRF: volume rendering, where to sample, the networks."""

import torch
from torch.nn.functional import normalize

from lecture_utils.ops.camera import orbit
from lecture_utils.rendering import nerf, radiance_field
from lecture_utils.rendering.volume import Rendered
from tests.bad_calls import Value, count, floats, made, number, word
from tests.good_calls.makers import Call

DENSITY, STEP = floats(4, 3, of=lambda x: x), floats(4, 3, of=lambda x: 0.1 + x)
DISTANCE = floats(4, 3, of=lambda x: 2 + x.cumsum(1))
NEAR, FAR = floats(4, of=lambda x: 1 + 0.1 * x), floats(4, of=lambda x: 6 + x)
ORIGINS = floats(4, 3, of=lambda x: x - 2)
DIRECTIONS = floats(4, 3, of=lambda x: normalize(x + 0.5, dim=1))
EDGES = floats(4, 4, of=lambda x: x.cumsum(1))
DRAWN = {"jitter": False}
ENCODING = {"frequencies": count(2, zero=True)}


def field() -> radiance_field.RadianceField:
    """The smallest one."""
    torch.manual_seed(0)
    return radiance_field.RadianceField(4, 2, skip=1, frequencies=2, view_frequencies=1)


def model() -> nerf.NeRF:
    """The smallest one, in evaluation mode."""
    return nerf.NeRF(field(), field(), samples=3, more_samples=2).eval()


def rendered(colour: Value) -> Value:
    """Both renderings of rays with such colours."""
    rest = torch.zeros(4), torch.zeros(4), torch.zeros(4, 3)
    return made(lambda: (Rendered(colour.make(), *rest), Rendered(colour.make(), *rest)))


GOOD: dict[str, dict[str, Call]] = {
    "rendering.volume": {
        "intervals": {"distance_m": DISTANCE, "far_m": FAR},
        "alphas": {"density": DENSITY, "step_m": STEP},
        "transmittance": {"density": DENSITY, "step_m": STEP},
        "composite": {"density": DENSITY, "colour": floats(4, 3, 3, of=lambda x: x), "distance_m": DISTANCE,
            "far_m": FAR, "background": number(1.0)},
    },
    "rendering.ray_sampling": {
        "stratified": {"near_m": NEAR, "far_m": FAR, "count": count(3), **DRAWN},
        "bin_edges": {"distance_m": DISTANCE, "near_m": NEAR, "far_m": FAR},
        "hierarchical": {"edges_m": EDGES, "weights": DENSITY, "count": count(3), **DRAWN},
        "ball_interval": {"origins": ORIGINS, "directions": DIRECTIONS, "radius_m": number(1.0)},
    },
    "rendering.radiance_field": {
        "positional_encoding": {"x": floats(4, 3), **ENCODING},
        "encoded_size": ENCODING,
        "RadianceField": {"width": count(4), "depth": count(3), "skip": count(1), **ENCODING,
            "view_frequencies": count(1, zero=True), "colour_width": count(2), "activation": word("relu")},
        "RadianceField.forward": {"self": made(field), "points": floats(4, 3), "directions": DIRECTIONS},
    },
    "rendering.nerf": {
        "NeRF": {"coarse": made(field), "fine": made(field), "samples": count(3), "more_samples": count(2),
            "radius_m": number(1.0), "background": number(1.0)},
        "NeRF.forward": {"self": made(model), "origins": ORIGINS, "directions": DIRECTIONS},
        "NeRF.render": {"self": made(model), "field": made(field), "origins": ORIGINS,
            "directions": DIRECTIONS, "distance_m": DISTANCE, "far_m": FAR},
        "nerf_loss": {"rendered": rendered(floats(4, 3, of=lambda x: x)),
            "colour": floats(4, 3, of=lambda x: x)},
        "render_views": {"model": made(model), "cameras": made(lambda: orbit(1, (3, 2))),
            "rays_at_once": count(4)},
    },
}  # fmt: skip
