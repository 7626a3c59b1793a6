"""The shared encoder: what it gives, and how it is read."""

import pytest
import torch

from lecture_utils.selfsup.small_vit import (
    HEADS,
    SIZE,
    WIDTH,
    PooledClassifier,
    class_attention,
    features,
    pooled,
    small_vit,
)

pytestmark = pytest.mark.system("S03.2")


@pytest.mark.parametrize("size", [SIZE, 36, 18])
def test_pictures_of_every_crops_size(size: int) -> None:
    vit, x = small_vit().eval(), torch.rand(1, 3, size, size)
    assert vit(x).shape == (1, WIDTH)
    assert class_attention(vit, x).shape == (1, HEADS, (size // 6) ** 2)


def test_pools_are_the_class_token_and_the_mean_patch() -> None:
    vit, x = small_vit().eval(), torch.rand(5, 3, SIZE, SIZE)
    tokens = vit.tokens(x)
    torch.testing.assert_close(features(vit, x, "class", batch_size=2), tokens[:, 0])
    torch.testing.assert_close(features(vit, x, "mean", batch_size=2), tokens[:, 1:].mean(1))
    torch.testing.assert_close(features(vit, x), vit(x))


def test_grey_pictures_enter_as_zeros() -> None:
    vit = small_vit().eval()
    grey = vit.embed(torch.zeros(1, 3, SIZE, SIZE)) + vit.position[:, 1:]
    torch.testing.assert_close(vit.embed_tokens(torch.full((1, 3, SIZE, SIZE), 0.5))[:, 1:], grey)


def test_attention_of_the_class_token_sums_to_less_than_one() -> None:
    attention = class_attention(small_vit().eval(), torch.rand(2, 3, SIZE, SIZE))
    assert (attention >= 0).all() and (attention.sum(-1) < 1).all(), "its look at itself is left out"


def test_classifier_trains_encoder_and_head() -> None:
    model = PooledClassifier(small_vit(), 8)
    x = torch.rand(2, 3, SIZE, SIZE)
    torch.testing.assert_close(model(x), model.head(features(model.encoder, x, "mean").clone()))
    model(x).sum().backward()
    assert model.head.weight.grad is not None and model.encoder.embed.projection.weight.grad is not None


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match="'max'"):
        features(small_vit(), torch.rand(1, 3, SIZE, SIZE), "max")
    with pytest.raises(ValueError, match="'max'"):
        PooledClassifier(small_vit(), 4, "max")
    with pytest.raises(ValueError, match="classes: got 0"):
        small_vit(0)
    with pytest.raises(ValueError, match="classes: got -1"):
        PooledClassifier(small_vit(), -1)
    x = torch.rand(2, 3, SIZE, SIZE)
    for bad, message in ((x[:0], "length 0"), (x[0], "for one image"), ((x * 255).byte(), "divide 8-bit")):
        with pytest.raises(ValueError, match=message):
            features(small_vit(), bad)
    with pytest.raises(ValueError, match="batch_size: got 0"):
        features(small_vit(), x, batch_size=0)
    with pytest.raises(ValueError, match=r"tokens: got .*\(2, 4\)"):
        pooled(torch.rand(2, 4), "mean")
    with pytest.raises(ValueError, match="N ≥ 1"):
        pooled(torch.rand(2, 1, 4), "mean")


def test_what_it_says_can_be_trained_on() -> None:
    vit, x = small_vit(), torch.rand(2, 3, SIZE, SIZE)
    for said in (features(vit, x), class_attention(vit, x)):
        assert not said.is_inference() and not said.requires_grad
        (said * torch.ones(1, requires_grad=True)).sum().backward()
    vit(x).sum().backward()  # and the encoder still trains
