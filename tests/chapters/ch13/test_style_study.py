"""Stylisation judged by the object's own pixels: a commission, its judge, and what a way changes."""

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch13 import style_study
from lecture_utils.data.toyworld.names import COLOUR_RGB, COLOURS

pytestmark = pytest.mark.system("S13.9")


class MeanColour:
    """A CLIP that knows mean colours, and of a text the one that it names."""

    def encode_image(self, images: Tensor) -> Tensor:
        return torch.nn.functional.normalize(images.mean((2, 3)) - 0.4, dim=1)

    def texts(self, texts: list[str]) -> Tensor:
        ids = [next(i for i, name in enumerate(COLOURS) if name in text.split()) for text in texts]
        return torch.nn.functional.normalize(torch.tensor(COLOUR_RGB).float()[ids] - 0.4, dim=1)


def test_a_commission_wants_another_colour_and_knows_the_object() -> None:
    order = style_study.commission(12)
    assert not bool((order.wanted == order.pictures.colour_id).any())
    there, wanted = order.texts()
    names = zip(there, wanted, order.pictures.colour_id.tolist(), order.wanted.tolist(), strict=True)
    assert all(COLOURS[a] in x.split() and COLOURS[b] in y.split() for x, y, a, b in names)
    assert bool((order.inside.flatten(1).float().mean(1) > 0.02).all())
    seen = style_study.seen_colour(order.pictures.image, order.inside)
    assert torch.equal(seen, order.pictures.colour_id)


def test_the_judge_reads_the_object_s_pixels_and_no_others() -> None:
    order = style_study.commission(6)
    rgb = torch.tensor(COLOUR_RGB).float()[order.wanted][:, :, None, None]
    painted = torch.where(order.inside[:, None], rgb, order.pictures.image)
    told = style_study.judged(MeanColour(), order, painted)  # type: ignore[arg-type]
    assert told["object has the colour"] == 1.0
    assert told["ground changed by"] == pytest.approx(0.0, abs=1e-4)
    ground = torch.where(order.inside[:, None], order.pictures.image, rgb)
    told = style_study.judged(MeanColour(), order, ground)  # type: ignore[arg-type]
    assert told["object has the colour"] == 0.0
    assert told["ground changed by"] > 20


@pytest.mark.parametrize("way", style_study.WAYS)
def test_each_way_brings_pictures_nearer_to_what_is_wanted(way: str) -> None:
    order = style_study.commission(2)
    done = style_study.carried_out(MeanColour(), order, way, steps=12)  # type: ignore[arg-type]
    assert done.images.shape == order.pictures.image.shape
    assert done.losses[-1] < done.losses[0]
