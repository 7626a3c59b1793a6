"""Chapter 05's two benches: every callback at the ends and the middle of every control, live and static."""

import importlib

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


NAMES = ("augmentation_bench", "mixing_bench")


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


def test_a_mirror_and_a_quarter_turn_move_every_annotation_exactly():
    from lecture_utils.augment.geometric import warp
    from lecture_utils.widgets.augmentation_bench import SIZE, bench_matrix, scene

    before = scene()
    mirrored = warp(before, bench_matrix(0, 1.0, 0, True))
    assert torch.equal(mirrored.masks, before.masks.flip(-1))
    torch.testing.assert_close(mirrored.keypoints[..., 0], SIZE - before.keypoints[..., 0])
    turned = warp(before, bench_matrix(90, 1.0, 0, False))  # clockwise: what was up is at the right
    assert torch.equal(turned.masks, before.masks.rot90(-1, (-2, -1)))
    x1, y1, x2, y2 = before.boxes.unbind(-1)
    torch.testing.assert_close(turned.boxes, torch.stack([SIZE - y2, x1, SIZE - y1, x2], dim=-1))


def test_the_bench_draws_boxes_around_what_is_seen():
    from lecture_utils.augment.annotations import boxes_from_masks
    from lecture_utils.augment.geometric import warp
    from lecture_utils.widgets.augmentation_bench import bench, bench_matrix, scene

    masks = warp(scene(), bench_matrix(30, 1.0, 0, False)).masks
    want = boxes_from_masks(masks)[0].tolist()
    drawn = [
        (p.get_x() + 0.5, p.get_y() + 0.5, p.get_x() + 0.5 + p.get_width(), p.get_y() + 0.5 + p.get_height())
        for p in bench(30, 1.0, 0, False, 1.0).axes[1].patches
    ]
    assert all(any(np.allclose(box, d) for d in drawn) for box in want)


@pytest.mark.parametrize(("method", "share"), [("mixup", "0.60"), ("CutMix", "0.90")])
def test_the_label_says_what_the_picture_shows(method, share):
    """A patch of 40 % centred on the corner lies in the picture with a quarter of it."""
    from lecture_utils.widgets.mixing_bench import mix

    texts = [t.get_text() for t in mix(method, 0.6, 0.0, 0.0).axes[-1].texts]
    assert texts[0] == share and float(texts[1]) == pytest.approx(1 - float(share), abs=0.011)
