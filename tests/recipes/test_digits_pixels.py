"""The recipes of the pixel networks: levels, tables of counts, and what the shipped ones reach."""

import math

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.data import digits
from lecture_utils.generative.pixel.likelihood import bits_per_dim
from lecture_utils.recipes import _digits_pixels as pixels
from lecture_utils.recipes import digits_gated_pixelcnn, digits_pixelcnn, digits_pixelrnn

pytestmark = pytest.mark.system("S15.1")
RECIPES = {
    "digits_pixelcnn": digits_pixelcnn,
    "digits_pixelrnn": digits_pixelrnn,
    "digits_gated_pixelcnn": digits_gated_pixelcnn,
}


def test_levels_are_the_files_own_numbers():
    for split in digits.SPLITS:
        levels, images = pixels.levels_of(split), digits.load(8, split)[0]
        assert levels.min() == 0 and levels.max() == 16 and levels.dtype == torch.int64
        assert torch.equal(pixels.as_pictures(levels), images)


def test_tables_of_counts_by_a_plain_count():
    """Level by place with strength 1: by loops on one digit."""
    train, judged = pixels.levels_of("train"), pixels.levels_of("test")[:1]
    got = pixels._table_bits(train, judged, (True, True), 1.0)
    usual = [(train == level).double().mean().item() for level in range(17)]
    bits = 0.0
    for y in range(8):
        for x in range(8):
            left = judged[0, 0, y, x - 1] if x else torch.tensor(0)
            same = train[:, 0, y, x - 1] == left if x else torch.ones(len(train), dtype=torch.bool)
            level = int(judged[0, 0, y, x])
            hits = int((train[same, 0, y, x] == level).sum())
            bits -= math.log2((hits + usual[level]) / (int(same.sum()) + 1)) / 64
    assert got == pytest.approx(bits, rel=1e-5)


def test_what_is_known_of_a_pixel_makes_it_cheaper():
    bits = pixels.baseline_bits("val")
    assert bits["uniform"] == pytest.approx(math.log2(17))
    assert bits["place and left"] < min(bits["place"], bits["left"]) < bits["uniform"]


@pytest.mark.parametrize("name", RECIPES)
def test_a_few_steps_learn(name):
    model, info = RECIPES[name].train(0, steps=12)
    image, label = pixels.levels_of("val")[:60], digits.load(8, "val")[1][:60]
    with torch.no_grad():
        assert bits_per_dim(pixels.told(model, image, label), image).mean() < math.log2(17)
    assert info["steps"] == 12 and not model.training


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_networks_need_fewer_bits_than_any_table(name):
    image, label = pixels.levels_of("test"), digits.load(8, "test")[1]
    with torch.no_grad():
        bits = bits_per_dim(pixels.told(zoo.load(name).eval(), image, label), image).mean()
    assert bits < min(pixels.baseline_bits("test").values()) - 0.3
