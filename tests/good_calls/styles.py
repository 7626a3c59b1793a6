"""Good calls of stylisation."""

import torch
from torch import Tensor, nn

from lecture_utils.multimodal.styles import ColourMap, Pixels
from tests.bad_calls import Value, count, floats, images, made, number, pixels


def unit(rows: int, seed: int) -> Value:
    """Rows of length 1."""
    turned = 1.0 + seed  # so that no two of them are alike
    return floats(rows, 4, of=lambda x: nn.functional.normalize(torch.cos(turned * 3 * x), dim=1))


def mean_colour(x: Tensor) -> Tensor:
    """An encoder of pictures that knows red, green and blue."""
    return nn.functional.normalize(x.mean((2, 3)), dim=1)


FOUR = {"styled": unit(2, 0), "source": unit(2, 1), "target_text": unit(2, 2), "source_text": unit(2, 3)}
PICTURES = pixels(2, 3, 12, 12)

GOOD = {
    "multimodal.styles": {
        "Pixels": {"pictures": count(2), "size": count(12)},
        "Pixels.forward": {"self": made(lambda: Pixels(2, 12)), "images": images(2, 3, 12, 12)},
        "ColourMap": {"pictures": count(2), "hidden": count(4), "seed": 0},
        "ColourMap.forward": {"self": made(lambda: ColourMap(2)), "images": PICTURES},
    },
    "multimodal.stylisation": {
        "global_loss": {"images": unit(2, 0), "text": unit(2, 1)},
        "directional_loss": FOUR,
        "patches": {
            "images": PICTURES, "count": count(2), "share": number(0.5),
            "generator": made(lambda: torch.Generator().manual_seed(0)),
        },
        "patch_loss": {"each": floats(2, 3), "threshold": number(0.1)},
        "total_variation": {"images": images(2, 3, 12, 12)},
        "StyleWeights": {"content": number(1.0)},
        "stylise": {
            "images": PICTURES, "encode": made(lambda: mean_colour),
            "source_text": made(lambda: torch.eye(3)[:1]), "target_text": made(lambda: torch.eye(3)[2:]),
            "style": made(lambda: Pixels(2, 12)), "steps": count(1), "rate": number(0.1), "count": count(2),
        },
    }
}  # fmt: skip
