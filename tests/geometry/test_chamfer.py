"""Chamfer distance, F-score and normals: against plain loops and SciPy's tree, gradients, invariances."""

import math

import pytest
import torch
from scipy.spatial import cKDTree

from lecture_utils.geometry import chamfer as ch
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")
MODULE = "lecture_utils.geometry.chamfer"


def sets(p=40, q=55, batch=2, seed=0):
    made = torch.Generator().manual_seed(seed)
    return (
        torch.rand(batch, p, 3, generator=made, dtype=torch.float64),
        0.9 * torch.rand(batch, q, 3, generator=made, dtype=torch.float64),
    )


def by_loops(a, b):
    """Distances to the nearest of the other set, and which, in plain Python."""
    found = [min((math.dist(x, y), k) for k, y in enumerate(b.tolist())) for x in a.tolist()]
    return torch.tensor([d for d, _ in found], dtype=torch.float64), torch.tensor([k for _, k in found])


def gap(module):
    """The largest difference from loops, over all that the module computes."""
    a, b = sets()
    na, nb = (torch.nn.functional.normalize(x - 0.4, dim=-1) for x in sets(seed=1))
    score, worst = module.f_score(a, b, 0.12), 0.0
    agree = module.normal_consistency(a, na, b, nb)
    for k in range(len(a)):
        (there, to), (back, fro) = by_loops(a[k], b[k]), by_loops(b[k], a[k])
        near, far = (there <= 0.12).double().mean(), (back <= 0.12).double().mean()
        assert 0.1 < float(near) < 0.9
        pairs = [
            (module.chamfer_distance(a, b)[k], there.square().mean() + back.square().mean()),
            (module.chamfer_distance(a, b, squared=False)[k], there.mean() + back.mean()),
            (score.precision[k], near),
            (score.recall[k], far),
            (score.f_score[k], 2 / (1 / near + 1 / far)),
            (
                agree[k],
                ((na[k] * nb[k][to]).sum(1).abs().mean() + (nb[k] * na[k][fro]).sum(1).abs().mean()) / 2,
            ),
        ]
        worst = max([worst, *(float((got - want).abs()) for got, want in pairs)])
    return worst


def test_all_agree_with_plain_loops():
    assert gap(ch) < 1e-12


@pytest.mark.parametrize(
    "fault",
    [("there.mean(1) + back.mean(1)", "there.mean(1)"), (".argmin(2)", ".argmax(2)"),
     ("nearest(true, predicted)", "nearest(predicted, true)"),
     ("precision = (nearest(predicted, true).squared <= threshold_m**2)",
      "precision = (nearest(predicted, true).squared <= threshold_m)"),
     ("(ways[0] + ways[1]) / 2", "ways[0]")],
)  # fmt: skip
def test_planted_faults_turn_them_red(fault):
    assert gap(planted(MODULE, fault)) > 1e-3


def test_the_nearest_are_those_of_scipy_s_tree_also_in_pieces(monkeypatch):
    a, b = sets(700, 900, 1, seed=2)
    want = cKDTree(b[0].numpy()).query(a[0].numpy())
    for room in (ch.ROOM, 5000):
        monkeypatch.setattr(ch, "ROOM", room)
        found = ch.nearest(a, b)
        assert found.which[0].tolist() == want[1].tolist()
        torch.testing.assert_close(found.squared[0].sqrt(), torch.from_numpy(want[0]))


def test_far_from_the_origin_float32_still_finds_the_nearest():
    a, b = (x.float() + 1000 for x in sets(60, 80, 1))
    want = cKDTree(b[0].double().numpy()).query(a[0].double().numpy())
    assert ch.nearest(a, b).which[0].tolist() == want[1].tolist()


def test_equal_sets_are_0_apart_in_any_order_and_either_way_round():
    a, b = sets()
    assert float(ch.chamfer_distance(a, a.flip(1)).abs().max()) == 0
    torch.testing.assert_close(ch.chamfer_distance(a, b), ch.chamfer_distance(b, a))
    score = ch.f_score(a, a.flip(1), 0.01)
    assert score.f_score.tolist() == [1, 1]
    assert ch.f_score(a, a + 9, 0.01).f_score.tolist() == [0, 0]


@pytest.mark.parametrize("squared", [True, False])
def test_gradients_are_right(squared):
    a, b = sets(6, 7, 1)
    assert torch.autograd.gradcheck(
        lambda x, y: ch.chamfer_distance(x, y, squared=squared), (a.requires_grad_(), b.requires_grad_())
    )


def test_coinciding_points_have_slope_0():
    a = sets(5, 5, 1)[0].requires_grad_()
    ch.chamfer_distance(a, a.detach().clone(), squared=False).sum().backward()
    assert float(a.grad.abs().max()) == 0


def test_descending_the_distance_carries_one_set_onto_another():
    a, b = sets(30, 30, 1)
    a = a.requires_grad_()
    start = float(ch.chamfer_distance(a, b).detach())
    optimizer = torch.optim.Adam([a], 0.02)
    for _ in range(200):
        optimizer.zero_grad()
        loss = ch.chamfer_distance(a, b).sum()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.1 * start  # not 0: where two of one set share a partner it stays


def test_one_far_point_moves_the_mean_much_and_the_f_score_by_its_share():
    a, b = sets(50, 50, 1)
    a = b + 0.001
    spoiled = a.clone()
    spoiled[0, 0] += 100
    assert float(ch.chamfer_distance(spoiled, b)) > 1000 * float(ch.chamfer_distance(a, b))
    assert float(ch.f_score(spoiled, b, 0.01).precision) == pytest.approx(0.98)


def test_sets_that_do_not_fit_are_refused():
    a, b = sets()
    for bad in (a[0], a[:1], a[:, :0], a.float(), a[..., :2]):
        with pytest.raises(ValueError, match=r"got .*want"):
            ch.chamfer_distance(bad, b)


def test_a_point_exactly_at_the_threshold_counts():
    a, b = torch.zeros(1, 1, 3), torch.tensor([[[0.5, 0.0, 0.0]]])
    assert [float(part) for part in ch.f_score(a, b, 0.5)] == [1, 1, 1]


@pytest.mark.parametrize("which", ["normals_a", "normals_b"])
def test_normals_that_do_not_fit_are_refused(which):
    a, b = sets()
    for bad in (a[:, :3], torch.full_like(a if which == "normals_a" else b, math.nan)):
        with pytest.raises(ValueError, match=rf"{which}: got .*want"):
            ch.normal_consistency(a=a, b=b, **{"normals_a": a, "normals_b": b, which: bad})
