"""Transposed convolution against torch and the gradient it is; bilinear kernels against interpolation."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.ops import upsampling as up
from lecture_utils.ops.convolution import conv2d

pytestmark = pytest.mark.system("S06.1")
SETTINGS = [
    {"stride": s, "padding": p, "output_padding": o, "dilation": d, "groups": g}
    for s, p, o, d, g in itertools.product((1, 2, 3), (0, 1), (0, 1, 2), (1, 2), (1, 2))
    if o < max(s, d)
]


def case(settings, seed=0):
    torch.manual_seed(seed)
    x = torch.randn(2, 4, 5, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 6 // settings["groups"], 3, 2, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(6, dtype=torch.float64, requires_grad=True)
    return x, weight, bias


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_values_and_gradients_are_torch_s(settings):
    args = case(settings)
    want = F.conv_transpose2d(*args, **settings)
    seed = torch.randn_like(want)
    wanted = torch.autograd.grad(want, args, seed)
    for function in (up.conv_transpose2d_loops, up.conv_transpose2d):
        got = function(*args, **settings)
        torch.testing.assert_close(got, want)
        for ours, theirs in zip(torch.autograd.grad(got, args, seed), wanted, strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("settings", [s for s in SETTINGS if not s["output_padding"]], ids=str)
def test_it_is_the_gradient_of_our_own_convolution(settings):
    """For every grad: d<conv(image), grad>/d image = conv_transpose(grad)."""
    grad, weight, _ = case(settings)
    options = {k: v for k, v in settings.items() if k != "output_padding"}
    sizes = {k: v for k, v in options.items() if k != "groups"}
    h, w = (up.conv_transpose_output_size(n, k, **sizes) for n, k in ((5, 3), (3, 2)))
    image = torch.randn(
        2, weight.shape[1] * settings["groups"], h, w, dtype=torch.float64, requires_grad=True
    )
    (wanted,) = torch.autograd.grad((conv2d(image, weight, **options) * grad).sum(), image)
    torch.testing.assert_close(up.conv_transpose2d(grad, weight, **options), wanted)


@pytest.mark.parametrize("factor", range(1, 9))
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 4)])
def test_bilinear_kernels_interpolate(factor, shape):
    x = torch.randn(shape)
    want = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    torch.testing.assert_close(up.bilinear_upsample(x, factor), want)


def test_neighbouring_tents_add_up_to_one():
    for factor in range(1, 9):
        kernel = up.bilinear_kernel(factor)[None, None]
        flat = F.conv_transpose2d(torch.ones(1, 1, 6, 6), kernel, stride=factor)
        inside = flat[:, :, len(kernel[0, 0]) : -len(kernel[0, 0]), len(kernel[0, 0]) : -len(kernel[0, 0])]
        torch.testing.assert_close(inside, torch.ones_like(inside))


@pytest.mark.parametrize(
    ("kernel", "stride", "even"), [(4, 2, True), (2, 2, True), (3, 2, False), (5, 3, False)]
)
def test_overlaps_are_even_where_the_stride_divides_the_kernel(kernel, stride, even):
    counts = up.overlaps(8, kernel, stride)
    inner = counts[kernel:-kernel, kernel:-kernel]
    assert (inner.min() == inner.max()) == even
    assert counts.sum() == 64 * kernel**2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": 0}, "stride 0, want a whole number"),
        ({"output_padding": 1}, "want less than 1"),
        ({"padding": 9}, "no pixel is left"),
        ({"groups": 3}, "want a positive divisor of the 4"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change, message):
    x, weight, _ = case({"groups": 1})
    for function in (up.conv_transpose2d_loops, up.conv_transpose2d):
        with pytest.raises(ValueError, match=message):
            function(x, weight, **change)


def test_shapes_and_types_that_do_not_fit_are_refused():
    x, weight, bias = case({"groups": 1})
    for arguments, message in [
        ((x[0], weight), "want"),
        ((x.byte(), weight), "floating-point"),
        ((x, weight[:3]), r"want \(4, O / 1"),
        ((x, weight[0]), r"want \(4, O / 1"),
        ((x, weight.float()), "the type of the input"),
        ((x, weight, bias[:2]), "bias"),
    ]:
        with pytest.raises(ValueError, match=message):
            up.conv_transpose2d(*arguments)
    for factor in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="factor"):
            up.bilinear_kernel(factor)
