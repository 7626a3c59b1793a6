"""Good calls of the mesh renderer: rendering.rasteriser."""

import torch
from torch import Tensor

from lecture_utils.ops.camera import orbit
from lecture_utils.rendering.rasteriser import hard, soft
from tests.bad_calls import Value, count, floats, made, number
from tests.good_calls.makers import Call

TWO = made(lambda: orbit(2, (6, 8), radius_m=4.0))
FACES = torch.tensor([[0, 1, 2], [2, 3, 4]])


def faces() -> Value:
    """Triangles of five vertices; a number beyond them is refused."""
    kinds = {
        "axis dropped": lambda x: x[0],
        "label -1": lambda x: x - 1,
        "label K": lambda x: x + 1,
        "floats for classes": lambda x: x.float() + 0.5,
    }
    return Value(lambda: FACES.clone(), kinds)


def corners() -> Tensor:
    """Five vertices about the origin."""
    return torch.tensor([[-1.0, 0, -1], [1, 0, -1], [0, 0.2, 1], [0.8, -0.3, 0], [-0.5, 1, 0.4]])


def pairs() -> soft.Pairs:
    """What two views of them see."""
    return soft.near_pairs(corners(), FACES, orbit(2, (6, 8), radius_m=4.0))


FOUND = len(pairs().pixel)
VERTICES = floats(5, 3, of=lambda x: corners())
MESH: Call = {"vertices": VERTICES, "faces": faces(), "cameras": TWO}
SHARP: Call = {"sigma": number(0.3), "faces_per_pixel": count(4)}

GOOD: dict[str, dict[str, Call]] = {
    "rendering.rasteriser.hard": {"rasterise": {**MESH, "near_m": number(0.01)}},
    "rendering.rasteriser.fragments": {
        "interpolate": {
            "fragments": made(lambda: hard.rasterise(corners(), FACES, orbit(2, (6, 8), radius_m=4.0))),
            "faces": faces(), "attributes": floats(5, 2),
        },
        "vertex_normals": {"vertices": VERTICES, "faces": faces()},
    },
    "rendering.rasteriser.shading": {
        "shade": {"normal": floats(5, 3), "albedo": floats(5, 2, of=lambda x: x), "to_light": floats(3),
            "ambient": number(0.4)},
        "sample_texture": {"texture": floats(3, 4, 5), "uv": floats(6, 2, of=lambda x: x)},
    },
    "rendering.rasteriser.soft": {
        "near_pairs": {**MESH, **SHARP, "near_m": number(0.01)},
        "Pairs.carry": {"self": made(pairs), "faces": faces(), "attributes": floats(5, 2)},
        "blend": {"pairs": made(pairs), "colours": floats(FOUND, 2), "background": floats(2),
            "gamma": number(1e-4), "near_m": number(0.01), "far_m": number(100.0)},
        "soft_rasterise": {**MESH, "colours": floats(5, 2), "background": floats(2), **SHARP,
            "gamma": number(1e-4)},
    },
}  # fmt: skip
