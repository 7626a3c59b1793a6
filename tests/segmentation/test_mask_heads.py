"""The mask branch: head, targets and loss against torchvision's, and classes that do not compete."""

import pytest
import torch
from torchvision.models.detection import mask_rcnn as tv_mask
from torchvision.models.detection import roi_heads as tv

from lecture_utils.segmentation import mask_heads
from lecture_utils.segmentation.paste import paste_masks
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S09.2")
K, M = 4, 12


def pictures() -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Of two pictures: masks (G, H, W), regions (R, 4), and the object (R,) that each shows."""
    made = torch.Generator().manual_seed(0)
    out = []
    for g, r, size in ((3, 9, (40, 57)), (2, 5, (33, 30))):
        masks = torch.nn.functional.avg_pool2d(torch.randn(g, *size, generator=made), 7, 1, 3) > 0
        near = torch.rand(r, 4, generator=made, dtype=torch.float64) * 26
        regions = torch.stack([near[:, 0], near[:, 1], near[:, 0] + near[:, 2], near[:, 1] + near[:, 3]], 1)
        regions[0] = torch.tensor([-3.0, -2, size[1] + 4, size[0] + 5])  # beyond the picture
        regions[1, 2:] = regions[1, :2] + 0.4  # less than a pixel
        out.append((masks, regions, torch.arange(r) % g))
    return out


def theirs(logits, labels, cases):
    """torchvision's loss, whose classes start at background."""
    return tv.maskrcnn_loss(
        logits, [regions for _, regions, _ in cases], [masks for masks, _, _ in cases],
        [labels + 1] * len(cases), [shown for _, _, shown in cases],
    )  # fmt: skip


def compare(module):
    """Loss and slopes against torchvision's, whose masks have one for background."""
    cases, labels = pictures(), torch.tensor([2, 0, 3])
    made = torch.Generator().manual_seed(1)
    full = (3 * torch.randn(14, K + 1, M, M, generator=made, dtype=torch.float64)).requires_grad_()
    want = theirs(full, labels, cases)
    (want_slope,) = torch.autograd.grad(want, full)
    own = full.detach()[:, 1:].requires_grad_()
    wanted = torch.cat(
        [module.mask_targets(m[shown], regions, M, aligned=False) for m, regions, shown in cases]
    )
    got = module.mask_loss(own, torch.cat([labels[shown] for _, _, shown in cases]), wanted)
    (slope,) = torch.autograd.grad(got, own)
    torch.testing.assert_close(got, want, rtol=1e-10, atol=0)
    torch.testing.assert_close(slope, want_slope[:, 1:], rtol=1e-9, atol=1e-15)
    return cases


def test_the_loss_equals_torchvision_s():
    cases = compare(mask_heads)
    logits = torch.zeros(14, K + 1, M, M, dtype=torch.float64)
    flipped = [(~masks, regions, shown) for masks, regions, shown in cases]
    logits[:, 3, :6] = 2.0
    one, other = (theirs(logits, torch.tensor([2, 2, 2]), some) for some in (cases, flipped))
    assert (one - other).abs() > 1e-2  # the masks count


FAULTS = [
    ("labels.long()]", "labels.long() * 0]"),
    ("side, height, 0, aligned)", "side, height, 0, True)"),
    ("side, width, 0, aligned)", "side, width, 2, aligned)"),
    ("(0.5 if aligned else 0)", "0.5"),
    ("rows @ mask.to(boxes) @ columns.mT", "(rows @ mask.to(boxes) @ columns.mT).round()"),
    ("(own, wanted.to(own))", '(own, wanted.to(own), reduction="sum") / len(own)'),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[wrong for _, wrong in FAULTS])
def test_the_comparison_sees(fault):
    with pytest.raises(AssertionError):
        compare(planted("lecture_utils.segmentation.mask_heads", fault))


def test_targets_equal_torchvision_s():
    for masks, regions, shown in pictures():
        want = tv.project_masks_on_boxes(masks, regions, shown, M)
        got = mask_heads.mask_targets(masks[shown], regions, M, aligned=False)
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)
        assert got.min() >= 0 and got.max() <= 1 and got.std() > 0.3


def test_an_aligned_target_lies_where_its_object_does():
    """A block of pixels 8 to 15, in a region that begins at 4: half of the mask, not half a pixel less."""
    block = torch.zeros(1, 40, 40, dtype=torch.bool)
    block[0, 8:16, 8:16] = True
    region = torch.tensor([[4.0, 4.0, 20.0, 20.0]])
    want = torch.zeros(16, 16)
    want[4:12, 4:12] = 1
    assert torch.equal((mask_heads.mask_targets(block, region, 16)[0] >= 0.5).float(), want)
    shifted = mask_heads.mask_targets(block, region, 16, aligned=False)[0]
    assert shifted[4:12, 4:12].mean() < 0.96 and shifted[3, 4:12].mean() > 0.3, "to the upper left"


def test_many_targets_are_cut_in_portions(monkeypatch):
    masks, regions, shown = pictures()[0]
    want = mask_heads.mask_targets(masks[shown], regions, M)
    monkeypatch.setattr(mask_heads, "CHUNK", 2 * 57**2)
    torch.testing.assert_close(mask_heads.mask_targets(masks[shown], regions, M), want)


def test_a_mask_comes_back_as_it_was():
    """Cut out by a box and pasted there again; as in torchvision, it comes back moved and widened."""
    made = torch.Generator().manual_seed(0)
    masks = torch.nn.functional.avg_pool2d(torch.randn(2, 40, 57, generator=made), 7, 1, 3) > 0
    boxes = torch.tensor([[10.0, 4, 38, 32], [20, 9, 48, 37]], dtype=torch.float64)  # of 28 × 28 pixels
    inside = [torch.zeros(40, 57, dtype=torch.bool) for _ in boxes]
    for own, (x1, y1, x2, y2) in zip(inside, boxes.long().tolist(), strict=True):
        own[y1:y2, x1:x2] = True
    want = masks & torch.stack(inside)
    exact, theirs = (
        paste_masks(mask_heads.mask_targets(masks, boxes, 28, aligned=not r), boxes, (40, 57), rounded=r)
        >= 0.5
        for r in (False, True)
    )
    assert torch.equal(exact, want)
    assert ((theirs & want).sum() / (theirs | want).sum()) < 0.95


def head() -> mask_heads.MaskHead:
    torch.manual_seed(0)
    return mask_heads.MaskHead(6, hidden=8, classes=K, layers=2).double()


def theirs_of(ours: mask_heads.MaskHead) -> torch.nn.Module:
    """torchvision's two parts with the weights of ours."""
    body, last = tv_mask.MaskRCNNHeads(6, (8, 8), 1), tv_mask.MaskRCNNPredictor(8, 8, K)
    for i, conv in enumerate(ours.convs):
        body[i][0].load_state_dict(conv.state_dict())
    last.conv5_mask.load_state_dict(ours.doubling.state_dict())
    last.mask_fcn_logits.load_state_dict(ours.last.state_dict())
    return torch.nn.Sequential(body, last).double()


def test_the_head_equals_torchvision_s():
    ours, made = head(), torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 3, 6, 7, 7, generator=made, dtype=torch.float64)
    liven(ours, a, b, tolerance=1e-8)
    assert_parity(ours, theirs_of(ours), a, b, tolerance=1e-8)
    assert ours(a).shape == (3, K, 14, 14)


def test_other_classes_masks_play_no_part():
    """Section 3: masks do not compete. A softmax over classes would push all the others down."""
    logits = torch.randn(5, K, M, M, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 3, 1])
    mask_heads.mask_loss(logits, labels, (torch.rand(5, M, M) > 0.5).float()).backward()
    own = torch.zeros(5, K, dtype=torch.bool)
    own[range(5), labels] = True
    assert not logits.grad[~own].any() and logits.grad[own].abs().min() > 0


def test_the_classification_picks_the_mask():
    logits, labels = torch.randn(3, K, M, M), torch.tensor([2, 0, 2])
    got = mask_heads.select_masks(logits, labels)
    for i, label in enumerate(labels):
        torch.testing.assert_close(got[i], logits[i, label].sigmoid())


def test_without_a_region_the_loss_is_zero_and_has_slopes():
    model = head()
    logits = model(torch.zeros(0, 6, 7, 7, dtype=torch.float64))
    none = mask_heads.mask_targets(torch.zeros(0, 9, 9, dtype=torch.bool), torch.zeros(0, 4), 14)
    loss = mask_heads.mask_loss(logits, torch.zeros(0, dtype=torch.long), none)
    loss.backward()
    assert loss == 0 and all(p.grad is not None and not p.grad.any() for p in model.parameters())


def test_a_region_s_object_is_found_by_its_true_box():
    boxes = torch.tensor([[0.0, 0, 9, 9], [3, 3, 7, 8], [3, 3, 7, 8], [0, 0, 9, 9]])
    classes = torch.tensor([1, 0, 2, 1])  # 1 and 2 have one box, 0 and 3 box and class
    found = mask_heads.find_objects(boxes[[2, 1, 3, 0]], classes[[2, 1, 3, 0]], boxes, classes)
    assert found.tolist() == [2, 1, 0, 0]
    assert mask_heads.find_objects(boxes[:0], classes[:0], boxes[:0], classes[:0]).shape == (0,)
    with pytest.raises(ValueError, match="none of the 4 boxes"):
        mask_heads.find_objects(boxes[:1] + 0.1, classes[:1], boxes, classes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mask_heads.MaskHead(6, hidden=0, classes=3), "hidden 0"),
        (lambda: head()(torch.zeros(2, 5, 7, 7, dtype=torch.float64)), "R, 6, P, Q"),
        (lambda: mask_heads.mask_targets(torch.zeros(1, 9, 9), torch.ones(1, 4), 7), "bool"),
        (lambda: mask_heads.mask_targets(torch.zeros(2, 9, 9) > 0, torch.ones(1, 4), 7), "2, 4"),
        (lambda: mask_heads.mask_loss(torch.zeros(1, 3, 4, 4), torch.tensor([3]), torch.zeros(1, 4, 4)), "2"),
        (
            lambda: mask_heads.mask_loss(
                torch.zeros(1, 3, 4, 4), torch.tensor([2]), torch.full((1, 4, 4), 255.0)
            ),
            r"\[0, 1\]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
