"""Embedding: a look-up is a product with one-hot vectors, in values and in gradients."""

import pytest
import torch
from torch import nn

from lecture_utils.multimodal import embedding
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.1")

IDS = torch.tensor([[3, 0, 3], [5, 3, 6]])  # 3 occurs three times; 1, 2 and 4 never


def table(module=embedding):
    """A table of 7 vectors of 4 numbers, from a fixed seed."""
    torch.manual_seed(0)
    return module.Embedding(7, 4)


def assert_same_as_torch(module):
    """Values and gradients of look-up, product and `nn.Embedding`."""
    ours, theirs = table(module), nn.Embedding(7, 4)
    theirs.weight.data = ours.weight.detach().clone()
    product = ours.weight.detach().clone().requires_grad_()
    back = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(1))
    outs = ours(IDS), theirs(IDS), module.embed_by_product(IDS, product)
    assert (outs[0][0, 0] - outs[0][0, 1]).abs().max() > 0.1
    for out in outs:
        (out * back).sum().backward()
        torch.testing.assert_close(out, outs[1])
    assert theirs.weight.grad.abs().max() > 0.1
    for weight in (ours.weight, product):
        torch.testing.assert_close(weight.grad, theirs.weight.grad)


def test_a_look_up_is_a_product_with_one_hot_vectors_is_torchs():
    assert_same_as_torch(embedding)


FAULTS = [
    ("return self.weight[ids]", "return self.weight[ids - 1]"),
    ("return self.weight[ids]", "return self.weight.detach()[ids]"),
    ("return self.weight[ids]", "return self.weight[:, :1].mul(ids[..., None, None]).sum(-2)"),
    ("ids[..., None] == torch", "ids[..., None] >= torch"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_seen(fault):
    with pytest.raises((AssertionError, TypeError, RuntimeError)):
        assert_same_as_torch(planted("lecture_utils.multimodal.embedding", fault))


def test_the_gradient_of_a_row_is_what_came_back_for_its_token_and_zero_for_the_absent():
    ours = table()
    out = ours(IDS)
    out.retain_grad()
    out.square().sum().backward()
    torch.testing.assert_close(ours.weight.grad[3], out.grad[0, 0] + out.grad[0, 2] + out.grad[1, 1])
    assert not ours.weight.grad[[1, 2, 4]].any()


def test_one_hot_has_one_one():
    hot = embedding.one_hot(IDS, 7)
    assert hot.shape == (2, 3, 7) and bool((hot.sum(-1) == 1).all())
    assert torch.equal(hot.argmax(-1), IDS)
    assert embedding.one_hot(torch.tensor(2), 3).tolist() == [0, 0, 1]  # no axes


@pytest.mark.parametrize("ids", [torch.tensor([7]), torch.tensor([-1]), torch.tensor([1.0]), [1], IDS.int()])
def test_ids_out_of_the_table_are_refused(ids):
    """A negative index would be Python's "from the end", and answer without a word."""
    for call in (table(), lambda x: embedding.one_hot(x, 7)):
        with pytest.raises(ValueError, match=r"ids: got .*want"):
            call(ids)
