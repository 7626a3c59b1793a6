"""Good calls of rotations and cameras: ops.rotation and ops.camera."""

import torch

from lecture_utils.ops import camera
from tests.bad_calls import count, floats, made, number, pair
from tests.good_calls.makers import Call

EYE = torch.eye(3)
CAMERAS = made(lambda: camera.orbit(2, (6, 8)))
IN_CAM = {"points_cam": floats(2, 5, 3, of=lambda x: x + 1), "cameras": CAMERAS}
IN_WORLD = {"points": floats(2, 5, 3), "cameras": CAMERAS}
LIFTED = {"pixels": floats(2, 5, 2, of=lambda x: 6 * x), "depth_m": floats(2, 5, of=lambda x: x + 1),
    "cameras": CAMERAS}  # fmt: skip
TURNED = floats(2, 3, 3, of=lambda x: torch.linalg.matrix_exp(x - x.mT))
SAME = floats(2, 3, 3, of=lambda x: EYE.expand_as(x).clone())
INTRINSICS = floats(2, 3, 3, of=lambda x: camera.pinhole((6, 8)).expand_as(x).clone())

GOOD: dict[str, dict[str, Call]] = {
    "ops.rotation": {
        "cross_matrix": {"vector": floats(4, 3)},
        "axis_angle_to_matrix": {"vector": floats(4, 3)},
        "matrix_to_axis_angle": {"matrix": TURNED},
        "quaternion_to_matrix": {"quaternion": floats(5, 4)},
        "matrix_to_quaternion": {"matrix": TURNED},
        "rotation_angle_deg": {"first": TURNED, "second": SAME},
        "rotation_6d_to_matrix": {"columns": floats(5, 6)},
        "matrix_to_rotation_6d": {"matrix": TURNED},
        "slerp": {"first": floats(5, 4), "second": floats(5, 4, of=lambda x: x + 0.1),
            "share": floats(5, of=lambda x: x)},
        "rotation_mean": {"matrices": TURNED, "weights": floats(2, of=lambda x: x + 0.1)},
    },
    "ops.camera": {
        "Cameras": {"rotation": TURNED, "translation": floats(2, 3), "intrinsics": INTRINSICS,
            "size": pair(6, 8)},
        "Cameras.scaled": {"self": CAMERAS, "size": pair(12, 16)},
        "world_to_cam": IN_WORLD,
        "cam_to_world": IN_CAM,
        "cam_to_pixel": IN_CAM,
        "project": IN_WORLD,
        "pixel_to_cam": LIFTED,
        "unproject": LIFTED,
        "pixel_grid": {"size": pair(6, 8)},
        "look_at": {"eye": floats(2, 3, of=lambda x: x + 1), "target": floats(3, of=lambda x: 0 * x)},
        "pinhole": {"size": pair(6, 8), "field_of_view_deg": number(45.0)},
        "orbit": {"count": count(2), "size": pair(6, 8), "radius_m": number(3.0),
            "elevation_deg": number(25.0), "turn_deg": number(360.0), "start_deg": number(0.0),
            "target": pair(0.0, 0.0, 0.0), "field_of_view_deg": number(45.0)},
    },
}  # fmt: skip
