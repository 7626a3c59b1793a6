"""FCN: dense layers as convolutions, skips that start at zero, sizes of any parity, sliding."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecture_utils.backbones.vgg import VGG
from lecture_utils.ops.upsampling import bilinear_upsample
from lecture_utils.segmentation import fcn

pytestmark = pytest.mark.system("S06.2")


def classifier(grid: int = 3) -> VGG:
    torch.manual_seed(0)
    return VGG("A", classes=8, width=4, grid=grid, hidden=16).eval()


def lively(stride: int) -> fcn.FCN:
    """An FCN whose score layers and doublings are random, in double precision."""
    model = fcn.FCN(classifier(), classes=5, stride=stride).double().eval()
    torch.manual_seed(1)
    for layer in (model.score, *model.skips, *model.doublings):
        nn.init.normal_(layer.weight)
    return model


@pytest.mark.parametrize(("channels", "kernel"), [(6, 1), (6, 3), (4, 7)])
def test_a_dense_layer_and_its_convolution_agree(channels, kernel):
    linear = nn.Linear(channels * kernel**2, 10).double()
    maps = torch.randn(2, channels, kernel, kernel, dtype=torch.float64)
    got = fcn.convolutional(linear, kernel)(maps)
    torch.testing.assert_close(got[..., 0, 0], linear(maps.flatten(1)))


def test_on_a_larger_map_it_answers_at_every_place():
    linear = nn.Linear(4 * 9, 7).double()
    maps = torch.randn(1, 4, 5, 6, dtype=torch.float64)
    dense = fcn.convolutional(linear, 3)(maps)
    for y in range(3):
        for x in range(4):
            torch.testing.assert_close(dense[:, :, y, x], linear(maps[:, :, y : y + 3, x : x + 3].flatten(1)))


@pytest.mark.parametrize("stride", fcn.STRIDES)
@pytest.mark.parametrize("size", [(64, 64), (65, 97), (1, 33), (32, 1)])
def test_the_output_has_the_picture_s_size(stride, size):
    model = lively(stride).float()
    assert model(torch.rand(1, 3, *size)).shape == (1, 5, *size)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_the_next_finer_net_starts_from_the_coarser_one_s_scores(stride):
    """Its fused scores are the coarser ones brought up by two: the new score layer adds zero, exactly."""
    coarse = lively(stride)
    fine = coarse.refined()
    seen = {}
    coarse.last.register_forward_hook(lambda m, x, y: seen.update(coarse=x[0]))
    fine.last.register_forward_hook(lambda m, x, y: seen.update(fine=x[0]))
    x = torch.rand(2, 3, 64, 96, dtype=torch.float64)
    coarse(x), fine(x)
    assert fine.stride == stride // 2
    assert torch.equal(seen["fine"], fine.doublings[-1](seen["coarse"]))
    assert not any(p.requires_grad for p in fine.last.parameters())


@pytest.mark.parametrize("factor", [2, 4, 8, 16, 32])
def test_up_sampling_starts_bilinear(factor):
    layer = fcn.upsampling(3, factor)
    x = torch.randn(1, 3, 5, 4)
    inside = (..., slice(factor, -factor), slice(factor, -factor))
    torch.testing.assert_close(layer(x)[inside], bilinear_upsample(x, factor)[inside])
    assert layer(x).shape == (1, 3, 5 * factor, 4 * factor)


def test_scores_are_added_level_by_level():
    """The whole forward pass against its formula, written out."""
    model = lively(8)
    x = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    pools, y = [], x
    for stage in model.stages:
        y = stage(y)
        pools.append(y)
    scores = model.score(model.dense(y))
    scores = model.doublings[0](scores) + model.skips[0](pools[3])
    scores = model.doublings[1](scores) + model.skips[1](pools[2])
    torch.testing.assert_close(model(x), model.last(scores))


@pytest.mark.parametrize("dropped", ["skips", "doublings", "score"])
def test_every_part_matters(dropped):
    model, x = lively(8), torch.rand(1, 3, 64, 64, dtype=torch.float64)
    before = model(x)
    part = getattr(model, dropped)
    with torch.no_grad():
        (part if dropped == "score" else part[0]).weight.mul_(0.5)
    assert (model(x) - before).abs().max() > 1e-3


def test_a_net_of_valid_convolutions_equals_itself_slid_over_the_picture():
    torch.manual_seed(0)
    stages = nn.Sequential(
        nn.Conv2d(3, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.MaxPool2d(2)
    )
    linear = nn.Linear(6 * 16, 5)
    whole = nn.Sequential(stages, nn.Flatten(), linear).double()
    dense = nn.Sequential(stages, fcn.convolutional(linear, 4)).double()
    window = 24  # 24 -> 20 -> 10 -> 8 -> 4
    x = torch.randn(2, 3, 40, 52, dtype=torch.float64)
    torch.testing.assert_close(dense(x), fcn.slide(whole, x, window=window, stride=4))


def test_a_classifier_made_convolutional_is_itself_on_its_own_size():
    net = classifier().double().eval()
    x = torch.randn(2, 3, 96, 96, dtype=torch.float64)
    dense = fcn.fully_convolutional(net)
    torch.testing.assert_close(dense(x)[..., 0, 0], net(x))
    assert dense(torch.randn(1, 3, 160, 128, dtype=torch.float64)).shape[2:] == (3, 2)
    assert not dense.training and fcn.fully_convolutional(net.train()).training


def test_without_padding_it_equals_itself_slid_over_the_picture():
    net = fcn.without_padding(classifier().double().eval())
    x = torch.randn(1, 3, 246, 278, dtype=torch.float64)
    slid, dense = fcn.slide(net, x, window=214, stride=32), fcn.fully_convolutional(net)(x)
    assert dense.shape[2:] == (2, 3)
    torch.testing.assert_close(dense, slid)
    padded = classifier().double().eval()
    gap = fcn.fully_convolutional(padded)(x[:, :, :160, :160]) - fcn.slide(
        padded, x[:, :, :160, :160], window=96, stride=32
    )
    assert gap.abs().max() > 0.01 * slid.std()  # padding sees where a window ends


def test_one_batch_is_learned():
    torch.manual_seed(0)
    model = fcn.FCN(classifier(), classes=3, stride=8).train()
    x = torch.rand(2, 3, 32, 32)
    y = torch.zeros(2, 32, 32, dtype=torch.long)
    y[0, 8:24, 4:20], y[1, :16] = 1, 2
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss < 0.2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fcn.FCN(classifier(), classes=3, stride=2), "want one of 32, 16, 8, 4"),
        (lambda: fcn.FCN(classifier(2), classes=3), "want an odd side"),
        (lambda: fcn.convolutional(nn.Linear(10, 2), 3), "square divides 10"),
        (lambda: fcn.FCN(classifier(), classes=3, stride=4).refined(), "32, 16 or 8"),
        (lambda: fcn.FCN(classifier(), classes=3)(torch.rand(1, 1, 32, 32)), "3"),
        (lambda: fcn.FCN(classifier(), classes=3)(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)), "floating"),
        (lambda: fcn.slide(nn.Identity(), torch.rand(1, 3, 8, 8), window=9, stride=1), "as large as"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
