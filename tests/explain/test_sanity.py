"""S04.6: randomised weights must destroy a map that explains the network, and rank correlation is SciPy's."""

import pytest
import torch
from scipy.stats import rankdata, spearmanr
from torch import nn

from lecture_utils import zoo
from lecture_utils.data import toyworld
from lecture_utils.explain.baselines import edge_map
from lecture_utils.explain.grad_cam import grad_cam
from lecture_utils.explain.sanity import (
    average_ranks,
    cascade,
    cascading_randomisation,
    rank_correlation,
    weight_layers,
)

pytestmark = pytest.mark.system("S04.6")


def maps(seed: int, *, ties: bool = False) -> torch.Tensor:
    x = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(seed))
    return (2 * x).round() if ties else x


@pytest.mark.parametrize("ties", [False, True])
def test_equals_scipy(ties: bool) -> None:
    a, b = maps(0, ties=ties), maps(1, ties=ties) + 0.5 * maps(0, ties=ties)
    got = rank_correlation(a, b)
    for i in range(4):
        assert abs(got[i].item() - spearmanr(a[i].flatten(), b[i].flatten()).statistic) < 1e-12
        ranks = average_ranks(a.flatten(1))[i]
        assert ranks.tolist() == rankdata(a[i].flatten()).tolist()


def test_order_is_all_that_counts() -> None:
    a = maps(0)
    assert torch.equal(rank_correlation(a, a.exp()), rank_correlation(a, a))
    torch.testing.assert_close(rank_correlation(a, a), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(rank_correlation(a, -a), -torch.ones(4, dtype=torch.float64))
    assert rank_correlation(a, torch.zeros_like(a)).tolist() == [0, 0, 0, 0]


def test_the_cascade_runs_from_the_top_and_keeps_what_it_did() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Sequential(nn.Conv2d(4, 50, 3), nn.Flatten()))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen = []
    for name, randomised in cascade(model):
        changed = [k for k, v in randomised.state_dict().items() if not torch.equal(v, before[k])]
        seen.append((name, changed))
    last = ["2.0.weight", "2.0.bias"]
    assert seen == [("2.0", last), ("0", ["0.weight", "0.bias", *last])]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    weight = randomised[2][0].weight
    assert abs(float(weight.detach().std() / before["2.0.weight"].std()) - 1) < 0.1  # the spread stays
    again = [value for _, m in cascade(model, layers=["2"]) for value in m[2].state_dict().values()]
    assert torch.equal(again[0], weight)
    assert not torch.equal(next(cascade(model, seed=1))[1][2][0].weight, weight)


def test_grad_cam_depends_on_the_weights_and_edges_do_not() -> None:
    """A random network's map still follows the picture, with one sign or the other: so, a mean of eight."""
    model = zoo.load("shapes_resnet")
    x, y = toyworld.classification(24, split="test", seed=1)
    layers = ["head", "stages.2", "stages.1", "stages.0", "stem"]

    def explain(network: nn.Module) -> torch.Tensor:
        return grad_cam(network, x, y, layer="stages", relu=False)

    runs = [cascading_randomisation(model, explain, seed=seed, layers=layers) for seed in range(8)]
    assert all([name for name, _ in run] == ["", *layers] for run in runs)
    assert all(run[0][1] == pytest.approx(1) for run in runs)
    assert abs(sum(run[-1][1] for run in runs) / len(runs)) < 0.25  # nothing is left of the trained map
    edges = cascading_randomisation(model, lambda m: edge_map(x), layers=layers)
    assert [value for _, value in edges] == pytest.approx([1.0] * 6)  # so fails a map that knows no network


def test_all_layers_with_weights_are_listed() -> None:
    model = zoo.load("shapes_resnet")
    names = weight_layers(model)
    assert names[0] == "stem.0" and names[-1] == "head"
    total = sum(p.numel() for n in names for p in model.get_submodule(n).parameters(recurse=False))
    assert total == sum(p.numel() for p in model.parameters())


def test_bad_input_is_told() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    for bad, message in (
        (lambda: rank_correlation(maps(0), maps(0)[:2]), r"\(4, 7, 5\) and \(2, 7, 5\)"),
        (lambda: rank_correlation(maps(0)[0], maps(0)[0]), r"want \(B, H, W\)"),
        (lambda: rank_correlation(maps(0) * torch.nan, maps(0)), "maps: got NaN"),
        (lambda: rank_correlation(maps(0), maps(0) / 0), "maps: got NaN or infinite"),
        (lambda: rank_correlation(maps(0).byte(), maps(0)), "uint8"),
        (lambda: average_ranks(maps(0)), r"\(4, 7, 5\), want floating point \(B, n\)"),
        (lambda: cascading_randomisation(model, lambda m: maps(0) * torch.nan), "NaN"),
        (lambda: list(cascade(nn.ReLU())), "ReLU without parameters"),
        (lambda: weight_layers(None), "model: got NoneType"),
        (lambda: list(cascade(model, layers=["1"])), "'1', which has no parameters"),
        (lambda: list(cascade(model, layers=["7"])), "'7', which Sequential lacks"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
