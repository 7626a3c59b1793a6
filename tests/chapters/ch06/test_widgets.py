"""The widgets of chapter 06 show what the package computes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes


def written(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (4, 2), (2, 4), (6, 4), (5, 1)])
@pytest.mark.parametrize("weights", ["ones", "tent", "random"])
def test_the_middle_panel_is_the_transposed_convolution_of_the_left(kernel, stride, weights):
    from lecture_utils.chapters.ch06.widgets.upsampling_stamps import kernel_of, stamps

    left, middle, right = (
        np.asarray(ax.images[0].get_array()) for ax in stamps(kernel, stride, weights, "a heart").axes[:3]
    )
    want = F.conv_transpose2d(
        torch.tensor(left)[None, None], kernel_of(weights, kernel)[None, None], stride=stride
    )
    np.testing.assert_allclose(middle, want[0, 0], atol=1e-6)
    hits = F.conv_transpose2d(torch.ones(1, 1, *left.shape), torch.ones(1, 1, kernel, kernel), stride=stride)
    np.testing.assert_array_equal(right, hits[0, 0])


def test_a_kernel_that_is_no_multiple_of_the_stride_is_said_to_be_none():
    from lecture_utils.chapters.ch06.widgets.upsampling_stamps import stamps

    def words(**values):
        return stamps(**values).texts[0].get_text()

    assert "3 is no multiple of 2" in words(kernel=3, stride=2) and "1, 2 or 4 stamps" in words()
    assert "4 is a multiple of 2" in words(kernel=4, stride=2) and "border 4 stamps" in words(kernel=4)


def test_tents_of_bilinear_up_sampling_leave_a_constant_alone():
    from lecture_utils.chapters.ch06.widgets.upsampling_stamps import stamped
    from lecture_utils.ops.upsampling import bilinear_kernel

    for kernel, stride in ((4, 2), (3, 2), (5, 3)):
        _, out, _ = stamped(kernel, stride, "tent", "all ones")
        inner = out[kernel:-kernel, kernel:-kernel]
        torch.testing.assert_close(inner, torch.ones_like(inner))
    from lecture_utils.chapters.ch06.widgets.upsampling_stamps import kernel_of

    torch.testing.assert_close(kernel_of("tent", 4), bilinear_kernel(2))
    torch.testing.assert_close(kernel_of("tent", 5), bilinear_kernel(3))


def test_frames_stand_where_the_stamps_fall():
    from lecture_utils.chapters.ch06.widgets.upsampling_stamps import stamps

    axes = stamps(4, 3, "ones", "all ones").axes
    ones = [(p.get_x() + 0.5, p.get_y() + 0.5, p.get_width()) for p in axes[0].patches]
    many = [(p.get_x() + 0.5, p.get_y() + 0.5, p.get_width()) for p in axes[2].patches]
    assert ones == [(2, 1, 1), (2, 2, 1)] and many == [(6, 3, 4), (6, 6, 4)]


def test_a_large_object_hides_from_iou_what_boundary_iou_sees():
    from lecture_utils.chapters.ch06.widgets.boundary_bench import masks, scores

    large, small = (scores(*masks("disc", radius, "too large", 3)) for radius in (58, 12))
    assert large["IoU"] > 0.85 and small["IoU"] < 0.7
    assert abs(large["boundary IoU"] - small["boundary IoU"]) < 0.1
    for found in (large, small):
        assert found["Dice"] == pytest.approx(2 * found["IoU"] / (1 + found["IoU"]))


def test_an_area_of_a_disc_is_that_of_its_radius():
    from lecture_utils.chapters.ch06.widgets.boundary_bench import masks

    truth, larger = masks("disc", 40, "too large", 5)
    assert float(truth.sum()) == pytest.approx(np.pi * 40**2, rel=0.01)
    assert float(larger.sum()) == pytest.approx(np.pi * 45**2, rel=0.01)
    _, smaller = masks("disc", 40, "too small", 5)
    assert float(smaller.sum()) == pytest.approx(np.pi * 35**2, rel=0.01)
    _, moved = masks("disc", 40, "shifted", 5)
    assert torch.equal(moved[:, 5:], truth[:, :-5])


@pytest.mark.parametrize("shape", ["disc", "star"])
@pytest.mark.parametrize("error", ["too large", "too small", "shifted", "ragged"])
def test_an_error_of_no_pixel_is_none_and_a_larger_one_costs_more(shape, error):
    from lecture_utils.chapters.ch06.widgets.boundary_bench import masks, scores

    none, some, more = (scores(*masks(shape, 40, error, pixels)) for pixels in (0, 2, 6))
    assert set(none.values()) == {1.0}
    assert all(none[name] > some[name] >= more[name] for name in none)


def test_the_bars_say_what_the_scores_are():
    from lecture_utils.chapters.ch06.widgets.boundary_bench import bench, masks, scores

    ax = bench("star", 40, "shifted", 4).axes[2]
    want = scores(*masks("star", 40, "shifted", 4))
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(list(want.values()))
    assert written(ax) == [part for name, value in want.items() for part in (name, f"{value:.2f}")]


def test_skips_that_are_off_add_nothing_and_the_8s_is_the_net_itself():
    from lecture_utils import zoo
    from lecture_utils.chapters.ch06.widgets.skip_switch import guesses, networks, scenes

    x = scenes()[0][:2]
    for name, off in (("32s", 2), ("16s", 1), ("8s", 0)):
        skips = list(networks()[name].skips)
        assert [all((p == 0).all() for p in layer.parameters()) for layer in skips] == [
            k >= len(skips) - off for k in range(len(skips))
        ]
    with torch.inference_mode():
        assert torch.equal(zoo.load("shapes_fcn")(x).argmax(1), guesses("8s")[:2])


def test_every_skip_brings_the_scores_up_over_all_scenes():
    from lecture_utils.chapters.ch06.widgets.skip_switch import SCENES, scores

    means = [np.mean([scores(k, net) for k in range(SCENES)], axis=0) for net in ("32s", "16s", "8s")]
    assert (means[0] + 0.02 < means[1]).all() and (means[1] + 0.02 < means[2]).all()


def test_the_switch_writes_the_scores_of_this_scene():
    from lecture_utils.chapters.ch06.widgets.skip_switch import guesses, scenes, switch
    from lecture_utils.metrics.boundary_iou import mean_boundary_iou
    from lecture_utils.metrics.segmentation import mean_iou

    pair = guesses("16s")[5:6], scenes()[1][5:6]
    words = written(switch(5, "16s").axes[2])
    assert f"{mean_iou(*pair, 12):.2f}" in words and f"{mean_boundary_iou(*pair, 12):.2f}" in words
