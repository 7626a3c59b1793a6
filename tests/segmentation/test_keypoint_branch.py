"""The keypoint branch: head, loss and decoding against torchvision's, with planted faults."""

import pytest
import torch
from torchvision.models.detection import keypoint_rcnn as tv_keypoint
from torchvision.models.detection import roi_heads as tv

from lecture_utils.segmentation import keypoint_branch
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S09.2")
N, M = 5, 12


def case(regions: int = 9) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, boxes of all sizes, and points: inside, outside, unseen, and on the edges."""
    made = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(regions, N, M, M, generator=made, dtype=torch.float64)
    start = 20 * torch.rand(regions, 2, generator=made, dtype=torch.float64)
    side = 0.4 + 30 * torch.rand(regions, 2, generator=made, dtype=torch.float64)
    boxes = torch.cat([start, start + side], dim=1)
    share = 1.2 * torch.rand(regions, N, 2, generator=made, dtype=torch.float64) - 0.1
    points = boxes[:, None, :2] + share * side[:, None]
    points[0, 0], points[0, 1], points[1, 0] = boxes[0, :2], boxes[0, 2:], boxes[1, [2, 1]]
    seen = torch.rand(regions, N, 1, generator=made, dtype=torch.float64) < 0.7
    seen[:2] = True
    return logits, boxes, torch.cat([points, seen.double()], dim=2)


def compare_losses(module):
    logits, boxes, points = case()
    a, b = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    want = tv.keypointrcnn_loss(a, [boxes], [points], [torch.arange(len(boxes))])
    got = module.keypoint_loss(b, points, boxes)
    torch.testing.assert_close(got, want, rtol=1e-10, atol=0)
    for one, other in zip(torch.autograd.grad(got, b), torch.autograd.grad(want, a), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-15)


def compare_found(module):
    logits, boxes, _ = case()
    boxes[3, 2:] = boxes[3, :2] + 0.2
    want, scores = tv.heatmaps_to_keypoints(logits, boxes)
    got = module.keypoints_from_heatmaps(logits, boxes)
    assert (got[..., :2] - want[..., :2]).abs().max() < 1e-5  # torchvision keeps them in single precision
    assert (got[..., 2] - scores).abs().max() < 1e-5


def test_the_loss_equals_torchvision_s():
    compare_losses(keypoint_branch)
    logits, boxes, points = case()
    one, other = (keypoint_branch.keypoint_loss(x, points, boxes) for x in (logits, logits.flip(-1)))
    assert (one - other).abs() > 0.1


def test_places_equal_torchvision_s():
    _, boxes, points = case()
    want, counts = tv.keypoints_to_heatmap(points, boxes, M)
    got, ours = keypoint_branch.keypoint_places(points, boxes, M)
    assert torch.equal(got, want) and torch.equal(ours, counts.bool())
    assert 0 < counts.sum() < counts.numel() and got[0, 1] == M * M - 1


def test_decoding_equals_torchvision_s():
    compare_found(keypoint_branch)


FAULTS = [
    (compare_losses, "place.masked_fill(keypoints[..., :2] == far, side - 1)", "place"),
    (compare_losses, "(place >= 0) & (place < side)", "place == place.clamp(0, 2 * side)"),
    (compare_losses, "& (keypoints[..., 2] > 0)", ""),
    (compare_losses, "place[..., 1] * side + place[..., 0]", "place[..., 0] * side + place[..., 1]"),
    (compare_found, 'mode="bicubic"', 'mode="bilinear"'),
    (compare_found, "dim=1) + 0.5", "dim=1)"),
    (compare_found, "place % width, place // width", "place // width, place % width"),
    (compare_found, "at * (sides[i] / pixels[i])", "at"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[wrong or right for _, right, wrong in FAULTS])
def test_the_comparison_sees(fault):
    compare, *texts = fault
    with pytest.raises((AssertionError, IndexError)):
        compare(planted("lecture_utils.segmentation.keypoint_branch", tuple(texts)))


def head() -> keypoint_branch.KeypointHead:
    torch.manual_seed(0)
    return keypoint_branch.KeypointHead(6, hidden=8, points=N, layers=2).double()


def theirs_of(ours: keypoint_branch.KeypointHead) -> torch.nn.Module:
    """torchvision's two parts with the weights of ours."""
    body, last = tv_keypoint.KeypointRCNNHeads(6, (8, 8)), tv_keypoint.KeypointRCNNPredictor(8, N)
    for i, conv in enumerate(ours.convs):
        body[2 * i].load_state_dict(conv.state_dict())
    last.kps_score_lowres.load_state_dict(ours.doubling.state_dict())
    return torch.nn.Sequential(body, last).double()


def test_the_head_equals_torchvision_s():
    ours, made = head(), torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 3, 6, 7, 7, generator=made, dtype=torch.float64)
    liven(ours, a, b, tolerance=1e-8)
    assert_parity(ours, theirs_of(ours), a, b, tolerance=1e-8)
    assert ours(a).shape == (3, N, 28, 28)


def test_a_point_comes_back_within_a_place():
    """There and back: the one-hot target, as a map, is decoded to the point that it was made from."""
    _, boxes, points = case()
    places, counts = keypoint_branch.keypoint_places(points, boxes, M)
    maps = torch.nn.functional.one_hot(places, M * M).double().unflatten(2, (M, M))
    found = keypoint_branch.keypoints_from_heatmaps(maps, boxes)
    place = (boxes[:, 2:] - boxes[:, :2])[:, None] / M  # its size in pixels
    off = (found[..., :2] - points[..., :2]).abs() / (place / 2 + 1)
    counts &= (place > 1).all(-1)  # a smaller box's map is sampled too thinly to meet a single place
    assert counts.sum() > 9 and off[counts].max() < 1


def test_without_regions_or_seen_points_the_loss_is_zero_and_has_slopes():
    model = head()
    for regions in (0, 2):
        model.zero_grad()
        logits = model(torch.zeros(regions, 6, 7, 7, dtype=torch.float64))
        boxes = torch.tensor([[0.0, 0, 5, 5]]).double().expand(regions, 4)
        loss = keypoint_branch.keypoint_loss(logits, boxes.new_zeros(regions, N, 3), boxes)
        loss.backward()
        assert loss == 0 and all(p.grad is not None and not p.grad.any() for p in model.parameters())
    assert keypoint_branch.keypoints_from_heatmaps(logits[:0], boxes[:0]).shape == (0, N, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: keypoint_branch.KeypointHead(6, hidden=4, points=0), "points 0"),
        (lambda: head()(torch.zeros(6, 7, 7, dtype=torch.float64)), "R, 6, P, Q"),
        (lambda: keypoint_branch.keypoint_places(torch.zeros(1, 2, 2), torch.ones(1, 4), 7), "N, 3"),
        (lambda: keypoint_branch.keypoint_places(torch.zeros(1, 2, 3), torch.ones(1, 4), 7), "above 0"),
        (lambda: keypoint_branch.keypoints_from_heatmaps(torch.zeros(2, 1, 4, 4), torch.ones(1, 4)), "2, 4"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
