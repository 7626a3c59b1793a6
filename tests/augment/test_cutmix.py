"""S05.4: CutMix's labels are areas, also where the box is cut off at the edge."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from lecture_utils.augment import cutmix as c
from lecture_utils.augment.mixup import one_hot

pytestmark = pytest.mark.system("S05.4")
SIZES = [(16, 16), (9, 13), (1, 1)]


def batch(n: int = 6, size: tuple[int, int] = (9, 13)) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (n,), generator=generator)
    return torch.rand(n, 3, *size, generator=generator), one_hot(labels, 4), torch.arange(n).roll(1)


@pytest.mark.parametrize("size", SIZES)
def test_the_labels_are_the_areas_counted_pixel_by_pixel(size: tuple[int, int]) -> None:
    """Each picture is one flat value of its own, so the share of its pixels that is left can be counted."""
    n = 50
    images = torch.arange(n).float()[:, None, None, None].expand(n, 1, *size).contiguous()
    targets = torch.eye(n)
    mixed, soft, lam, boxes = c.random_cutmix(images, targets, 1.0, torch.Generator().manual_seed(1))
    for i in range(n):
        share = (mixed[i, 0] == i).float().mean().item()
        assert soft[i, i].item() == pytest.approx(share, abs=1e-6)
        others = mixed[i, 0][mixed[i, 0] != i].unique()
        assert len(others) <= 1
        if len(others):
            assert soft[i, int(others)].item() == pytest.approx(1 - share, abs=1e-6)
            assert lam[i].item() == pytest.approx(share, abs=1e-6)
    assert (boxes >= 0).all() and (boxes[:, 2:] <= torch.tensor([size[1], size[0]])).all()
    torch.testing.assert_close(soft.sum(1), torch.ones(n))


def test_boxes_equal_a_loop_and_have_the_area_where_they_fit() -> None:
    lam = torch.linspace(0, 1, 11)
    inside = c.cut_boxes(lam, torch.tensor([[16, 16]]).expand(11, 2), (32, 32))
    for i, value in enumerate(lam.tolist()):
        side = int(32 * (1 - value) ** 0.5 + 1e-6)
        x1, y1 = 16 - side // 2, 16 - side // 2
        assert inside[i].tolist() == [max(x1, 0), max(y1, 0), min(x1 + side, 32), min(y1 + side, 32)]
    kept = c.kept_share(inside, (32, 32))
    assert ((kept - lam).abs() <= 2 / 32 + 1e-6).all()  # whole pixels: less than one row and one column
    assert (kept >= lam - 1e-6).all()


def test_a_box_in_the_corner_keeps_more_than_lambda() -> None:
    box = c.cut_boxes(torch.tensor([0.5]), torch.tensor([[0, 0]]), (32, 32))
    assert box.tolist() == [[0, 0, 11, 11]]  # 22 × 22 about the corner, a quarter of it inside
    assert c.kept_share(box, (32, 32)).item() == pytest.approx(1 - 121 / 1024)


def test_equals_torchvision_with_the_same_box() -> None:
    images, targets, rolled = batch()
    labels = targets.argmax(1)
    torch.manual_seed(0)
    transform = v2.CutMix(alpha=1.0, num_classes=4)
    want, soft = transform(images, labels)
    changed = (want != images).any(1)[0]  # the box that it drew, the same for all pictures
    rows, columns = changed.any(1).nonzero()[:, 0], changed.any(0).nonzero()[:, 0]
    box = torch.tensor([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]]).expand(6, 4)
    got, ours, _ = c.cutmix(images, targets, box, rolled)
    assert torch.equal(got, want)
    torch.testing.assert_close(ours, soft, rtol=0, atol=1e-6)


def test_no_box_and_a_full_one() -> None:
    images, targets, rolled = batch()
    none, labels, lam = c.cutmix(images, targets, torch.zeros(6, 4).long(), rolled)
    assert torch.equal(none, images) and torch.equal(labels, targets) and (lam == 1).all()
    whole = torch.tensor([[0, 0, 13, 9]]).expand(6, 4)
    full, labels, lam = c.cutmix(images, targets, whole, rolled)
    assert torch.equal(full, images[rolled]) and torch.equal(labels, targets[rolled]) and (lam == 0).all()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_types_devices_and_a_batch_of_one(device: str, dtype: torch.dtype) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA")
    images, targets, _ = batch(1)
    got = c.random_cutmix(
        images.to(device, dtype), targets.to(device, dtype), 1.0, torch.Generator().manual_seed(0)
    )
    assert got[0].dtype == dtype and got[0].device.type == device
    torch.testing.assert_close(got[0].cpu(), images.to(dtype))  # the only partner is itself


def test_lambda_may_be_one_number_and_alpha_zero() -> None:
    images, targets, _ = batch()
    centre = torch.tensor([[3, 4], [0, 0], [12, 8]])
    each = c.cut_boxes(torch.full((3,), 0.6), centre, (9, 13))
    assert torch.equal(c.cut_boxes(0.6, centre, (9, 13)), each)
    assert torch.equal(c.cut_boxes(torch.tensor(0.6), centre.int(), (9, 13)).long(), each)
    mixed, soft, lam, boxes = c.random_cutmix(images, targets, 0.0, torch.Generator())
    assert torch.equal(mixed, images) and torch.equal(soft, targets) and (lam == 1).all()
    assert torch.equal(boxes[:, :2], boxes[:, 2:])


IMAGES, TARGETS, ROLLED = batch()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: c.cutmix(IMAGES, TARGETS, torch.tensor([[0, 0, 14, 2]]).expand(6, 4), ROLLED),
            "each within",
        ),
        (lambda: c.cutmix(IMAGES, TARGETS, torch.tensor([[5, 0, 3, 2]]).expand(6, 4), ROLLED), "x2 < x1"),
        (
            lambda: c.cutmix(IMAGES, TARGETS, torch.tensor([[-1, 0, 3, 2]]).expand(6, 4), ROLLED),
            "each within",
        ),
        (
            lambda: c.cutmix(IMAGES, TARGETS, torch.zeros(2, 4).long(), ROLLED),
            r"boxes: got torch.int64 \(2, 4\), want integers \(6, 4\)",
        ),
        (lambda: c.cutmix(IMAGES, TARGETS.argmax(1), torch.zeros(6, 4).long(), ROLLED), "use one_hot"),
        (lambda: c.cutmix(IMAGES[0], TARGETS, torch.zeros(6, 4).long(), ROLLED), "for one image use"),
        (lambda: c.cut_boxes(torch.tensor([1.5]), torch.zeros(1, 2).long(), (4, 4)), r"in \[0, 1\]"),
        (lambda: c.cut_boxes(torch.rand(2), torch.zeros(1, 2).long(), (4, 4)), r"lam: got \(2,\) .*\(1,\)"),
        (lambda: c.cut_boxes(0.5, torch.zeros(1, 2), (4, 4)), "centre: got torch.float32"),
        (lambda: c.cut_boxes(0.5, torch.zeros(2).long(), (4, 4)), r"centre: got torch.int64 \(2,\)"),
        (lambda: c.cut_boxes(0.5, torch.tensor([[5, 0]]), (8, 4)), r"up to \[5, 0\], want x, y within 4 × 8"),
        (lambda: c.cut_boxes(0.5, torch.tensor([[-1, 0]]), (8, 4)), "centre: got"),
        (lambda: c.cut_boxes(0.5, torch.zeros(1, 2).long(), (-8, -8)), "size, height: got -8"),
        (lambda: c.cut_boxes(0.5, torch.zeros(1, 2).long(), 8), "size: got 8"),
        (lambda: c.kept_share(torch.tensor([[5, 0, 3, 2]]), (8, 8)), "x2 < x1"),
        (lambda: c.kept_share(torch.tensor([[0, 0, 9, 2]]), (8, 8)), "leaves the picture"),
        (lambda: c.kept_share(torch.tensor([0, 0, 3, 2]), (8, 8)), r"boxes: got torch.int64 \(4,\)"),
        (lambda: c.cutmix(IMAGES, TARGETS, torch.full((6, 4), 4.5), ROLLED), "want integers"),
        (lambda: c.cutmix(IMAGES, TARGETS, torch.zeros(6, 4).long(), ROLLED[:1]), "partner: got"),
        (lambda: c.cutmix(IMAGES, TARGETS, torch.zeros(6, 4).long(), ROLLED - 1), "want int64 from 0 to 5"),
        (lambda: c.random_cutmix(IMAGES, TARGETS, float("inf"), torch.Generator()), "alpha: got inf"),
        (lambda: c.random_cutmix(IMAGES[0], TARGETS, 1.0, torch.Generator()), "for one image use"),
        (lambda: c.random_cutmix(IMAGES, TARGETS, -1.0, torch.Generator()), "alpha: got -1.0"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
