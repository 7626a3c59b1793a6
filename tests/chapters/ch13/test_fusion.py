"""Two senses fused late, and how C13.4 withholds one of them."""

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.chapters.ch13 import fusion, fusion_claims
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES

ITS = captioned(40, seed=1)
WORDS = fusion.Words(ITS.text)
TOLD = fusion_claims.Told.of(ITS, WORDS)


def small(seed: int = 0) -> fusion.LateFusion:
    torch.manual_seed(seed)
    return fusion.LateFusion(len(WORDS), dim=8).eval()


def test_words_are_numbered_and_unknown_ones_are_none() -> None:
    words = fusion.Words(["a red star", "a ball"])
    assert len(words) == 5
    assert words(["a star", "a blue ball ball"]).tolist() == [[1, 3, 0, 0], [1, 0, 4, 4]]


def test_words_that_are_missing_change_nothing() -> None:
    model = small()
    words = WORDS(["a photo of a red star"])
    longer = torch.cat([words, torch.zeros(1, 3, dtype=torch.int64)], dim=1)
    torch.testing.assert_close(model.reads(longer), model.reads(words))


def test_told_where_the_caption_names_the_class() -> None:
    for name, text, told in zip(TOLD.class_id, ITS.text, TOLD.told, strict=True):
        assert told == (f" {CLASSES[name]}" in f" {text}")
    assert 0 < TOLD.told.float().mean() < 1


def test_the_head_is_a_sum_over_the_senses() -> None:
    """Equation 2 of Peng et al.: W [a; b] + c = W_a a + W_b b + c."""
    model = small()
    seen, read = model.features((TOLD.images, TOLD.words))
    left, right = model.head.weight.split(8, dim=1)
    torch.testing.assert_close(
        model(TOLD.images, TOLD.words), seen @ left.T + read @ right.T + model.head.bias
    )


def test_losses_by_hand() -> None:
    model, senses = small(), (TOLD.images, TOLD.words)
    seen, read = model.features(senses)
    joint = F.cross_entropy(model(*senses), TOLD.class_id)
    look, say = (
        F.cross_entropy(head(x), TOLD.class_id) for head, x in zip(model.heads, (seen, read), strict=True)
    )
    for loss, want in (
        (fusion.joint_loss, joint),
        (fusion.picture_loss, look),
        (fusion.text_loss, say),
        (fusion.balanced_loss, joint + look + say),
    ):
        torch.testing.assert_close(loss(model, senses, TOLD.class_id), want)


@pytest.mark.parametrize(
    ("loss", "still"),
    [
        (fusion.joint_loss, "heads"),
        (fusion.picture_loss, "reads"),
        (fusion.text_loss, "looks"),
    ],
)
def test_a_loss_moves_only_what_it_uses(loss: fusion_claims.Loss, still: str) -> None:
    model = small()
    loss(model, (TOLD.images, TOLD.words), TOLD.class_id).backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert still not in moved and moved


def test_a_sense_that_the_head_ignores_costs_nothing_when_withheld() -> None:
    model = small()
    model.head.weight.data[:, 8:] = 0  # the text
    found = fusion_claims.with_and_without(model, TOLD, TOLD)
    assert found["without text"] == found["both"]
    model = small()
    model.head.weight.data[:, :8] = 0
    found = fusion_claims.with_and_without(model, TOLD, TOLD)
    assert found["without picture"] == found["both"]


def test_a_withheld_sense_says_the_same_of_every_picture() -> None:
    model = small()
    model.head.weight.data[:, 8:] = 0
    found = fusion_claims.with_and_without(model, TOLD, TOLD)
    counts = torch.bincount(TOLD.class_id, minlength=8) / len(TOLD.class_id)
    assert any(found["without picture"] == pytest.approx(share.item()) for share in counts)


def test_batches_are_the_same_for_every_arm_and_go_through_all() -> None:
    first, again = fusion_claims.batches(TOLD, 5), fusion_claims.batches(TOLD, 5)
    (images, words), label = next(first)
    (same, _), _ = next(again)
    assert images.equal(same) and len(label) == len(words) == 40
    assert label.sort().values.equal(TOLD.class_id.sort().values)
    assert not next(first)[1].equal(label)
