"""Good calls of MultiPly: body.multiply, and of identities through a video."""

import functools

import torch

from lecture_utils.body.multiply import avatar, fit, layers, people, refine
from lecture_utils.body.multiply.avatar import Cloud
from lecture_utils.ops.camera import Cameras
from lecture_utils.rendering.gaussians.projection import Splats, project_gaussians
from tests.bad_calls import count, floats, labels, made, masks, number, pixels
from tests.body.multiply.scenes import still_camera, walk
from tests.body.stick import stick_body
from tests.good_calls.makers import Call

SIZE = (12, 16)
TREE = (-1, 0, 1)


def inside(*shape: int):
    """Numbers in [0, 1]."""
    return floats(*shape, of=lambda x: x)


def camera() -> Cameras:
    """One, of a small picture."""
    return still_camera(SIZE)


STICK = functools.cache(stick_body)  # no call changes it


def person() -> avatar.Avatar:
    """Of twenty Gaussians."""
    return avatar.Avatar(STICK(), 20)


def two() -> list[Cloud]:
    """Two people in one frame."""
    places = torch.tensor([[[-0.3, 0.3, 0.0]], [[0.1, -0.2, 0.0]]])
    return [person()(walk(1, 90.0), place).frame(0) for place in places]


def seen() -> layers.Layers:
    """The two, rendered."""
    return layers.render_layers(two(), camera(), torch.full((3, *SIZE), 0.5))


def crowd() -> people.People:
    """The two in three frames."""
    poses = torch.stack([walk(3, 90.0), walk(3, -90.0)])
    return people.People([person(), person()], poses, torch.zeros(2, 3, 3), torch.full((3, *SIZE), 0.5))


def splats() -> Splats:
    """One person's Gaussians in the picture."""
    one = two()[0]
    return project_gaussians(one.points, 0.01 * torch.eye(3).expand(20, 3, 3), camera())


BODY, CAMERA, TWO, SEEN, CROWD = made(STICK), made(camera), made(two), made(seen), made(crowd)
POSE = {"pose": floats(2, 24, 3), "translation": floats(2, 3)}
PROMPT = made(lambda: refine.Prompt(torch.tensor([[4.0, 5.0]]), torch.tensor([[1.0, 1.0]])))
REFINED = inside(2, *SIZE)
HELD_OUT = masks(3)._replace(make=lambda: torch.tensor([False, True, False]))
SETTINGS = fit.FitSettings(rounds=1, person_steps=1, pose_steps=1, frames=1)


def given() -> fit.Given:
    """What a step reads."""
    pictures, refined = torch.rand(3, 3, *SIZE), torch.rand(3, 2, *SIZE)
    return fit.Given(pictures, camera(), refined, refined[..., 0, 0] > 0, crowd().poses.detach(), SETTINGS)


def crowd_and_clouds() -> tuple[people.People, list[Cloud]]:
    """People, and where they are."""
    own = crowd()
    return own, own.clouds()


def crowd_and_adam() -> tuple[people.People, str, torch.optim.Adam]:
    """People whose poses are to move."""
    own = crowd()
    return own, "pose", fit.adams(own, SETTINGS)[1]


GOOD: dict[str, dict[str, Call]] = {
    "metrics.identity": {
        "mask_ious": {"masks": masks(3, 2, 6, 5), "truth": masks(3, 2, 6, 5)},
        "identity_switches": {"ious": inside(3, 2, 2), "threshold": number(0.5)},
        "best_match": {"ious": inside(2, 2), "threshold": number(0.5)},
    },
    "body.multiply.avatar": {
        "surface_points": {"body": BODY, "count": count(10), "seed": 0},
        "bone_radii": {"points": floats(6, 3), "joints": floats(3, 3), "parents": TREE},
        "Avatar": {"body": BODY, "count": count(10), "seed": 0},
        "Avatar.forward": {"self": made(person), **POSE},
        "Cloud.frame": {"self": made(lambda: person()(walk(2, 90.0), torch.zeros(2, 3))), "number": 1},
    },
    "body.multiply.layers": {
        "render_layers": {"people": TWO, "cameras": CAMERA, "background": pixels(3, *SIZE)},
        "blend_values": {"splats": made(splats), "near_first": labels(20, 6), "values": floats(20, 5),
            "opacities": inside(20), "size": SIZE},
    },
    "body.multiply.refine": {
        "at_pixels": {"values": inside(2, *SIZE), "points": floats(5, 2, of=lambda x: 12 * x)},
        "make_prompts": {"joints_px": floats(2, 4, 2, of=lambda x: 12 * x), "masks": inside(2, *SIZE)},
        "ColourRefiner": {
            "rounds": count(2), "colour_width": number(0.06), "place_width": number(8.0),
            "trust": number(0.5), "smooth": number(1.0), "margin": count(3, zero=True),
        },
        "seeds": {"prompt": PROMPT, "like": inside(*SIZE), "strength": number(4.0)},
        "windows": {"image": pixels(3, 4, 5), "colour_width": number(0.06), "place_width": number(8.0)},
        "agree": {"logits": floats(4, 5), "image": pixels(3, 4, 5), "smooth": number(1.0),
            "steps": count(2, zero=True)},
    },
    "body.multiply.confidence": {
        "mask_agreement": {"layers": inside(3, 2, 6, 5), "refined": inside(3, 2, 6, 5)},
        "reliable_frames": {"agreement": inside(4, 2), "unreliable": number(0.5)},
    },
    "body.multiply.objectives": {
        "picture_loss": {"layers": SEEN, "image": pixels(3, *SIZE)},
        "mask_loss": {"layers": SEEN, "refined": REFINED, "known": masks(2)},
        "order_loss": {"people": TWO, "layers": SEEN, "refined": REFINED, "cameras": CAMERA},
        "bone_balls": {"joints": floats(2, 3, 3), "parents": TREE},
        "room_loss": {"joints": floats(2, 3, 3), "others": floats(2, 3, 3, of=lambda x: x + 0.1),
            "radii_m": inside(2), "others_radii_m": inside(2), "parents": TREE},
        "calm_loss": {"joints": floats(4, 3, 3)},
    },
    "body.multiply.people": {
        "People": {"avatars": made(lambda: [person(), person()]), "poses": floats(2, 3, 24, 3),
            "translations": floats(2, 3, 3), "background": pixels(3, *SIZE)},
        "People.forward": {"self": CROWD, "frame": 1, "cameras": CAMERA},
    },
    "body.multiply.segment": {
        "segment": {"people": CROWD, "images": pixels(3, 3, *SIZE), "cameras": CAMERA,
            "refiner": made(refine.ColourRefiner)},
        "shared": {"masks": inside(2, *SIZE)},
    },
    "body.multiply.fit": {
        "FitSettings": {"rounds": count(2), "frames": count(2), "person_steps": count(2, zero=True),
            "pose_steps": count(2, zero=True), "unreliable": number(0.5)}
            | {name: number(0.1) for name in ("pose_rate", "place_rate", "person_rate", "offset_rate",
               "shape_rate", "background_rate", "mask", "order", "room", "calm", "stay", "build")},
        "fit_people": {"people": CROWD, "images": pixels(3, 3, *SIZE), "cameras": CAMERA,
            "settings": SETTINGS, "held_out": HELD_OUT, "seed": 0},
        "fit_step": {"*": made(crowd_and_adam), "frames": [0, 2], "given": made(given)},
        "person_loss": {"*": made(crowd_and_clouds), "frames": [0, 2], "given": made(given)},
        "pose_loss": {"*": made(crowd_and_clouds), "frames": [0, 2], "given": made(given)},
        "drawn": {"allowed": made(lambda: torch.arange(5)), "count": count(2),
            "generator": made(lambda: torch.Generator().manual_seed(0))},
        "adams": {"people": CROWD, "settings": SETTINGS},
    },
}  # fmt: skip
