"""The loop: the dictionary keeps the best, the fit starts at the network, the network learns from the fit."""

import pytest
import torch

from lecture_utils.body.spin import crop, fits, loop
from lecture_utils.body.spin.fits import BestFits, Fit
from tests.body.spin.pictures import JOINTS, SIZE, cameras, crops, network, people, plain_fit
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.5")


def a_fit(errors: list[float], mark: float, shape: float = 0.0) -> Fit:
    """Fits with these errors, all numbers of the pose being `mark`."""
    ones = torch.ones(len(errors), 24, 3)
    return Fit(mark * ones, shape * ones[:, :10, 0], mark * ones[:, 0], torch.tensor(errors))


def keeps_the_best(module) -> bool:
    """Three rounds: better, worse and better again; an unlikely person; numbers that are none."""
    best = module.BestFits(5, most_px=3.0)
    rows = torch.tensor([4, 1, 2])
    changed = [best.keep(rows, a_fit([2.0, 5, 2], 1)), best.keep(rows, a_fit([1.0, 6, torch.nan], 2))]
    changed += [best.keep(rows, a_fit([1.5, 4, 1], 3)), best.keep(rows, a_fit([0.1, 0.1, 0.1], 4, shape=3.5))]
    broken = a_fit([0.1, 0.1, 0.1], 5)
    broken.pose[:, 3] = torch.nan
    changed.append(best.keep(rows, broken))
    kept, usable = best.of(torch.arange(5))
    want = [[True, True, True], [True, False, False], [False, True, True], [False] * 3, [False] * 3]
    return (
        [x.tolist() for x in changed] == want
        and kept.error_px.tolist() == [torch.inf, 4, 1, torch.inf, 1]
        and kept.pose[:, 5, 1].tolist() == [0, 3, 3, 0, 2]
        and kept.translation[:, 2].tolist() == [0, 3, 3, 0, 2]
        and usable.tolist() == [False, False, True, False, True]
    )


def test_the_dictionary_keeps_the_best():
    assert keeps_the_best(fits)


@pytest.mark.parametrize(
    "fault",
    [
        (" & (fit.error_px < self.error_px[rows])", ""),  # keeps the latest
        (
            "fit.error_px < self.error_px[rows]",
            "fit.error_px > self.error_px[rows]",
        ),  # compares the wrong way
        ("better = whole & likely &", "better = whole &"),
        ("better = whole & likely &", "better = likely &"),
        ("self.error_px[chosen] = fit.error_px[better].detach()", "pass"),
        ("return fit, fit.error_px <= self.most_px", "return fit, fit.error_px >= 0"),
        ("self.pose[chosen] = fit.pose[better].detach()", "self.pose[: len(chosen)] = fit.pose[better]"),
    ],
)
def test_a_fault_in_the_dictionary_is_seen(fault):
    assert not keeps_the_best(planted("lecture_utils.body.spin.fits", fault))


def some_mirrored() -> loop.Crops:
    return loop.mirror_some(crops(4)[0], torch.tensor([True, False, True, False]))


def test_a_fit_of_a_mirrored_picture_is_kept_for_the_picture_as_it_was():
    pose, shape, place = people(4)
    place[:, 0] += 0.3
    straight = Fit(pose, shape, place, torch.zeros(4))
    there = loop.unmirrored(straight, some_mirrored().mirrored)
    assert not torch.equal(there.pose[0], pose[0]) and torch.equal(there.pose[1], pose[1])
    back = loop.unmirrored(there, some_mirrored().mirrored)
    torch.testing.assert_close(back.pose, pose)
    torch.testing.assert_close(back.translation, place)


def test_mirroring_twice_gives_the_crops_back():
    once, (plain, _) = some_mirrored(), crops(4)
    assert torch.equal(once.images[0], plain.images[0].flip(-1)) and torch.equal(
        once.images[1], plain.images[1]
    )
    twice = loop.mirror_some(once, torch.tensor([True, False, True, False]))
    assert not twice.mirrored.any() and torch.equal(twice.images, plain.images)
    torch.testing.assert_close(twice.joints2d, plain.joints2d)


def goes_round(module) -> bool:
    """The truth as the fit: what the dictionary then holds, and that a network that says it has no loss."""
    batch, _ = crops(4)
    batch = module.mirror_some(batch, torch.tensor([True, False, True, False]))
    pose, shape, place = people(4)
    truth = module.unmirrored(Fit(pose, shape, place, torch.zeros(4)), batch.mirrored)
    started = []

    def perfect(*given):
        started.append(given)
        return truth.pose, truth.shape, truth.translation

    best, net = BestFits(4, most_px=1.0), network()
    loss = module.spin_loss(net, batch, cameras(4), JOINTS, best, perfect)
    guess = net(batch.images)
    at_network = torch.allclose(
        started[0][2], crop.weak_to_translation(guess.camera, cameras(4)), atol=1e-4
    ) and not any(x.requires_grad for x in started[0][:3])
    kept, usable = best.of(torch.arange(4))
    right = torch.allclose(kept.pose, pose, atol=1e-6) and torch.allclose(kept.translation, place)
    turned = (guess.rotations - loop.axis_angle_to_matrix(truth.pose)).square().mean()
    shaped = (guess.shape - truth.shape).square().mean()
    seen = loop.picture_loss(guess, JOINTS, batch.joints2d, batch.confidence, cameras(4))
    whole = torch.allclose(loss, seen + turned + 0.001 * shaped)
    return at_network and right and whole and bool(usable.all()) and float(kept.error_px.max()) < 1e-3


def test_one_round_of_the_loop():
    assert goes_round(loop)


@pytest.mark.parametrize(
    "fault",
    [
        ("fits.keep(crops.rows, unmirrored(found, crops.mirrored))", "fits.keep(crops.rows, found)"),
        ("best = unmirrored(best, crops.mirrored)", "pass"),
        ("sign = torch.tensor([-1.0, 1.0, 1.0])", "sign = torch.tensor([1.0, 1.0, 1.0])"),
        ("return seen + weights.rotations * turned", "return seen"),
        ("weak_to_translation(start.camera, cameras)", "start.camera"),
        ("start = guess.detach()", "start = guess"),
    ],
)
def test_a_fault_in_the_loop_is_seen(fault):
    assert not goes_round(planted("lecture_utils.body.spin.loop", fault))


def test_a_bad_fit_teaches_nothing():
    batch, _ = crops(4)
    net = network()

    def far_off(pose, shape, translation, *_):
        return pose + 1, shape, translation + 5

    best = BestFits(4, most_px=0.5)
    loss = loop.spin_loss(net, batch, cameras(4), JOINTS, best, far_off)
    seen = loop.picture_loss(net(batch.images), JOINTS, batch.joints2d, batch.confidence, cameras(4))
    assert torch.equal(loss, seen) and not best.of(torch.arange(4))[1].any()


def test_one_step_down_the_gradient_lowers_the_loss():
    batch, _ = crops(4)
    net, best = network(), BestFits(4, most_px=1.0)
    truth = people(4)

    def value():
        return loop.spin_loss(net, batch, cameras(4), JOINTS, best, lambda *_: truth)

    before = value()
    before.backward()
    torch.optim.SGD(net.parameters(), 1e-2).step()
    assert value() < before


def test_one_batch_is_learned_in_the_loop_without_a_3d_label():
    batch, joints = crops(4)
    net, best = network(), BestFits(4, most_px=2.0)
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    values = []
    for _ in range(60):
        loss = loop.spin_loss(net, batch, cameras(4), JOINTS, best, plain_fit)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad.isfinite().all() for p in net.parameters())
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.1 * values[0]
    kept, _ = best.of(torch.arange(4))
    teacher = JOINTS(kept.shape, loop.axis_angle_to_matrix(kept.pose), kept.translation)
    with torch.no_grad():
        guess, before = (JOINTS.of(one(batch.images), cameras(4)) for one in (net, network()))
    guess, before, teacher, truth = (x - x[:, :1] for x in (guess, before, teacher, joints))

    def off(x, y):
        return (x - y).norm(dim=-1).mean()

    assert off(guess, teacher) < off(before, teacher) / 3, "it says what its teacher says"
    assert off(guess, truth) < off(before, truth), "which is nearer to the truth in space too"
    assert best.error_px.max() < 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BestFits(0, most_px=1), "count"),
        (lambda: BestFits(3, most_px=0), "most_px"),
        (lambda: BestFits(3, most_px=1).keep(torch.tensor([1, 1]), a_fit([1.0, 1], 0)), "twice"),
        (lambda: BestFits(3, most_px=1).keep(torch.tensor([1, 3]), a_fit([1.0, 1], 0)), "0 to 2"),
        (lambda: BestFits(3, most_px=1).of(torch.tensor([-1])), "0 to 2"),
        (lambda: loop.mirror_some(crops(2)[0], torch.tensor([1, 0])), "bool"),
        (lambda: loop.Crops(torch.rand(2, 3, SIZE, SIZE), torch.rand(3, 24, 2), torch.rand(3, 24),
            torch.arange(2), torch.zeros(2, dtype=torch.bool)), "joints2d"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
