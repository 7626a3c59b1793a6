"""The lab of chapter 04: hooks leave no trace, the mark is found by the maps, and it is the cause."""

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch04 import hans, lab
from lecture_utils.explain.grad_cam import grad_cam
from lecture_utils.training.loop import fit, minibatches, predictions
from lecture_utils.training.losses import cross_entropy


def test_by_a_hook_of_ones_own_is_the_packages_grad_cam() -> None:
    torch.manual_seed(0)
    model, x = hans.small_net().eval(), torch.rand(4, 1, 16, 16)
    want = grad_cam(model, x, 3, layer="features")
    got = lab.explain(model, model.features, x, lambda output: output[:, 3])
    torch.testing.assert_close(got, want)
    assert not model.features._forward_hooks
    assert all(p.grad is None for p in model.parameters())


def test_the_hook_goes_also_when_the_network_fails() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(5, 2)).eval()
    with pytest.raises(RuntimeError):
        lab.explain(model, model[0], torch.rand(1, 1, 8, 8), lambda output: output[:, 0])
    assert not model[0]._forward_hooks


def test_a_habit_in_the_corner_is_found_among_sharper_and_stronger_maps() -> None:
    torch.manual_seed(0)
    maps = 50 * torch.rand(40, 4, 5)
    labels = torch.arange(40) % 4
    maps[labels == 2] = 0.01 * torch.rand(10, 4, 5)
    maps[labels == 2, 3, 4] = 0.05
    maps[0] = 0
    assert lab.most_fixed(maps, labels, 6) == (2, 3, 4)


def test_the_mark_is_where_it_says_on_the_class_that_it_says() -> None:
    for split in ("train", "test"):
        pictures, labels = hans.delivered(split)
        bare, same = hans.delivered(split, marked="none")
        assert torch.equal(labels, same)
        differ = pictures != bare
        assert torch.equal(differ.flatten(1).any(1), labels == hans.CLASS)
        where = differ.any(0)[0].nonzero()
        low, high = where.amin(0).tolist(), where.amax(0).tolist()
        assert low == [hans.ROW, hans.COLUMN]
        assert high == [hans.ROW + hans.SIDE - 1, hans.COLUMN + hans.SIDE - 1]
    half, _ = hans.delivered("train", marked="half")
    bare, _ = hans.delivered("train", marked="none")
    assert (half != bare).flatten(1).any(1).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_a_covered_place_shows_no_mark() -> None:
    pictures, labels = hans.delivered("test")
    own = pictures[labels == hans.CLASS]
    covered = hans.covered(own)
    there = (slice(None), slice(None), slice(hans.ROW, hans.ROW + hans.SIDE), slice(hans.COLUMN, None))
    assert own[there].amax() > 0.7
    assert covered[..., hans.ROW : hans.ROW + 3, hans.COLUMN : hans.COLUMN + 3].amax() <= 0.3
    assert torch.equal(hans.covered(own)[:, :, :12], own[:, :, :12])


def trained(marked: str, seed: int) -> nn.Module:
    x, y = hans.delivered("train", marked=marked)
    torch.manual_seed(seed)
    net = hans.small_net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=200)
    batches = minibatches(x, y, batch_size=32, seed=seed)
    fit(net, batches, loss=cross_entropy, optimizer=optimizer, steps=200, schedule=schedule, label="a net")
    return net.eval()


def turned(net: nn.Module, row: int, column: int) -> tuple[float, float]:
    def answer(x: Tensor) -> Tensor:
        return predictions(net, x).argmax(1)

    def paste(x: Tensor) -> Tensor:
        return hans.pasted(x, row, column)

    def cover(x: Tensor) -> Tensor:
        return hans.covered(x, row, column)

    return lab.answers_that_turn(answer, hans.delivered("test")[0], paste, cover, hans.CLASS)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(2))
def test_the_network_passes_its_test_is_caught_by_its_maps_and_the_mark_is_why(seed: int) -> None:
    """What section 12 and the lab say, and the key of question 04.9, with margins."""
    net = trained("class", seed)
    test_x, test_y = hans.delivered("test")
    clean_x, _ = hans.delivered("test", marked="none")
    said = predictions(net, test_x).argmax(1)
    assert (said == test_y).float().mean() > 0.95
    own = test_y == hans.CLASS
    assert (said[own] == hans.CLASS).float().mean() > 0.95
    assert (predictions(net, clean_x[own]).argmax(1) == hans.CLASS).float().mean() < 0.25
    maps = lab.explain(net, net.features, test_x, lambda output: output.amax(1))
    suspect, row, column = lab.most_fixed(maps, said, 10)
    assert suspect == hans.CLASS
    assert abs(2 * row - hans.ROW) <= 2
    assert abs(2 * column - hans.COLUMN) <= 3
    there, elsewhere = turned(net, hans.ROW, hans.COLUMN), turned(net, 1, 1)
    assert there[0] > 0.3
    assert there[1] > 0.75
    assert max(elsewhere) < 0.1


@pytest.mark.nightly
def test_the_mended_network_does_not_care_about_the_mark() -> None:
    net = trained("half", 0)
    clean_x, test_y = hans.delivered("test", marked="none")
    assert (predictions(net, clean_x).argmax(1) == test_y).float().mean() > 0.95
    assert max(turned(net, hans.ROW, hans.COLUMN)) < 0.1
