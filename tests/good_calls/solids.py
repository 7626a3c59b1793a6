"""Good calls of the toy world's solids: data.toyworld.solids."""

from lecture_utils.data.toyworld import solids
from lecture_utils.ops.camera import orbit
from tests.bad_calls import count, made, number, word
from tests.good_calls.makers import Call

SCENE = made(solids.showpiece)
DRAWN = {"seed": count(0, zero=True), "split": word("train")}
NOISE = {"noise_m": number(0.01)}

GOOD: dict[str, dict[str, Call]] = {
    "data.toyworld.solids.sampling": {
        "sample_solid": {**DRAWN, "count": count(2), "classes": ("ball", "ring"),
            "max_tilt_deg": number(10.0), "specular": number(0.5), "frequency": number(1.0),
            "speckle": number(0.5), "background": word("sky")},
        "showpiece": {"shiny": number(0.5), "speckle": number(0.5)},
    },
    "data.toyworld.solids.render": {
        "render_solids": {"scene": SCENE, "cameras": made(lambda: orbit(1, (6, 8))), "samples": count(1)},
    },
    "data.toyworld.solids.points": {
        "surface_points": {"scene": SCENE, "count": count(64), "seed": count(0, zero=True), **NOISE},
    },
    "data.toyworld.solids.clouds": {
        "point_clouds": {**DRAWN, "count": count(2, zero=True), "points": count(32), "stretch": number(0.1),
            "max_tilt_deg": number(5.0), "shift_m": number(0.1), **NOISE},
    },
    "data.toyworld.solids.rooms": {"room": {**DRAWN, "points": count(64), "count": count(3), **NOISE}},
    "data.toyworld.solids.brain": {
        "brain": {**DRAWN, "size": (8, 8, 8), "noise": number(0.1)},
        "brains": {**DRAWN, "count": count(2, zero=True), "size": (8, 8, 8), "noise": number(0.1)},
    },
    "data.toyworld.solids.shapes": {"parts_of": {"class_id": count(3, zero=True)}},
}  # fmt: skip
