"""S05.3: mixup's two forms of the loss are one, its λ follow the Beta law, and it equals torchvision."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms import v2

from lecture_utils.augment import mixup as m

pytestmark = pytest.mark.system("S05.3")


def batch(n: int = 6, classes: int = 4) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(n, 3, 5, 7, generator=generator)
    labels = torch.randint(classes, (n,), generator=generator)
    return images, labels, torch.rand(n, generator=generator), torch.randperm(n, generator=generator)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_of_the_blend_is_the_blend_of_the_losses(dtype: torch.dtype) -> None:
    images, labels, lam, partner = batch()
    logits = torch.randn(6, 4, dtype=dtype, generator=torch.Generator().manual_seed(1))
    soft, hard = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    _, targets = m.mixup(images, m.one_hot(labels, 4), lam, partner)
    one = m.soft_cross_entropy(soft, targets)
    other = m.mixed_cross_entropy(hard, labels, labels[partner], lam)
    torch.testing.assert_close(one, other.to(one), rtol=0, atol=1e-6)
    one.backward()
    other.backward()
    torch.testing.assert_close(soft.grad, hard.grad, rtol=0, atol=1e-6)
    torch.testing.assert_close(one, F.cross_entropy(logits, targets.to(dtype)), rtol=0, atol=1e-6)


def test_equals_torchvision_with_the_same_lambda() -> None:
    images, labels, _, _ = batch()
    transform = v2.MixUp(alpha=0.4, num_classes=4)
    torch.manual_seed(3)
    want, targets = transform(images, labels)
    rolled = torch.arange(6).roll(1)
    sure = (labels != labels[rolled]).nonzero()[0, 0]
    lam = targets[sure, labels[sure]].expand(6)  # the one number it drew
    got = m.mixup(images, m.one_hot(labels, 4), lam, rolled)
    torch.testing.assert_close(got[0], want, rtol=0, atol=1e-5)
    torch.testing.assert_close(got[1], targets, rtol=0, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.7, 1.0, 3.0])
def test_lambda_follows_the_beta_distribution(alpha: float) -> None:
    drawn = m.sample_beta(alpha, 4000, torch.Generator().manual_seed(0)).double().numpy()
    assert (drawn >= 0).all() and (drawn <= 1).all()
    law = scipy.stats.beta(alpha, alpha)
    if alpha > 0.1:  # at 0.05 float32 rounds many a λ to 1, which the test of a density takes amiss
        assert scipy.stats.kstest(drawn, law.cdf).pvalue > 1e-3
    assert drawn.mean() == pytest.approx(0.5, abs=0.03)
    assert drawn.var() == pytest.approx(law.var(), rel=0.07)


def test_lambda_is_repeatable_and_may_be_none() -> None:
    one, other = (m.sample_beta(0.2, 9, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one, other)
    assert m.sample_beta(0.2, 0, torch.Generator()).shape == (0,)


def test_the_ends_and_the_middle() -> None:
    images, labels, _, partner = batch()
    targets = m.one_hot(labels, 4)
    for lam, want in ((1.0, (images, targets)), (0.0, (images[partner], targets[partner]))):
        got = m.mixup(images, targets, torch.tensor([lam]), partner)
        torch.testing.assert_close(got[0], want[0])
        torch.testing.assert_close(got[1], want[1])
    half = m.mixup(images, targets, torch.full((6,), 0.5), partner)
    back = m.mixup(images[partner], targets[partner], torch.full((6,), 0.5), partner.argsort())
    torch.testing.assert_close(half, back)  # with equal shares it does not matter who is first


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_random_mixup(n: int, device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA")
    images, labels, _, _ = batch(n)
    targets = m.one_hot(labels, 4)
    mixed, soft, lam = m.random_mixup(
        images.to(device), targets.to(device), 1.0, torch.Generator().manual_seed(0)
    )
    assert mixed.shape == images.shape and lam.shape == (n,)
    torch.testing.assert_close(soft.sum(1).cpu(), torch.ones(n))
    assert mixed.min() >= images.min() - 1e-6 and mixed.max() <= images.max() + 1e-6
    if n == 1:  # the only partner is itself
        torch.testing.assert_close(mixed.cpu(), images)


def test_overfits_one_blended_batch() -> None:
    images, labels, lam, _ = batch()
    mixed, targets = m.mixup(images, m.one_hot(labels, 4), lam, torch.arange(6).roll(1))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(105, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        loss = m.soft_cross_entropy(model(mixed), targets)
        loss.backward()
        optimizer.step()
    entropy = -(targets * targets.clamp_min(1e-12).log()).sum(1).mean()  # no model can go below it
    assert entropy - 1e-5 <= loss < entropy + 0.01


@pytest.mark.parametrize(
    "lam",
    [0.3, np.float64(0.3), torch.tensor(0.3), torch.tensor([0.3]), np.full(6, 0.3), torch.full((6,), 0.3)],
)
def test_lambda_may_be_any_kind_of_number(lam: object) -> None:
    images, labels, _, partner = batch()
    soft, logits = m.one_hot(labels, 4), torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    mixed, targets = m.mixup(images, soft, lam, partner)
    torch.testing.assert_close(mixed, 0.3 * images + 0.7 * images[partner])
    torch.testing.assert_close(targets, 0.3 * soft + 0.7 * soft[partner])
    loss = m.mixed_cross_entropy(logits, labels, labels[partner], lam)
    torch.testing.assert_close(loss, m.soft_cross_entropy(logits, targets))


def test_an_alpha_of_zero_is_off_and_draws_nothing() -> None:
    images, labels, _, _ = batch()
    generator, fresh = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    assert torch.equal(m.sample_beta(0, 4, generator), torch.ones(4))
    assert torch.equal(torch.rand(2, generator=generator), torch.rand(2, generator=fresh))
    mixed, targets, lam = m.random_mixup(images, m.one_hot(labels, 4), 0.0, generator)
    torch.testing.assert_close(mixed, images)
    assert torch.equal(targets.argmax(1), labels) and (lam == 1).all()


def test_labels_of_any_whole_type_are_taken() -> None:
    want = torch.eye(4)[torch.tensor([2, 0, 3])]
    for kind in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
        assert torch.equal(m.one_hot(torch.tensor([2, 0, 3], dtype=kind), 4), want)
    assert torch.equal(m.one_hot(np.array([2, 0, 3]), 4), want)


IMAGES, LABELS, LAM, PARTNER = batch()
SOFT = m.one_hot(LABELS, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: m.mixup(IMAGES, LABELS, LAM, PARTNER), r"for class numbers use one_hot"),
        (lambda: m.mixup(IMAGES, SOFT[:3], LAM, PARTNER), r"got torch.float32 \(3, 4\)"),
        (lambda: m.mixup(IMAGES, SOFT * 2, LAM, PARTNER), "does not sum to 1"),
        (lambda: m.mixup(IMAGES, SOFT, LAM + 1, PARTNER), r"want one number or \(6,\), all in \[0, 1\]"),
        (lambda: m.mixup(IMAGES, SOFT, LAM[:2], PARTNER), r"lam: got \(2,\)"),
        (lambda: m.mixup((IMAGES * 255).byte(), SOFT, LAM, PARTNER), "divide 8-bit"),
        (lambda: m.sample_beta(-0.1, 3, torch.Generator()), "alpha: got -0.1"),
        (lambda: m.sample_beta(math.inf, 3, torch.Generator()), "alpha: got inf"),
        (lambda: m.sample_beta(math.nan, 3, torch.Generator()), "alpha: got nan"),
        (lambda: m.sample_beta(1.0, -3, torch.Generator()), "n: got -3"),
        (lambda: m.random_mixup(IMAGES, SOFT, math.inf, torch.Generator()), "alpha: got inf"),
        (lambda: m.random_mixup(IMAGES[0], SOFT, 1.0, torch.Generator()), "for one image use"),
        (lambda: m.soft_cross_entropy(torch.rand(5, 4), SOFT), r"want floating point \(5, 4\)"),
        (lambda: m.soft_cross_entropy(torch.rand(6, 4), SOFT[:, :1] * 0 + 1), r"\(6, 1\), want .*\(6, 4\)"),
        (lambda: m.soft_cross_entropy(torch.rand(6), SOFT), r"logits: got .*\(6,\)"),
        (lambda: m.soft_cross_entropy(SOFT, SOFT * math.nan), "NaN or does not sum to 1"),
        (lambda: m.mixup(IMAGES, SOFT.numpy(), LAM, PARTNER), "targets: got ndarray"),
        (lambda: m.mixup(IMAGES, SOFT, torch.tensor(1.5), PARTNER), r"lam: got \(1,\) \[1.5\]"),
        (lambda: m.mixup(IMAGES, SOFT, -0.1, PARTNER), "lam: got"),
        (lambda: m.mixup(IMAGES, SOFT, math.nan, PARTNER), "lam: got"),
        (lambda: m.mixup(IMAGES, SOFT, "half", PARTNER), "lam: got str"),
        (lambda: m.mixup(IMAGES, SOFT, LAM[:, None], PARTNER), r"lam: got \(6, 1\)"),
        (lambda: m.mixup(IMAGES, SOFT, LAM, PARTNER[:1]), r"partner: got torch.int64 \(1,\), want .*\(6,\)"),
        (lambda: m.mixup(IMAGES, SOFT, LAM, PARTNER - 1), "want int64 from 0 to 5"),
        (lambda: m.mixup(IMAGES, SOFT, LAM, PARTNER + 1), "want int64 from 0 to 5"),
        (lambda: m.mixup(IMAGES, SOFT, LAM, PARTNER.float()), "partner: got torch.float32"),
        (lambda: m.mixup(IMAGES, SOFT, LAM, 0), "partner: got int"),
        (lambda: m.mixed_cross_entropy(SOFT, LABELS, LABELS, 255), "lam: got"),
        (lambda: m.mixed_cross_entropy(SOFT, LABELS, LABELS + 9, 0.5), "b: got class numbers"),
        (lambda: m.mixed_cross_entropy(SOFT, LABELS[:1], LABELS, 0.5), r"a: got torch.int64 \(1,\)"),
        (lambda: m.mixed_cross_entropy(SOFT.long(), LABELS, LABELS, 0.5), "logits: got torch.int64"),
        (lambda: m.one_hot(LABELS, 2), "class numbers from 0 to 3, want 0 to 1"),
        (lambda: m.one_hot(LABELS - 1, 4), "class numbers from -1"),
        (lambda: m.one_hot(LABELS.float(), 4), "labels: got torch.float32"),
        (lambda: m.one_hot(LABELS[:, None], 4), r"labels: got torch.int64 \(6, 1\)"),
        (lambda: m.one_hot([0, 1], 4), "labels: got list"),
        (lambda: m.one_hot(LABELS, 0), "classes: got 0"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
