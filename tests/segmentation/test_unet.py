"""U-Net: the paper's sizes, its parameters, seamless tiles, the weights of narrow gaps."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lecture_utils.segmentation import unet

pytestmark = pytest.mark.system("S06.3")


def test_sizes_are_those_of_figure_1():
    assert unet.sizes(572) == [568, 280, 136, 64, 28, 52, 100, 196, 388]
    assert unet.output_size(572) == 388
    assert sum(p.numel() for p in unet.UNet(2).parameters()) == 31_030_658


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_every_level_has_the_size_that_was_predicted(padding):
    model = unet.UNet(3, in_channels=1, width=2, padding=padding).eval()
    seen = []
    for block in [*model.down, *model.join]:
        block.register_forward_hook(lambda m, x, y: seen.append(tuple(y.shape[2:])))
    height, width = (188, 204) if padding == "valid" else (32, 48)
    out = model(torch.rand(1, 1, height, width))
    want = [unet.sizes(n, padding=padding) for n in (height, width)]
    assert seen == list(zip(*want, strict=True))
    assert out.shape == (1, 3, want[0][-1], want[1][-1])


@pytest.mark.parametrize(("size", "near"), [(571, "556 or 572"), (100, "188"), (190, "188 or 204")])
def test_a_size_that_cannot_work_is_refused_with_the_nearest_that_do(size, near):
    with pytest.raises(ValueError, match=f"got {size} pixels.*{near}"):
        unet.output_size(size)
    with pytest.raises(ValueError, match=near):
        unet.UNet(2, width=2)(torch.rand(1, 1, size, 188))


def test_valid_output_does_not_depend_on_what_lies_around_the_picture():
    """Shifting the window by one period of the pools shifts the output, to the last digit."""
    model = unet.UNet(2, width=2, levels=2).double().eval()
    x = torch.rand(1, 1, 80, 80, dtype=torch.float64)
    near, far = model(x[:, :, :76, :76]), model(x[:, :, 4:, 4:])
    torch.testing.assert_close(near[:, :, 4:, 4:], far[:, :, :-4, :-4])


def test_tiles_join_without_a_seam():
    model = unet.UNet(2, width=2, levels=2).double().eval()
    x = torch.rand(1, 1, 90, 77, dtype=torch.float64)
    small, large = (unet.overlap_tile(model, x, tile=tile) for tile in (76, 92))
    assert small.shape == (1, 2, 90, 77)
    torch.testing.assert_close(small, large)


@pytest.mark.parametrize("skips", [True, False])
def test_skips_hand_the_finer_maps_across(skips):
    """A change of one pixel of the first level's map that the pool hides is seen only by a skip."""
    model = unet.UNet(2, width=4, levels=1, padding="same", skips=skips).double().eval()
    x = torch.rand(1, 1, 8, 8, dtype=torch.float64)
    before = model(x)

    def hide(module, inputs, output):
        low = F.max_pool2d(output, 2)
        return F.interpolate(low, scale_factor=2)  # the pool gives the same, the map is another

    model.down[0].register_forward_hook(hide)
    assert ((model(x) - before).abs().max() > 1e-6) == skips


def test_one_batch_is_learned():
    torch.manual_seed(0)
    model = unet.UNet(2, in_channels=3, width=8, levels=2, padding="same")
    x, y = torch.rand(2, 3, 16, 16), torch.zeros(2, 16, 16, dtype=torch.long)
    y[0, 3:11, 5:14], y[1, 8:, :7] = 1, 1
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss < 0.05


def by_loops(instances: np.ndarray, w0: float, sigma: float) -> np.ndarray:
    """Equation 2 as it stands."""
    height, width = instances.shape
    places = {n: np.argwhere(instances == n) for n in np.unique(instances) if n}
    share = (instances > 0).mean()
    out = np.where(instances > 0, 0.5 / share, 0.5 / (1 - share))
    for y, x in itertools.product(range(height), range(width)):
        if instances[y, x] == 0 and len(places) >= 2:
            d1, d2 = sorted(np.hypot(*(p - [y, x]).T).min() for p in places.values())[:2]
            out[y, x] += w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    return out


@pytest.mark.parametrize("objects", [0, 1, 2, 3])
def test_border_weights_are_equation_2(objects):
    instances = np.zeros((12, 15), dtype=np.int64)
    for k, (top, left) in enumerate([(1, 1), (1, 7), (7, 5)][:objects]):
        instances[top : top + 5, left : left + 5] = k + 1
    if objects == 0:
        instances[0, 0] = 0
        got = unet.border_weights(torch.from_numpy(instances))
        assert got.shape == (12, 15) and got.isfinite().all()
        return
    got = unet.border_weights(torch.from_numpy(instances), w0=10, sigma=2)
    np.testing.assert_allclose(got.numpy(), by_loops(instances, 10, 2), rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: unet.UNet(2, padding="full"), "want 'valid' or 'same'"),
        (lambda: unet.UNet(2, width=2)(torch.rand(1, 3, 188, 188)), "1"),
        (lambda: unet.border_weights(torch.zeros(3, 4)), "want integers"),
        (lambda: unet.border_weights(torch.zeros(3, 4, dtype=torch.long), sigma=0), "sigma: got 0"),
        (
            lambda: unet.overlap_tile(unet.UNet(2, width=2, levels=2), torch.rand(1, 1, 20, 20), tile=76),
            "want more than",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
