"""Chapter 16's lab: the model is DDPM, the faults show as they should, and the reading is what they say."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch16 import lab_ddpm, lab_debug, lab_interpret
from lecture_utils.chapters.ch16.lab import LAB
from lecture_utils.exercises.checker import labs
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.generative.diffusion import samplers
from lecture_utils.generative.diffusion.prediction import simple_loss
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas

STEP_1, STEP_2, STEP_3 = LAB.steps


def test_the_lab_is_the_chapters() -> None:
    assert labs("16") == [LAB]
    assert 30 <= LAB.minutes <= 40


# --- step 1 ----------------------------------------------------------------------------------------
def leaning(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
    """A network of no weights, of which every argument shows in the velocity."""
    return 0.4 * x + (0.3 * t.to(x).sin() + 0.05 * labels).view(-1, 1, 1, 1)


def drawn(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("steps", [1, 7, 100, 1000])
def test_its_schedule_is_the_cosine_one(steps: int) -> None:
    made, want = lab_ddpm.DigitDDPM(leaning, steps), NoiseSchedule(cosine_betas(steps))
    torch.testing.assert_close(made.beta, want.beta, rtol=1e-12, atol=0)
    torch.testing.assert_close(made.alpha_bar, want.alpha_bar, rtol=1e-12, atol=0)


def test_its_loss_is_the_simple_loss_of_the_velocity_in_double_precision() -> None:
    x0, noise, t = drawn(0, 9, 1, 4, 4), drawn(1, 9, 1, 4, 4), torch.randint(1, 21, (9,))
    labels = torch.arange(9)
    got = lab_ddpm.DigitDDPM(leaning, 20).loss(x0, labels, t, noise)
    want = simple_loss(
        lambda x, t: leaning(x, t, labels), NoiseSchedule(cosine_betas(20)), x0, t, noise, kind="v"
    )
    torch.testing.assert_close(got, want, rtol=1e-12, atol=0)


@pytest.mark.parametrize("steps", [4, 100])
def test_each_step_is_the_courses_own_in_double_precision(steps: int) -> None:
    made, schedule = lab_ddpm.DigitDDPM(leaning, steps), NoiseSchedule(cosine_betas(steps))
    x, noise, labels = 2 * drawn(2, 5, 1, 3, 3), drawn(3, 5, 1, 3, 3), torch.arange(5)
    for t in range(1, steps + 1):
        v = leaning(x, torch.full((5,), t), labels)
        want = samplers.ddpm_step(schedule, x, v, t, t - 1, noise, kind="v", clip=1.0)
        torch.testing.assert_close(made.step(x, labels, t, noise), want, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(made.step(x, labels, 1, noise), made.step(x, labels, 1, 9 * noise))


def test_its_samples_are_the_courses_ancestral_ones_with_the_same_noise() -> None:
    steps, labels = 12, torch.arange(4)
    noise, schedule = drawn(4, steps, 4, 1, 3, 3), NoiseSchedule(cosine_betas(steps))
    x, fresh = noise[0], iter([*noise[1:], torch.zeros_like(noise[0])])
    for t in range(steps, 0, -1):
        v = leaning(x, torch.full((4,), t), labels)
        x = samplers.ddpm_step(schedule, x, v, t, t - 1, next(fresh), kind="v", clip=1.0)
    torch.testing.assert_close(lab_ddpm.DigitDDPM(leaning, steps).sample(labels, noise), x)


def test_the_loss_reaches_every_weight_of_the_network_that_the_notebook_trains() -> None:
    net = lab_ddpm.network(0)
    for weight in net.parameters():  # some begin at 0, so that what is before them would hear nothing
        torch.nn.init.normal_(weight, std=0.1)
    x0, labels = next(lab_ddpm.batches(0))
    assert float(x0.min()) == -1 and float(x0.max()) == 1
    model = lab_ddpm.DigitDDPM(net, lab_ddpm.T)
    loss = model.loss(x0, labels, torch.randint(1, lab_ddpm.T + 1, (len(x0),)), torch.randn(x0.shape))
    loss.backward()
    told = [name for name, p in net.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]
    assert told == ["tokens.null"], "this one is for labels that are not told, of which the lab has none"


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [0, 3])
def test_what_the_notebook_trains_reaches_the_bar_and_a_deaf_network_does_not(seed: int) -> None:
    model = lab_ddpm.trained(lab_ddpm.DigitDDPM, seed)
    found = lab_ddpm.samples(model)
    assert found.accuracy >= lab_ddpm.LEAST_ACCURACY > 0.5
    assert found.distance <= lab_ddpm.MOST_DISTANCE and found.real < lab_ddpm.MOST_DISTANCE / 2
    hearing, model.net = model.net, lambda x, t, labels: hearing(x, t, torch.zeros_like(labels))
    assert lab_ddpm.samples(model).accuracy < 0.3, "zeros for every label"


# --- step 2 ----------------------------------------------------------------------------------------
SCHEDULE = NoiseSchedule(cosine_betas(1000))
GIVEN = SCHEDULE.beta, SCHEDULE.alpha_bar
RIGHT = lab_debug.Diagnosis().step


@pytest.mark.parametrize(("t", "s"), [(1000, 950), (500, 450), (3, 2), (50, 0)])
def test_the_mended_step_is_the_courses_own_in_double_precision(t: int, s: int) -> None:
    x, v, noise = drawn(5, 4, 1, 3, 3), drawn(6, 4, 1, 3, 3), drawn(7, 4, 1, 3, 3)
    want = samplers.ddpm_step(SCHEDULE, x, v, t, s, noise, kind="v", clip=1.0)
    torch.testing.assert_close(RIGHT(x, v, t, s, *GIVEN, noise), want, rtol=1e-9, atol=1e-12)


def test_the_first_fault_sleeps_where_no_step_is_skipped_and_the_second_does_not() -> None:
    x, v, noise = drawn(5, 4, 1, 3, 3), drawn(6, 4, 1, 3, 3), drawn(7, 4, 1, 3, 3)
    for t in (2, 500, 999):
        right = RIGHT(x, v, t, t - 1, *GIVEN, noise)
        torch.testing.assert_close(lab_debug.step_faulty(x, v, t, t - 1, *GIVEN, noise), right)
        assert float((lab_debug.step_unseen(x, v, t, t - 1, *GIVEN, noise) - right).abs().max()) > 1e-3


def test_the_second_faults_noise_is_the_square_of_what_it_should_be() -> None:
    x, v, one = drawn(5, 4, 1, 3, 3), drawn(6, 4, 1, 3, 3), torch.ones(4, 1, 3, 3, dtype=torch.float64)
    for t, s in ((1000, 950), (500, 450), (50, 0)):
        fresh, want = (
            float((step(x, v, t, s, *GIVEN, one) - step(x, v, t, s, *GIVEN, 0 * one)).mean())
            for step in (lab_debug.step_unseen, RIGHT)
        )
        assert math.isclose(fresh, want**2, abs_tol=1e-9)


def off_by_one(
    x: Tensor, v: Tensor, t: int, s: int, beta: Tensor, alpha_bar: Tensor, noise: Tensor
) -> Tensor:
    return RIGHT(x, v, t - 1, max(s - 1, 0), beta, alpha_bar, noise)


@pytest.mark.nightly
def test_each_fault_has_the_symptom_that_the_hints_speak_of() -> None:
    right, first, second, one = (
        lab_debug.walk(step) for step in (RIGHT, lab_debug.step_faulty, lab_debug.step_unseen, off_by_one)
    )
    for row in right.rows:
        assert abs(row.size - row.size_wanted) < 0.03 and abs(row.fresh - row.fresh_wanted) < 0.02
    assert right.samples.accuracy > 0.9 and right.samples.distance < 0.4
    assert first.rows[-1].size < 0.05 and first.samples.accuracy < 0.3, "grey"
    assert all(row.fresh < 0.5 * row.fresh_wanted**2 + 0.05 for row in first.rows[1:-1]), "no square"
    assert second.samples.accuracy > 0.9, "the digits are good ones"
    assert second.samples.distance > 2 * right.samples.distance, "and too much alike"
    assert all(abs(row.fresh - row.fresh_wanted**2) < 0.02 for row in second.rows)
    assert min(row.size / row.size_wanted for row in second.rows) < 0.8
    assert abs(second.rows[-1].size - second.rows[-1].size_wanted) < 0.05
    assert abs(one.samples.distance - right.samples.distance) < 0.05, "off by one shows nothing"


# --- step 3 ----------------------------------------------------------------------------------------
def settings(**changed: Any) -> dict[str, Any]:
    return {**STEP_3.reference, **changed}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"steps": 4, "scale": 2.0}, "got 8 calls"),
        ({"steps": 5}, "got 5 calls"),
        ({"steps": 0}, "got 0 calls"),
        ({"sampler": "ddim"}, "want steps, spacing, eta and scale"),
        ({"spacing": "even"}, "spacing"),
    ],
)
def test_settings_that_are_none_or_cost_too_much_are_told_so(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        lab_interpret.reading(settings(**wrong))
    found = examine(STEP_3, settings(**wrong))
    assert found.state == "wrong" and word in found.problem, found
    if "calls" in word:
        assert known_mistake(STEP_3, settings(**wrong), found) is None


def test_a_guided_step_costs_two_calls() -> None:
    assert [lab_interpret.calls(2, scale) for scale in (0, 0.5, 1, 1.5)] == [2, 4, 2, 4]


@pytest.mark.nightly
def test_the_reading_holds_on_both_splits_far_from_the_bar() -> None:
    """Spacing and guidance decide; which noise is added does not, and no bar lies between such settings."""
    good = [settings(), settings(eta=0.5), settings(eta=1.0), settings(spacing="linspace")]
    bad = [
        settings(spacing="leading"),
        settings(steps=2, scale=1.5),
        settings(steps=2, scale=3.0),
        settings(spacing="leading", steps=2, scale=2.0),
        settings(scale=0.0),
    ]
    for split in ("val", "test"):
        near, far = ([lab_interpret.reading(one, split) for one in group] for group in (good, bad))
        assert max(one.distance for one in near) < 0.36 < 0.45 < min(one.distance for one in far)
        guided = far[1]
        assert guided.accuracy >= near[0].accuracy > 0.97, "what guidance raises was high already"
    assert all(lab_interpret.nearness(one) >= lab_interpret.BAR for one in good)
    assert not any(lab_interpret.nearness(one) >= lab_interpret.BAR for one in bad)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"spacing": "leading", "steps": 2, "scale": 2.0}, "guided"),
        ({"steps": 2, "scale": 7.0, "eta": 0.3}, "guided"),
        ({"spacing": "leading", "eta": 0.1}, "pure noise"),
        ({"steps": 1}, "calls left"),
        ({"scale": 0.0, "spacing": "linspace"}, "not told"),
    ],
)
def test_settings_that_miss_the_bar_get_their_own_hint(changed: dict[str, Any], word: str) -> None:
    found = examine(STEP_3, settings(**changed))
    assert found.reason == "value", found
    shown = known_mistake(STEP_3, settings(**changed), found)
    assert shown is not None and word in shown.hint


def test_walks_of_the_three_spacings_begin_where_the_hint_says() -> None:
    first = {name: samplers.spaced_steps(1000, 4, name)[0] for name in ("leading", "trailing", "linspace")}
    assert first == {"leading": 751, "trailing": 1000, "linspace": 1000}
    assert all(a > b for a, b in itertools.pairwise(samplers.spaced_steps(1000, 4, "trailing")))
