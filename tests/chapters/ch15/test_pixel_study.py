"""What the notebook asks of the pixel networks, on small ones; what its figures and its widget say."""

import math

import pytest
import torch
from matplotlib.colors import to_rgba

from lecture_utils.chapters.ch15 import pixel_figures, pixel_study
from lecture_utils.chapters.ch15.widgets.next_pixel import expected, told
from lecture_utils.data import digits
from lecture_utils.generative.pixel.gated_pixelcnn import GatedPixelCNN
from lecture_utils.generative.pixel.influence import influence
from lecture_utils.generative.pixel.likelihood import bits_per_dim
from lecture_utils.generative.pixel.pixelcnn import PixelCNN
from lecture_utils.plotting.style import BLUE, GREEN
from lecture_utils.recipes._digits_pixels import levels_of

pytestmark = pytest.mark.system("S15.1")


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return PixelCNN(17, width=4, layers=1, size=3).eval()


def test_one_of_each_is_a_digit_of_each_class():
    images, labels = digits.load(8, "test")
    for skip in (0, 2):
        got = pixel_study.one_of_each(skip=skip)
        rows = [int(((images * 16).round() == one).flatten(1).all(1).nonzero()[0, 0]) for one in got]
        assert labels[torch.tensor(rows)].tolist() == list(range(10))


def test_completions_keep_what_is_given(small):
    image = pixel_study.one_of_each()[:3]
    drawn = pixel_study.completions(small, image, 4, rows=5)
    assert drawn.shape == (3, 4, 1, 8, 8)
    assert torch.equal(drawn[:, :, :, :5], image[:, None, :, :5].expand(3, 4, 1, 5, 8))
    assert (drawn[:, 0, :, 5:] != drawn[:, 1, :, 5:]).any()


def test_bits_by_pixel_average_to_bits_per_dim(small):
    bits = pixel_study.bits_by_pixel(small, "val")
    image = levels_of("val")
    with torch.no_grad():
        want = bits_per_dim(small(image), image).mean()
    assert bits.shape == (8, 8)
    torch.testing.assert_close(bits.mean(), want)


def test_entropy_of_what_is_sure_and_of_what_is_not():
    logits = torch.stack([torch.zeros(8), torch.tensor([99.0] + 7 * [0.0])], 1)  # (8, 2)
    torch.testing.assert_close(pixel_study.entropy(logits), torch.tensor([3.0, 0.0]))


def test_an_opened_network_sees_its_whole_field():
    model = pixel_study.opened(GatedPixelCNN(17, width=4, layers=3, size=5))
    seen = influence(model, (5, 5), 3, 2)[0] > 0
    assert torch.equal(seen, torch.arange(25).view(5, 5) < 17)


def test_copies_are_found():
    train = levels_of("train")
    assert pixel_study.copied(train[:20])["copies"] == 1
    found = pixel_study.copied(torch.full((4, 1, 8, 8), 8))
    assert found["copies"] == 0 and found["samples"] > found["fresh digits"] > 0


@pytest.mark.nightly
def test_samples_are_judged_beside_real_digits():
    model = GatedPixelCNN(17, width=4, layers=1, size=3, classes=10).eval()
    found = pixel_study.samples_judged(model, 40)
    assert found["frechet_digits"] > 2 * found["frechet_digits_real"] > 0
    assert found["sure_of_real"] > 0.9 > found["right"]


def colours_of(ax):
    """Of each cell of a field's figure: rounded."""
    return torch.as_tensor(ax.images[0].get_array()).mul(100).round()


def test_the_masks_figure_shows_anybodys_mask():
    def wrong(kind, size, in_channels, out_channels, colours):
        return torch.zeros(out_channels, in_channels, size, size, dtype=torch.bool)

    fig = pixel_figures.masks_figure(mask=wrong)
    assert {t.get_text() for ax in fig.axes for t in ax.texts} == {"0"}
    right = [[t.get_text() for t in ax.texts].count("1") for ax in pixel_figures.masks_figure(5).axes]
    assert right == [12, 13]
    of_colours = [
        [t.get_text() for t in ax.texts].count("1") for ax in pixel_figures.colour_mask_figure().axes
    ]
    assert of_colours == [3, 6]


def test_the_field_figure_counts_blind_pixels_and_leaks():
    seen = torch.zeros(3, 3)
    seen[0, 0] = seen[1, 0] = 1.0
    leak = seen.clone()
    leak[2, 2] = 1
    fig = pixel_figures.field_figure({"one": seen, "two": leak}, 1, 1)
    titles = [ax.get_title("left") for ax in fig.axes]
    assert titles == ["one\nblind to 2 of 4", "two\nblind to 2 of 4, 1 leaks"]
    one, two = map(colours_of, fig.axes)
    assert not torch.equal(one[2, 2], two[2, 2]) and torch.equal(one[0], two[0])
    assert not torch.equal(one[0, 0], one[0, 1])


def test_what_is_not_known_is_not_shown():
    image = torch.randint(0, 17, (2, 8, 8))
    fig = pixel_figures.drawing_figure(image, (0, 10, 64))
    nothing, some, every = (torch.as_tensor(ax.images[0].get_array()) for ax in fig.axes[:3])
    assert (nothing == nothing[0, 0]).all()
    torch.testing.assert_close(some.reshape(64, 3)[:10, 0] * 16, image[0].flatten()[:10].double())
    assert (some.reshape(64, 3)[10:] == nothing[0, 0]).all()
    torch.testing.assert_close(every[..., 1] * 16, image[0].double())


def test_the_completions_figure_has_what_is_given_drawn_and_written():
    image = torch.randint(0, 17, (2, 1, 8, 8))
    fig = pixel_figures.completions_figure(image, torch.randint(0, 17, (2, 3, 1, 8, 8)))
    assert len(fig.axes) == 2 * 5
    torch.testing.assert_close(
        torch.as_tensor(fig.axes[9].images[0].get_array())[..., 0] * 16, image[1, 0].double()
    )


def test_bars_and_maps_say_their_bits():
    fig = pixel_figures.bits_figure({"uniform": 4.087, "PixelCNN": 1.8})
    assert [t.get_text() for t in fig.axes[0].texts] == ["4.09", "1.80"]
    assert to_rgba(fig.axes[0].patches[1].get_facecolor()) == to_rgba(BLUE)
    fig = pixel_figures.bits_map_figure({"a": torch.full((8, 8), 1.26), "b": torch.zeros(8, 8)})
    assert [ax.get_title("left") for ax in fig.axes] == ["a: 1.26 bits on average", "b: 0.00 bits on average"]


def test_the_next_pixels_figure_says_doubt_and_cost():
    image = torch.zeros(8, 8, dtype=torch.long)
    image[1, 2] = 5
    logits = torch.zeros(17, 8, 8)
    logits[5, 1, 2] = math.log(16.0)  # level 5 has one half, the other 16 a 32nd each
    fig = pixel_figures.next_pixel_figure(image, logits, 10)
    assert {t.get_text() for t in fig.texts} >= {"doubt 3.00 bits", "cost 1.00 bits", "seen: 10 of 64 pixels"}
    bars = fig.axes[2].patches
    assert to_rgba(bars[5].get_facecolor()) == to_rgba(GREEN) != to_rgba(bars[4].get_facecolor())
    assert bars[5].get_height() == pytest.approx(0.5)


def test_the_widget_takes_any_network_and_hides_what_comes_later(small):
    early, late = (expected(4, pixel, small) for pixel in (0, 63))
    a, b = (torch.as_tensor(fig.axes[0].images[0].get_array()).reshape(64, 3) for fig in (early, late))
    assert (a == a[0]).all()
    assert torch.equal(b[63], a[0])  # the last pixel is not seen yet
    torch.testing.assert_close(b[:63, 0] * 16, pixel_study.one_of_each()[4].flatten()[:63].double())


def test_the_tour_says_what_the_shipped_network_does():
    image, logits = told(pixel_study.shipped_pixels())
    doubt = pixel_study.entropy(logits.transpose(0, 1)).flatten(1)  # (10, 64)
    cost = -logits.log_softmax(1).gather(1, image[:, None])[:, 0].flatten(1) / math.log(2)
    likely = logits.argmax(1).flatten(1)
    assert cost[3, 21] > 6 and likely[3, 21] == 16 > image[3].flatten()[21] > 0
    for digit, pixel in ((3, 0), (3, 31), (0, 36)):
        assert doubt[digit, pixel] < 0.5 and likely[digit, pixel] == 0
    assert likely[3, 3] >= 12 and likely[7, 34] == 16 and doubt[7, 34] < 2
    assert doubt[3, 2] > 3 and doubt[8, 26] > 3


def test_without_its_class_a_digit_costs_a_little_more_and_bayes_names_it():
    """p(x) lies between p(x | its class) / 10 and the largest p(x | class)."""
    model = pixel_study.shipped_gated()
    image, label = levels_of("val")[:60], digits.load(8, "val")[1][:60]
    bits, posterior = pixel_study.by_every_class(model, image)
    with torch.no_grad():
        told_class = bits_per_dim(model(image, label), image).double()
    assert (bits < told_class + math.log2(10) / 64 + 1e-6).all()
    assert bits.mean() > told_class.mean()
    torch.testing.assert_close(posterior.sum(1), torch.ones(60, dtype=torch.float64))
    assert (posterior.argmax(1) == label).double().mean() > 0.8
