"""`show` and its PNG: alternative text always, the same bytes each time, nothing left open."""

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.figure import Figure
from PIL import Image

from lecture_utils import plotting
from lecture_utils.plotting.display import pixels, png_bytes, show_photographs


@pytest.fixture(autouse=True)
def shell():
    """A shell, so that display bundles can be captured."""
    return InteractiveShell.instance()


def line_figure() -> Figure:
    fig, ax = plt.subplots()
    ax.plot([0, 1, 0.5])
    return fig


def shown(fig, alt="A line that rises and falls."):
    with capture_output() as captured:
        plotting.show(fig, alt)
    (output,) = captured.outputs
    return output


def test_show_sends_one_png_with_alt_text_and_closes_the_figure():
    fig = line_figure()
    output = shown(fig)
    assert output.metadata["image/png"]["alt"] == "A line that rises and falls."
    image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
    shown_size = output.metadata["image/png"]["width"], output.metadata["image/png"]["height"]
    assert shown_size == (800, 400) and image.size == (1600, 800)  # two dots drawn for one shown
    assert image.info == {}  # no software, no date
    assert "A line that rises and falls." in output.data["text/plain"]
    assert fig.number not in plt.get_fignums()


def test_show_gives_the_same_bytes_for_the_same_figure():
    assert shown(line_figure()).data["image/png"] == shown(line_figure()).data["image/png"]


@pytest.mark.parametrize("scale", [1.0, 1.2])
def test_photographs_are_sent_as_a_jpeg_of_the_size_that_is_shown(scale):
    with capture_output() as captured:
        show_photographs(line_figure(), "A line that  rises.", quality=55, scale=scale)
    (output,) = captured.outputs
    image = Image.open(io.BytesIO(base64.b64decode(output.data["image/jpeg"])))
    assert output.metadata["image/jpeg"] == {"alt": "A line that rises.", "width": 800, "height": 400}
    assert image.format == "JPEG" and image.size == (round(800 * scale), round(400 * scale))
    with pytest.raises(ValueError, match="want a sentence"):
        show_photographs(line_figure(), "figure", quality=55, scale=scale)
    plt.close("all")


@pytest.mark.parametrize("alt", ["", "   ", "figure", None])
def test_show_wants_a_sentence(alt):
    with pytest.raises(ValueError, match="want a sentence"):
        plotting.show(line_figure(), alt)
    plt.close("all")


def test_show_wants_a_figure():
    with pytest.raises(ValueError, match="got list, want a matplotlib Figure"):
        plotting.show([], "A list of nothing.")


def test_a_large_png_falls_back_to_a_palette(rng):
    noise = rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)
    assert len(png_bytes(noise)) < len(png_bytes(noise, limit=None))
    small = np.zeros((20, 20, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(small))).convert("RGB")), small)


def test_a_palette_keeps_the_colour_of_the_page(rng):
    page = rng.integers(200, 256, (300, 300, 3), dtype=np.uint8)
    page[:150] = (255, 255, 254)
    drawn = np.asarray(Image.open(io.BytesIO(png_bytes(page))).convert("RGB"))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) <= 256
    assert (drawn[:150] == page[:150]).all()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_style_is_eight_by_four_inches_and_colour_blind_safe():
    with plt.rc_context():
        plotting.use_style()
        assert pixels(Figure()).shape == (400, 800, 3)
        cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
        assert ["#" + c.lstrip("#") for c in cycle] == list(plotting.PALETTE)
