"""The widgets: every callback at the ends and the middle of every control, live and static."""

import base64
import io
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from lecture_utils.plotting.style import styled
from lecture_utils.widgets.controls import Matrix
from lecture_utils.widgets.discover import discover
from lecture_utils.widgets.live import Live
from lecture_utils.widgets.static import BUNDLE_BYTES, FRAME_WIDTH
from lecture_utils.widgets.static import bundle as static_bundle
from lecture_utils.widgets.widget import same

WIDGETS = discover()


@pytest.fixture(scope="module", params=WIDGETS)
def widget(request):
    return WIDGETS[request.param]


def test_every_control_at_its_ends_and_middle(widget):
    shape = widget.picture().shape
    for name, control in widget.controls.items():
        pictures = [widget.picture(**{name: value}) for value in control.probes()]
        assert {p.shape for p in pictures} == {shape}  # nothing jumps on the page
        assert len({p.tobytes() for p in pictures}) > 1, f"{name} changes nothing"


def test_live_controls_change_the_picture_in_place(widget):
    live = Live(widget)
    for name, control in widget.controls.items():
        live.controls[name].value = control.value  # there every control has its effect
    for name, control in widget.controls.items():
        before = live.image.value
        start = control.value
        other = next(v for v in control.probes() if not np.array_equal(v, start))
        live.controls[name].value = other
        assert live.image.value != before and not live.message.value, name
        live.controls[name].value = start
        assert live.image.value == before, name  # pure: the same setting, the same bytes


def test_the_first_frame_is_the_live_default_and_no_trivial_one(widget):
    assert widget.trivial is not None, "name the setting that shows nothing yet"
    live = Live(widget)
    assert same({name: view.value for name, view in live.controls.items()}, widget.first)
    first, plain = widget.picture(**widget.first), widget.picture(**widget.trivial)
    assert (first != plain).any(-1).mean() > 0.02  # of its pixels


def test_the_static_bundle_keeps_its_size_and_its_png_twice_the_pixels(widget):
    data, metadata = static_bundle(widget)
    assert sum(map(len, data.values())) <= BUNDLE_BYTES
    assert widget.tour[0][0] in metadata["image/png"]["alt"]
    width = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).width
    assert width >= 1.4 * metadata["image/png"]["width"]


def test_panels_are_wide_enough(widget):
    """At least 150 pixels of what a reader sees, for every panel with a picture."""
    with styled():
        figure = widget.compute(**widget.first)
    shown = min(1.0, FRAME_WIDTH / (figure.get_figwidth() * figure.dpi))
    for ax in figure.axes:
        if ax.images:
            assert ax.get_position().width * figure.get_figwidth() * figure.dpi * shown >= 150


def test_titles_make_different_ids():
    assert len({widget.slug for widget in WIDGETS.values()}) == len(WIDGETS)


def test_the_kernel_painter_shows_the_convolution_of_the_photograph():
    from lecture_utils.chapters.ch01.widgets.kernel_painter import PRESETS, paint
    from lecture_utils.widgets.layouts import grey_photograph

    image = grey_photograph("astronaut")
    for kernel in (np.array(PRESETS["sharpen"]), Matrix(5, 5, presets=PRESETS).check("Gaussian")):
        weight = torch.tensor(kernel, dtype=torch.float32)[None, None]
        want = F.conv2d(image, weight, padding=len(kernel) // 2)[0, 0]
        got = paint(kernel).axes[2].images[0].get_array()
        np.testing.assert_allclose(np.asarray(got), want.numpy(), atol=1e-5)


def test_the_kernel_painter_draws_the_middle_of_a_padded_kernel():
    from lecture_utils.chapters.ch01.widgets.kernel_painter import PRESETS, paint

    small, padded = paint(np.array(PRESETS["emboss"])), paint(Matrix(5, 5, presets=PRESETS).check("emboss"))
    assert padded.axes[1].images[0].get_array().shape == (3, 3)
    assert [t.get_text() for t in small.axes[1].texts] == [t.get_text() for t in padded.axes[1].texts]


def test_the_receptive_field_says_what_the_calculator_says():
    from lecture_utils.chapters.ch01.widgets.receptive_field import LAYERS, fields, reached
    from lecture_utils.ops.receptive_field import receptive_field

    stack = ["conv 3×3", "max-pool 2×2", "conv 3×3, dilation 2"]
    rows = receptive_field([LAYERS[name] for name in stack])
    fig = fields(layer_1=stack[0], layer_2="none", layer_3=stack[1], layer_4=stack[2])
    assert f"{rows[-1].size}×{rows[-1].size}" in fig.axes[0].get_title()
    words = " ".join(t.get_text() for t in fig.axes[1].texts)
    assert all(f"sees {r.size}×{r.size}, jump {r.jump}" in words for r in rows)
    pixels = reached([LAYERS[name] for name in stack])[0]
    assert pixels[-1] - pixels[0] + 1 == rows[-1].size
    first = rows[-1].start - (rows[-1].size - 1) / 2  # unit 0 of the last layer
    assert pixels[0] == first


def test_squares_in_the_receptive_field_lie_inside_one_another():
    from lecture_utils.chapters.ch01.widgets.receptive_field import LAYERS, fields

    names = list(LAYERS)
    for k in range(len(names)):
        stack = {f"layer_{j + 1}": names[(k + 2 * j) % len(names)] for j in range(5)}
        squares = [p for p in fields(**stack).axes[0].patches if not p.get_fill()]  # from the last layer down
        for outer, inner in pairwise(squares):
            assert outer.get_x() <= inner.get_x()
            assert inner.get_x() + inner.get_width() <= outer.get_x() + outer.get_width()


def test_the_sampling_explorer_measures_aliasing_and_rounding():
    from lecture_utils.chapters.ch00.widgets.sampling import sample_and_round

    def rms(**values):
        full = {"picture": "zone plate", "samples": 208, "low_pass": False, "bits": 8} | values
        return float(sample_and_round(**full).axes[2].get_title(loc="left").split()[-1])

    assert rms(samples=16) > rms(samples=16, low_pass=True) > rms()
    assert rms(picture="coffee", bits=1) > rms(picture="coffee", bits=3) > rms(picture="coffee")


def test_the_scene_browser_writes_the_scenes_caption():
    from lecture_utils.chapters.ch00.widgets.scene_browser import browse, rendered

    fig = browse(2, "semantic")
    assert rendered().captions[2][:30] in " ".join(t.get_text() for t in fig.texts)
