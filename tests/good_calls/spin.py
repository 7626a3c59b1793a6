"""Good calls of SPIN: crops and their cameras, the regressor, its losses, the dictionary, the loop."""

import torch

from lecture_utils.body.smplify.objective import Stage
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.body.spin import fits, regressor
from lecture_utils.body.spin.encoder import JointEncoder
from lecture_utils.ops import camera
from tests.bad_calls import Value, count, floats, images, made, number, pair
from tests.body.spin.pictures import JOINTS, SIZE, cameras, crops, network, plain_fit
from tests.body.stick import stick_body

VIEWS, EYE = made(lambda: cameras(2)), torch.eye(3)
PIXELS = floats(2, 24, 2, of=lambda x: 4 * x + 6)
SURE = floats(2, 24, of=lambda x: 0.1 + 0.9 * x)
SQUARES = floats(2, 3, of=lambda x: 8 + 4 * x)
SEEN = {"joints2d": PIXELS, "confidence": SURE}
TURNED = floats(2, 24, 3, 3, of=lambda x: torch.linalg.matrix_exp(x - x.mT))
MIXED = made(lambda: torch.tensor([True, False]))
BATCH = made(lambda: crops(2)[0])
ROWS = made(lambda: torch.tensor([2, 0]))


def guess() -> regressor.Estimate:
    """Of two persons."""
    with torch.no_grad():
        return network().eval()(crops(2)[0].images)


def fit() -> fits.Fit:
    """Of two persons."""
    return fits.Fit(torch.rand(2, 24, 3), torch.rand(2, 10), torch.rand(2, 3) + 1, torch.rand(2))


GUESS, FIT = made(guess), made(fit)
BEST = made(lambda: fits.BestFits(3, most_px=2.0))
ROUND = {"crops": BATCH, "joints": JOINTS, "cameras": VIEWS}
PRIOR = made(lambda: GaussianMixturePrior(torch.zeros(1, 69), torch.eye(69)[None], torch.ones(1)))
FINDER = made(lambda: JointEncoder(3, width=4, local=2).eval())
CAMERA = floats(2, 3, of=lambda x: x + 0.3)
GOOD: dict[str, dict[str, Value | object]] = {
    "body.spin.crop": {
        "square_around": {**SEEN, "wider": number(1.3)},
        "crop_points": {"points": PIXELS, "squares": SQUARES, "size": count(SIZE)},
        "crop_cameras": {"cameras": made(lambda: camera.orbit(2, (16, 16))), "squares": SQUARES,
            "size": count(SIZE)},
        "crop_pictures": {"images": images(2, 3, 16, 18), "squares": SQUARES, "size": count(8)},
        "fixed_cameras": {"count": count(2), "size": count(SIZE), "focal": number(80.0)},
        "weak_to_translation": {"camera": CAMERA, "cameras": VIEWS},
        "translation_to_weak": {"translation": CAMERA, "cameras": VIEWS},
        "mirror_points": {"joints2d": PIXELS, "size": count(SIZE)},
        "mirror_confidence": {"confidence": SURE},
        "mirror_pose": {"pose": floats(2, 24, 3)},
    },
    "body.spin.encoder": {
        "JointEncoder": {"joints": count(3), "width": count(4), "local": count(2)},
        "JointEncoder.forward": {"self": FINDER, "images": images(2, 3, SIZE, SIZE)},
        "JointEncoder.maps": {"self": FINDER, "images": images(2, 3, SIZE, SIZE)},
        "mean_places": {"scores": floats(2, 3, 4, 4)},
        "place_loss": {"scores": floats(2, 24, 4, 4), **SEEN},
    },
    "body.spin.regressor": {
        "mean_rotations": {"joints": count(24)},
        "Regressor": {"encoder": made(lambda: torch.nn.Flatten()), "features": count(12), "hidden": count(8),
            "iterations": count(3), "dropout": number(0.5), "start_camera": pair(0.9, 0.0, 0.0),
            "start_rotations": floats(24, 3, 3, of=lambda x: EYE.expand_as(x).clone()), "shapes": count(10)},
        "Regressor.forward": {"self": made(lambda: network().eval()), "images": images(2, 3, SIZE, SIZE)},
        "Regressor.iterates": {"self": made(lambda: network().eval()), "features": floats(2, 32)},
        "Regressor.read": {"self": made(network), "guess": floats(2, 157)},
    },
    "body.spin.losses": {
        "BodyJoints": {"body": made(stick_body)},
        "BodyJoints.of": {"self": JOINTS, "guess": GUESS, "cameras": VIEWS},
        "reprojection_loss": {"pixels": PIXELS, **SEEN, "size": count(SIZE)},
        "reprojection_error_px": {"pixels": PIXELS, **SEEN},
        "parameter_losses": {"guess": GUESS, "rotations": TURNED, "shape": floats(2, 10), "usable": MIXED},
        "scale_loss": {"camera": CAMERA},
        "prior_loss": {"guess": GUESS, "prior": PRIOR, "stage": Stage(pose=1.0, shape=1.0, limits=1.0)},
        "picture_loss": {"guess": GUESS, "joints": JOINTS, **SEEN, "cameras": VIEWS},
    },
    "body.spin.fitting": {
        "AdamFit": {"body": made(stick_body), "prior": PRIOR, "steps": count(2), "rate": number(0.01),
            "sigma_m": number(0.2)},
    },
    "body.spin.fits": {
        "BestFits": {"count": count(3), "most_px": number(2.0), "joints": count(24), "shapes": count(10)},
        "BestFits.keep": {"self": BEST, "rows": ROWS, "fit": FIT},
        "BestFits.of": {"self": BEST, "rows": ROWS},
    },
    "body.spin.loop": {
        "Crops": {"images": images(2, 3, SIZE, SIZE), **SEEN, "rows": ROWS, "mirrored": MIXED},
        "mirror_some": {"crops": BATCH, "which": MIXED},
        "unmirrored": {"fit": FIT, "mirrored": MIXED},
        "fitted": {**ROUND, "guess": GUESS, "fit": plain_fit},
        "spin_loss": {"regressor": made(network), **ROUND, "fits": BEST, "fit": plain_fit},
    },
}  # fmt: skip
