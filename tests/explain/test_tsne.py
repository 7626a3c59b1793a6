"""S04.2: t-SNE against loops, autograd and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.manifold import TSNE as SklearnTSNE
from sklearn.manifold import trustworthiness
from sklearn.manifold._t_sne import _gradient_descent, _joint_probabilities

from lecture_utils.data import digits
from lecture_utils.explain import tsne as module
from lecture_utils.explain.tsne import (
    conditional_probabilities,
    joint_probabilities,
    kl_divergence,
    tsne,
    tsne_gradient,
)

pytestmark = pytest.mark.system("S04.2")


def points(n: int = 300) -> torch.Tensor:
    return digits.load(split="all")[0].flatten(1)[:n].double()


@pytest.mark.parametrize("perplexity", [2.5, 5.0, 30.0, 90.0])
def test_every_row_has_the_asked_perplexity(perplexity: float) -> None:
    p = conditional_probabilities(points(), perplexity)
    assert bool((p.diagonal() == 0).all())
    torch.testing.assert_close(p.sum(1), torch.ones(300, dtype=torch.float64))
    entropy = -torch.xlogy(p, p).sum(1)
    assert float((entropy.exp() - perplexity).abs().max()) < 1e-3 * perplexity


def test_rows_are_gaussians_of_the_distance() -> None:
    """log p(j|i) falls with the squared distance along one straight line for each i."""
    x = points(60)
    p, distance = conditional_probabilities(x, 10.0), torch.cdist(x, x).square()
    for i in (0, 17, 59):
        others = torch.arange(60) != i
        slope, intercept = np.polyfit(distance[i, others], p[i, others].log(), 1)
        assert slope < 0
        np.testing.assert_allclose(p[i, others].log(), slope * distance[i, others] + intercept, atol=1e-6)


@pytest.mark.parametrize("perplexity", [5.0, 30.0])
def test_joint_probabilities_equal_scikit_learn(perplexity: float) -> None:
    x = points()
    p = joint_probabilities(x, perplexity)
    assert torch.equal(p, p.T) and abs(float(p.sum()) - 1) < 1e-12
    squared = torch.cdist(x, x).square().float().numpy()
    want = np.asarray(_joint_probabilities(squared, perplexity, verbose=0))  # the upper triangle
    got = p[tuple(torch.triu_indices(300, 300, 1))]
    np.testing.assert_allclose(got.numpy(), want, rtol=2e-3, atol=1e-9)  # both searches stop at 1e-5 nats


@pytest.mark.parametrize(("n", "block"), [(40, 128), (200, 128), (41, 7)])
def test_the_gradient_equals_autograd(n: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    p = joint_probabilities(points(n), 8.0)
    y = torch.randn(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    w = 1 / (1 + (y[:, None] - y[None]).square().sum(-1))
    for factor in (1.0, 12.0):
        loss = -factor * (p * w.log()).sum() + (w.sum() - n).log()  # KL less a constant; w_ii = 1
        (want,) = torch.autograd.grad(loss, y, retain_graph=True)
        torch.testing.assert_close(tsne_gradient(p, y.detach(), factor), want)


def test_kl_equals_the_double_loop() -> None:
    p = joint_probabilities(points(30), 5.0)
    y = torch.randn(30, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    w = [[1 / (1 + math.dist(a, b) ** 2) if i != j else 0.0 for j, b in enumerate(y.tolist())]
         for i, a in enumerate(y.tolist())]  # fmt: skip
    z = sum(map(sum, w))
    pairs = [(p[i, j].item(), w[i][j] / z) for i in range(30) for j in range(30) if i != j]
    assert abs(kl_divergence(p, y) - sum(a * math.log(a / b) for a, b in pairs if a > 0)) < 1e-10


def test_a_rotated_and_shifted_map_is_as_good() -> None:
    p = joint_probabilities(points(50), 5.0)
    y = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    assert abs(kl_divergence(p, y) - kl_divergence(p, y @ turn.T + 3)) < 1e-12
    torch.testing.assert_close(tsne_gradient(p, y @ turn.T + 3), tsne_gradient(p, y) @ turn.T)
    torch.testing.assert_close(tsne_gradient(p, y).sum(0), torch.zeros(2, dtype=torch.float64))


def test_steps_equal_scikit_learn_s_descent() -> None:
    """Momentum, gains and learning rate, given the same P, start and gradient; slow, so not chaotic."""
    x, factor, steps = points(40), 12.0, 40
    p = joint_probabilities(x, 8.0).float()

    def objective(flat: np.ndarray, **options: object) -> tuple[float, np.ndarray]:
        gradient = tsne_gradient(p, torch.from_numpy(flat).reshape(40, 2), factor)
        return 0.0, gradient.numpy().ravel()

    first = module.start(x, 2, "random", 0)
    settings = {"momentum": 0.5, "learning_rate": 5.0, "min_gain": 0.01, "n_iter_check": 1000}
    want, *_ = _gradient_descent(objective, first.numpy().ravel().copy(), 0, steps, **settings)
    options = {"steps": steps, "exaggeration_steps": steps, "learning_rate": 5.0}
    got = tsne(x, perplexity=8.0, init="random", **options).embedding
    centred = want.reshape(40, 2) - want.reshape(40, 2).mean(0)
    np.testing.assert_allclose(got.numpy(), centred, atol=1e-5)


def judge(x: torch.Tensor, ours: torch.Tensor) -> tuple[float, float, float, float]:
    """Trustworthiness of our map and scikit-learn's, and both exact divergences from the same exact P."""
    theirs = torch.from_numpy(SklearnTSNE(random_state=0).fit_transform(x.numpy()))
    p = joint_probabilities(x)
    trust = [float(trustworthiness(x.numpy(), y.numpy())) for y in (ours, theirs)]
    return trust[0], trust[1], kl_divergence(p, ours), kl_divergence(p, theirs)


@pytest.mark.parametrize("init", ["pca", pytest.param("random", marks=pytest.mark.slow)])
def test_as_good_as_scikit_learn_on_some_digits(init: str) -> None:
    x = points(500)
    got = tsne(x, init=init)
    ours, theirs, kl, their_kl = judge(x, got.embedding)
    assert abs(ours - theirs) < 0.02 and kl < 1.05 * their_kl
    assert abs(got.kl - kl) < 1e-4


@pytest.mark.nightly
def test_as_good_as_scikit_learn_on_all_digits() -> None:
    x = points(1797).float()
    ours, theirs, kl, their_kl = judge(x, tsne(x).embedding)
    assert abs(ours - theirs) < 0.02 and kl < 1.05 * their_kl


@pytest.mark.parametrize("n", [40, 1200])
def test_the_first_step_has_the_learning_rate_of_the_paper(n: int) -> None:
    """From rest, a step is rate · gain · gradient, with a gain of 0.8: nothing else is moving yet."""
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(0))
    first = module.start(x, 2, "random", 3)
    gradient = tsne_gradient(joint_probabilities(x, 10.0).float(), first, 2.0)
    rate = max(n / 2 / 4, 50)
    want = first - rate * 0.8 * gradient
    got = tsne(x, perplexity=10.0, steps=1, exaggeration=2.0, init="random", seed=3).embedding
    torch.testing.assert_close(got, want - want.mean(0), rtol=1e-4, atol=1e-9)


def test_both_starts_have_their_spread() -> None:
    x = points(300)
    assert module.start(x, 2, "pca", 0)[:, 0].std(correction=0).item() == pytest.approx(1e-4, rel=1e-4)
    noise = torch.randn(300, 2, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(module.start(x, 2, "random", 7), 1e-4 * noise)


def test_half_precision_is_computed_in_single() -> None:
    x = points(40).half()
    got, want = (tsne(part, perplexity=5, steps=5) for part in (x, x.float()))
    assert torch.equal(got.embedding, want.embedding) and got.kl == want.kl
    assert conditional_probabilities(x, 5.0).dtype == torch.float32


def test_groups_come_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = 10 * torch.randn(4, 20, generator=generator)
    label = torch.arange(120) % 4
    y = tsne(centres[label] + torch.randn(120, 20, generator=generator), perplexity=10, steps=400).embedding
    within = torch.cdist(y, y).masked_fill(label[:, None] != label, 0).max()
    between = torch.cdist(y, y).masked_fill(label[:, None] == label, math.inf).min()
    assert between > within  # each group is a lump


def test_frames_and_repeats() -> None:
    x = points(60)
    a, b = (tsne(x, perplexity=5, steps=70, exaggeration_steps=30, every=30) for _ in range(2))
    assert torch.equal(a.embedding, b.embedding)
    assert a.frames.shape == (3, 60, 2) and a.frame_steps == [0, 30, 60]
    assert abs(float(a.frames[0][:, 0].std(correction=0)) - 1e-4) < 1e-8
    assert tsne(x, perplexity=5, steps=3).frames.shape == (0, 60, 2)
    one, other = (tsne(x, perplexity=5, steps=9, init="random", seed=s).embedding for s in (0, 1))
    assert not torch.equal(one, other)


def test_copies_and_few_points() -> None:
    x = torch.cat([torch.zeros(3, 4), torch.eye(4)]).double()  # three points on one spot
    got = tsne(x, perplexity=2, steps=20, dims=3, init="random")
    copies = conditional_probabilities(torch.cat([torch.zeros(9, 2), torch.eye(2)]), 3.0)
    torch.testing.assert_close(copies[:9, :9], (1 - torch.eye(9)) / 8)
    assert bool(torch.isfinite(tsne(torch.ones(12, 2), perplexity=3, steps=20).embedding).all())
    assert got.embedding.shape == (7, 3) and bool(torch.isfinite(got.embedding).all()) and got.kl >= 0


def test_bad_input_is_told() -> None:
    x = points(20)
    for bad, message in (
        (lambda: tsne(x, perplexity=19), "19 for 20 points, want more than 1 and less than 19"),
        (lambda: tsne(x, perplexity=1), "more than 1"),
        (lambda: tsne(x[0]), r"\(64,\), want \(N, D\)"),
        (lambda: tsne(x * torch.nan), "NaN"),
        (lambda: tsne(x, perplexity=5, init="spectral"), "'spectral'"),
        (lambda: tsne(x, perplexity=5, steps=-1), "steps: got -1"),
        (lambda: tsne(x, perplexity=math.nan), "perplexity: got nan"),
        (lambda: tsne(x, perplexity=5, dims=0), "dims: got 0"),
        (lambda: tsne(x, perplexity=5, steps=2.5), "steps: got 2.5"),
        (lambda: tsne(x, perplexity=5, every=-1), "every: got -1"),
        (lambda: tsne(x, perplexity=5, learning_rate=-1), "learning_rate: got -1"),
        (lambda: tsne(x, perplexity=5, learning_rate=math.nan), "learning_rate: got nan"),
        (lambda: tsne(x, perplexity=5, exaggeration=0), "exaggeration: got 0"),
        (lambda: tsne(x, perplexity=5, learning_rate=1e30, steps=50), "flew apart at learning rate 1e"),
        (lambda: module.start(x, 2, "nonsense", 0), "init: got 'nonsense', want 'pca' or 'random'"),
        (lambda: kl_divergence(torch.eye(3), torch.full((3, 2), math.nan)), "map: got NaN"),
        (
            lambda: kl_divergence(torch.eye(3, dtype=torch.int64), torch.zeros(3, 2)),
            "P: got dtype torch.int64",
        ),
        (
            lambda: tsne_gradient(torch.eye(3).long(), torch.zeros(3, 2)),
            r"P: got dtype torch\.int64, want a float",
        ),
        (lambda: tsne_gradient(torch.eye(3), torch.zeros(3, 2).long()), r"map: got dtype torch\.int64"),
        (lambda: tsne_gradient(torch.eye(3), torch.zeros(4, 2)), r"\(3, 3\) and a map \(4, 2\)"),
        (lambda: tsne_gradient(torch.eye(3), torch.zeros(3, 2).double()), "want the same type"),
        (lambda: kl_divergence(torch.zeros(3, 4), torch.zeros(3, 2)), r"\(3, 4\) and a map \(3, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
