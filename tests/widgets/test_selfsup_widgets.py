"""Chapter 03's three widgets: every callback at the ends and the middle of every control, live and static."""

import importlib
import re

import numpy as np
import pytest
import torch

from lecture_utils.plotting.style import styled
from lecture_utils.widgets.live import Live
from lecture_utils.widgets.shell import static_bundle
from lecture_utils.widgets.static import BUNDLE_BYTES


@pytest.fixture(autouse=True)
def style():
    """Every chapter sets the style first."""
    with styled():
        yield


NAMES = ("ema_decay", "masking_slider", "dino_attention")


@pytest.fixture(scope="module", params=NAMES)
def widget(request):
    return getattr(importlib.import_module(f"lecture_utils.widgets.{request.param}"), request.param)()


def test_every_control_at_its_ends_and_middle(widget):
    shape = widget.picture().shape
    for name, control in widget.controls.items():
        pictures = [widget.picture(**{name: value}) for value in control.probes()]
        assert {p.shape for p in pictures} == {shape}  # nothing jumps on the page
        assert len({p.tobytes() for p in pictures}) > 1, f"{name} changes nothing"


def test_live_controls_change_the_picture_in_place(widget):
    live = Live(widget)
    for name, control in widget.controls.items():
        before = live.image.value
        start = control.value
        other = next(v for v in control.probes() if not np.array_equal(v, start))
        live.controls[name].value = other
        assert live.image.value != before and not live.message.value, name
        live.controls[name].value = start
        assert live.image.value == before, name  # pure: the same setting, the same bytes


def test_the_static_bundle_keeps_its_size(widget):
    data, metadata = static_bundle(widget)
    assert sum(map(len, data.values())) <= BUNDLE_BYTES
    assert widget.tour[0][0] in metadata["image/png"]["alt"]


def test_the_average_is_a_geometric_series():
    from lecture_utils.widgets.ema_decay import average_of

    weights = np.random.default_rng(0).normal(size=30)
    m, last = 0.8, len(weights) - 1
    series = m**last * weights[0] + (1 - m) * sum(m ** (last - k) * weights[k] for k in range(1, last + 1))
    assert average_of(weights, m)[-1] == pytest.approx(series)
    assert np.array_equal(average_of(weights, 0.0), weights)


def test_the_averages_caption_says_how_many_updates_make_half():
    from lecture_utils.widgets.ema_decay import decay

    for momentum, half in ((0.0, 1), (0.5, 1), (0.9, 7), (0.98, 35), (0.996, 173)):
        title = decay(momentum).axes[1].get_title(loc="left")
        assert int(re.findall(r"\d+", title)[-1]) == half
        assert 1 - momentum**half >= 0.5 - 1e-9 > 1 - momentum ** (half - 1) - 2e-9 * (half == 1)


def test_the_masking_slider_hides_what_it_says():
    from lecture_utils.widgets.masking_slider import fill_in, picture_of

    truth = picture_of("scene 2")[0].permute(1, 2, 0).numpy()
    for hidden, seen in ((0, 64), (75, 16), (95, 3)):
        axes = fill_in(hidden, "scene 2").axes
        assert axes[0].get_title(loc="left").startswith(f"{seen} of 64")
        filled = np.asarray(axes[1].images[0].get_array())
        same = (np.abs(filled - truth) < 1e-6).all(2).reshape(8, 6, 8, 6).all((1, 3)).sum()
        assert same >= seen and (hidden == 0) == (same == 64)


def test_the_viewer_keeps_the_share_and_measures_the_overlap():
    from lecture_utils.widgets.dino_attention import LEARNED, MEAN, look, looked_at

    _, truth, attention = looked_at(LEARNED["DINO, no labels"])
    mean = attention[2].mean(0)
    ranked = mean.sort(descending=True)
    share = (ranked.values / ranked.values.sum()).cumsum(0)
    keep = int((share < 0.6).sum()) + 1
    mask = torch.zeros(64, dtype=torch.bool)
    mask[ranked.indices[:keep]] = True
    mask = mask.reshape(8, 8).repeat_interleave(6, 0).repeat_interleave(6, 1)
    iou = (mask & truth[2]).sum() / (mask | truth[2]).sum()
    title = look(3, MEAN, 60).axes[2].get_title(loc="left")
    assert float(title.split()[-1]) == pytest.approx(iou.item(), abs=0.006)
