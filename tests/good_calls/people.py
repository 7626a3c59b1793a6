"""Good calls of pictures of people: data.toyworld.people.scene, sampling and render."""

from lecture_utils.data.toyworld.people import sample_people
from tests.bad_calls import count, floats, made, number, word
from tests.body.stick import stick_body
from tests.good_calls.makers import Call

STICK = stick_body()
MODEL, DRAWN = made(lambda: STICK), {"seed": count(0, zero=True), "split": word("train")}
SMALL = sample_people(1, 0, STICK, count=2, size=(6, 8))
PARTS = ("clothes", "surroundings", "cameras")

GOOD: dict[str, dict[str, Call]] = {
    "data.toyworld.people.scene": {
        "PeopleScene": {"shape": floats(2, 1, 10), "pose": floats(2, 1, 24, 3),
            "translation": floats(2, 1, 3),
            **{name: made(lambda name=name: getattr(SMALL, name)) for name in PARTS}},
        "upright": {"pose": floats(2, 24, 3), "yaw": floats(2)},
        "on_the_floor": {"model": MODEL, "shape": floats(2, 10), "pose": floats(2, 24, 3),
            "place": floats(2, 2)},
    },
    "data.toyworld.people.sampling": {
        "sample_people": {"people": count(2), "model": MODEL, "count": count(2), **DRAWN,
            "poses": floats(2, 2, 24, 3), "shapes": floats(2, 2, 10), "size": (6, 8)},
        "crossing": {"model": MODEL, "frames": count(2), "fps": number(15.0), "size": (6, 8), **DRAWN},
    },
    "data.toyworld.people.render": {
        "render_people": {"scene": made(lambda: SMALL), "model": MODEL, "samples": count(1)},
    },
}  # fmt: skip
