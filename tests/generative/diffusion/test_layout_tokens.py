"""Box tokens against GLIGEN's in diffusers; sentences and boxes as one context."""

import pytest
import torch

from lecture_utils.generative.diffusion import layout
from lecture_utils.generative.diffusion.layout import BoxTokens, fourier_features
from lecture_utils.generative.diffusion.prompt import Prompt
from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from tests.mutants import planted
from tests.parity import parity_gap

pytestmark = pytest.mark.system("S16.3")
START, END, PAD, LENGTH, WIDTH, CLASSES = 10, 11, 12, 6, 8, 3
BOXES = torch.tensor(
    [[[0.1, 0.2, 0.5, 0.7], [0.0, 0.0, 1.0, 1.0]], [[0.3, 0.3, 0.4, 0.9], [0.6, 0.1, 0.9, 0.2]]]
)
THERE = torch.tensor([[0, 2], [1, -1]])
EMPTY = torch.tensor([START, END, PAD, PAD, PAD, PAD])
IDS = torch.tensor([[START, 3, 4, END, PAD, PAD], [START, 3, 5, 6, END, PAD]])


def gligen_gap(module):
    """How far a module's box tokens are from GLIGEN's with the same weights."""
    library = pytest.importorskip("diffusers.models.embeddings")
    torch.manual_seed(0)
    ours = module.BoxTokens(CLASSES, 5, hidden=512, frequencies=4)
    theirs = library.GLIGENTextBoundingboxProjection(512, 5, fourier_freqs=4)
    with torch.no_grad():
        for null in (ours.null_class, ours.null_place):
            null.normal_()
        theirs.null_positive_feature.copy_(ours.null_class)
        theirs.null_position_feature.copy_(ours.null_place)
        theirs.linears.load_state_dict(ours.mlp.state_dict())
        phrases = ours.table.weight[THERE.clamp(min=0)]
        want = theirs(BOXES, (THERE >= 0).float(), phrases)
        return parity_gap(ours(BOXES, THERE), want), want


def test_box_tokens_are_those_of_gligen():
    gap, want = gligen_gap(layout)
    assert gap < 1e-5
    moved = [parity_gap(want[i, j], want[0, 0]) for i, j in ((0, 1), (1, 0), (1, 1))]
    assert min(moved) > 1e-2, "different boxes have different tokens"


@pytest.mark.parametrize(
    "fault",
    [
        ("torch.arange(frequencies, device=boxes.device) / frequencies",
         "torch.arange(frequencies, device=boxes.device) / (frequencies - 1)"),
        ("permute(0, 1, 3, 4, 2)", "permute(0, 1, 2, 3, 4)"),
        ("[angle.sin(), angle.cos()]", "[angle.cos(), angle.sin()]"),
        ("torch.where(there, self.table(class_id.clamp(min=0)), self.null_class)",
         "self.table(class_id.clamp(min=0))"),
        ("torch.where(there, fourier_features(boxes, self.frequencies), self.null_place)",
         "fourier_features(boxes, self.frequencies)"),
        ("[what, place]", "[place, what]"),
    ],
)  # fmt: skip
def test_a_fault_in_box_tokens_is_seen(fault):
    try:
        gap = gligen_gap(planted(layout.__name__, fault))[0]
    except RuntimeError:  # widths no longer fit
        return
    assert gap > 1e-3


def test_fourier_features_by_hand():
    got = fourier_features(torch.tensor([[[0.0, 0.25, 0.5, 1.0]]]), 2, base=4.0)[0, 0]
    x = torch.tensor([0.0, 0.25, 0.5, 1.0])
    want = torch.cat([x.sin(), x.cos(), (2 * x).sin(), (2 * x).cos()])  # frequencies 4^0 and 4^(1/2)
    torch.testing.assert_close(got, want)


def test_where_there_is_no_box_its_corners_do_not_count():
    tokens = BoxTokens(CLASSES, 5)
    others = BOXES.clone()
    others[1, 1] = torch.tensor([0.0, 0.0, 0.1, 0.1])
    assert torch.equal(tokens(BOXES, THERE), tokens(others, THERE))


@pytest.mark.parametrize(
    ("boxes", "class_id", "told"),
    [
        (BOXES, THERE + 1, "class_id: got 0 to 3, want 0 to 2"),
        (BOXES, THERE - 1, "class_id: got -2"),
        (BOXES.flip(-1), THERE, "x2 < x1"),
        (BOXES[:, :1], THERE, "boxes: got"),
    ],
)
def test_what_is_no_layout_is_refused(boxes, class_id, told):
    with pytest.raises(ValueError, match=told):
        BoxTokens(CLASSES, 5)(boxes, class_id)


def prompt(*, boxes=True):
    torch.manual_seed(0)
    text = TextEncoder(vocabulary=13, length=LENGTH, end=END, width=WIDTH, heads=2, layers=1, out=5)
    return Prompt(text, EMPTY, BoxTokens(CLASSES, WIDTH) if boxes else None, places=2)


def test_the_context_is_the_sentences_tokens_then_the_boxes():
    model = prompt()
    context = model(IDS, BOXES, THERE)
    assert context.shape == (2, LENGTH + 2, WIDTH)
    torch.testing.assert_close(context[:, :LENGTH], model.text.norm(model.text.tokens(IDS)))
    torch.testing.assert_close(context[:, LENGTH:], model.boxes(BOXES, THERE))
    assert prompt(boxes=False)(IDS).shape == (2, LENGTH, WIDTH)


def test_what_is_dropped_is_the_empty_sentence_without_boxes():
    model = prompt()
    context = model(IDS, BOXES, THERE, torch.tensor([False, True]))
    nothing = model(EMPTY[None].expand(2, -1), BOXES, torch.full_like(THERE, -1))
    torch.testing.assert_close(context[1], nothing[0])
    torch.testing.assert_close(context[1], model.null())
    torch.testing.assert_close(context[0], model(IDS, BOXES, THERE)[0])
    assert parity_gap(context[0], context[1]) > 0.1, "something told is not nothing told"


def test_boxes_that_are_not_given_are_boxes_that_are_not_there():
    model = prompt()
    torch.testing.assert_close(model(IDS), model(IDS, BOXES, torch.full_like(THERE, -1)))


def test_the_text_encoder_is_frozen_and_box_tokens_are_not():
    model = prompt()
    model(IDS, BOXES, THERE).square().sum().backward()
    assert all(p.grad is None for p in model.text.parameters())
    assert all(p.grad is not None for p in model.boxes.parameters())


def test_a_box_tells_where_by_its_gradient_alone():
    model = prompt()
    boxes = BOXES.clone().requires_grad_()
    model(IDS, boxes, THERE)[0].square().sum().backward()
    assert boxes.grad is not None
    assert bool((boxes.grad[0] != 0).all()) and bool((boxes.grad[1] == 0).all())


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ((IDS[:, :5],), "ids: got"),
        ((IDS + 1,), "ids: got"),
        ((IDS, BOXES), "want both or neither"),
        ((IDS, BOXES[:, :1], THERE[:, :1]), "class_id: got"),
        ((IDS, BOXES[:1], THERE[:1]), "class_id: got"),
    ],
)
def test_what_does_not_fit_a_prompt_is_refused(told, message):
    with pytest.raises(ValueError, match=message):
        prompt()(*told)


def test_boxes_need_box_tokens_of_the_sentences_width():
    with pytest.raises(ValueError, match="without box tokens"):
        prompt(boxes=False)(IDS, BOXES, THERE)
    with pytest.raises(ValueError, match="want 8"):
        Prompt(prompt().text, EMPTY, BoxTokens(CLASSES, WIDTH + 1))
