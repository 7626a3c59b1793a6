"""Region proposal network against torchvision's: head, filtering, losses, each with planted faults."""

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import rpn as tv
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from lecture_utils.detection import rpn
from lecture_utils.detection.anchors import Anchors
from tests.detection.cases import IMAGE, PICTURES, as_dicts, draw_weights, maps, renamed, truth
from tests.mutants import planted

pytestmark = pytest.mark.system("S07.7")
SIZES, CHANNELS = ((12,), (24,), (48,)), 6


def pair(module: object, **settings: object) -> tuple[nn.Module, nn.Module]:
    """Our RPN and torchvision's on three maps, in double precision, with one set of lively weights."""
    keep = {"keep": (30, 25), "keep_training": (40, 35)}
    ours = module.RPN(CHANNELS, Anchors(SIZES, offset=0.0), **{**keep, **settings}).double()
    theirs = tv.RegionProposalNetwork(
        AnchorGenerator(SIZES, ((0.5, 1.0, 2.0),) * 3),
        tv.RPNHead(CHANNELS, 3),
        fg_iou_thresh=ours.high,
        bg_iou_thresh=ours.low,
        batch_size_per_image=ours.number,
        positive_fraction=ours.positive_share,
        pre_nms_top_n={"training": ours.keep_training[0], "testing": ours.keep[0]},
        post_nms_top_n={"training": ours.keep_training[1], "testing": ours.keep[1]},
        nms_thresh=ours.nms_threshold,
    ).double()
    draw_weights(ours, 0.3)
    names = {"conv": "conv.0.0", "objectness": "cls_logits", "deltas": "bbox_pred"}
    theirs.head.load_state_dict(renamed(ours.head, names))
    return ours, theirs


def pictures() -> ImageList:
    return ImageList(torch.zeros(2, 3, *IMAGE), PICTURES)


def compare_proposals(module: object) -> None:
    ours, theirs = pair(module, nms_threshold=0.3)
    features = maps(CHANNELS)
    filtered, seen = theirs.filter_proposals, []
    theirs.filter_proposals = lambda *inputs: seen.append(filtered(*inputs)) or seen[0]
    theirs.eval()(pictures(), {str(k): x for k, x in enumerate(features)})
    ((boxes, scores),) = seen
    got = ours(features, IMAGE, PICTURES)
    assert [len(some) for some in boxes] == [25, 25]
    for (box, score), want_box, want_score in zip(got, boxes, scores, strict=True):
        torch.testing.assert_close(box, want_box)
        torch.testing.assert_close(score, want_score)


def compare_losses(module: object, targets: list[tuple[Tensor, Tensor]], **settings: object) -> None:
    """Values and gradients; both draw from the global generator, in the same order."""
    ours, theirs = pair(module, **settings)
    torch.manual_seed(3)
    boxes, want = theirs.train()(
        pictures(), {str(k): x for k, x in enumerate(maps(CHANNELS))}, as_dicts(targets)
    )
    torch.manual_seed(3)
    proposals, got = ours.losses(maps(CHANNELS), IMAGE, targets, PICTURES)
    for box, want_box in zip(proposals, boxes, strict=True):
        torch.testing.assert_close(box, want_box)
    torch.testing.assert_close(got["objectness"], want["loss_objectness"], check_dtype=False)
    torch.testing.assert_close(got["rpn_box"], want["loss_rpn_box_reg"], check_dtype=False)
    assert want["loss_rpn_box_reg"].item() > 1e-3 or not any(len(boxes) for boxes, _ in targets)
    sum(got.values()).backward(), sum(want.values()).backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_head_gives_a_logit_and_four_offsets_for_every_anchor_in_its_order():
    ours, theirs = pair(rpn)
    logits, offsets = ours.head(maps(CHANNELS))
    want = tv.concat_box_prediction_layers(*theirs.head(maps(CHANNELS)))
    torch.testing.assert_close(torch.cat(logits, 1).flatten()[:, None], want[0])
    torch.testing.assert_close(torch.cat(offsets, 1).flatten(0, 1), want[1])


def test_proposals_equal_torchvision():
    compare_proposals(rpn)


@pytest.mark.parametrize("number", [16, 100_000])  # drawn; all anchors
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_losses_equal_torchvision(number, share):
    compare_losses(rpn, truth(), number=number, positive_share=share)


def test_losses_equal_torchvision_where_a_picture_is_empty():
    nothing = (torch.zeros(0, 4, dtype=torch.float64), torch.zeros(0, dtype=torch.long))
    compare_losses(rpn, [truth()[0], nothing], number=16)
    compare_losses(rpn, [nothing, nothing], number=16)


@pytest.mark.parametrize(
    "fault",
    [
        ("F.relu(self.conv(x))", "self.conv(x)"),
        ("offsets.permute(0, 3, 4, 1, 2)", "offsets.permute(0, 1, 3, 4, 2)"),
        (".clamp(min=0).minimum(border[:, None])", ""),
        ("level[some], nms_threshold", "0 * level[some], nms_threshold"),
        ("nms_threshold)[:after]", "nms_threshold)[-after:]"),
        ("first + own.topk", "own.topk"),
    ],
)
def test_the_comparison_of_proposals_sees(fault):
    with pytest.raises(AssertionError):
        compare_proposals(planted("lecture_utils.detection.rpn", fault))


@pytest.mark.parametrize(
    "fault",
    [
        ("beta=1 / 9", "beta=1.0"),
        ('reduction="sum")', 'reduction="mean")'),
        ("masked_fill(match == BETWEEN, BACKGROUND)", "masked_fill(match == BETWEEN, 0)"),
        ("allow_low_quality=True", "allow_low_quality=False"),
        ("(anchors)[match[positive]])", "(anchors)[match[positive] * 0])"),
        ("deltas, dim=1).detach()", "deltas, dim=1).detach() * 0.9"),
    ],
)
def test_the_comparison_of_losses_sees(fault):
    with pytest.raises(AssertionError):
        compare_losses(planted("lecture_utils.detection.rpn", fault), truth(), number=100_000)


def test_no_gradient_flows_into_proposals():
    ours, _ = pair(rpn)
    assert not any(
        boxes.requires_grad or scores.requires_grad for boxes, scores in ours(maps(CHANNELS), IMAGE)
    )


def test_one_batch_is_learned():
    """On one map the net learns to propose just the boxes of two pictures."""
    torch.manual_seed(0)
    model = rpn.RPN(32, Anchors(((12, 24, 40),)), number=64, keep=(100, 10), keep_training=(50, 10))
    features, targets = [torch.randn(2, 32, 8, 12)], [(boxes.float(), labels) for boxes, labels in truth()]
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(50):
        optimizer.zero_grad()
        loss = sum(model.losses(features, IMAGE, targets)[1].values())
        loss.backward()
        optimizer.step()
    assert loss < 0.1
    for (boxes, _), (want, _) in zip(model(features, IMAGE), targets, strict=True):
        assert rpn.box_iou(want, boxes).amax(1).min() > 0.7


def test_odd_maps_a_batch_of_one_and_few_anchors():
    model = rpn.RPN(4, Anchors(((8,),), ratios=(1.0,)))
    (boxes, scores), = model([torch.rand(1, 4, 1, 3)], (5, 13))  # fmt: skip
    assert boxes.shape[1:] == (4,) and len(boxes) == len(scores) <= 3
    assert boxes[:, 2].max() <= 13 and boxes[:, 3].max() <= 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rpn.RPNHead(0, 3), "channels"),
        (lambda: rpn.RPN(4, Anchors(SIZES), high=0.2), "high"),
        (lambda: rpn.RPN(4, Anchors(SIZES), keep=(10, 0)), "keep"),
        (lambda: rpn.RPN(CHANNELS, Anchors(SIZES))([torch.rand(1, CHANNELS, 4, 4)], IMAGE), "want 3"),
        (lambda: pair(rpn)[0](maps(CHANNELS), IMAGE, [(64, 96)]), "sizes"),
        (lambda: pair(rpn)[0].losses(maps(CHANNELS), IMAGE, truth()[:1]), "got 1, want 2 pairs"),
        (
            lambda: pair(rpn)[0].losses(
                maps(CHANNELS), IMAGE, [truth()[0], (torch.ones(1, 4), torch.zeros(1).long())]
            ),
            "width or height 0",
        ),
        (
            lambda: rpn.filter_proposals(
                torch.rand(1, 5, 4), torch.rand(1, 5), [2, 2], [(8, 8)], before=3, after=2
            ),
            "add up to 5",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
