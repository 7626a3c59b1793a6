"""Good calls of toy faces and speakers: data.toyworld.faces."""

from lecture_utils.data.toyworld.faces import sample_faces
from tests.bad_calls import count, made, word
from tests.good_calls.makers import Call

FACES = sample_faces(2)
SOME, DRAWN = made(lambda: FACES), {"seed": count(0, zero=True), "split": word("train")}

GOOD: dict[str, dict[str, Call]] = {
    "data.toyworld.faces.sampling": {
        "sample_faces": {"count": count(2), **DRAWN},
        "retaken": {"faces": SOME, "picture": count(1, zero=True)},
    },
    "data.toyworld.faces.speakers": {
        "sample_speakers": {"count": count(2), **DRAWN},
        "voices_of": {"faces": SOME},
    },
    "data.toyworld.faces.scene": {"canonical": {"faces": SOME}},
    "data.toyworld.faces.render": {"render_faces": {"faces": SOME, "size": count(8)}},
}
