"""Chapter 16's lab: slips that a reader of the notebook made, of which each is refused and named."""

from typing import Any

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch16 import lab_ddpm
from lecture_utils.chapters.ch16.lab import LAB
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from tests.chapters.ch16.test_ddpm_lab_wrong_answers import Mine, jump, stepping
from tests.wrong_answers import check_hint

STEP_1, STEP_2, _ = LAB.steps


# --- step 1 ----------------------------------------------------------------------------------------
class AskedAs(Mine):
    """Asks the network in a step about what a method says."""

    def asked(self, t: int, pictures: int) -> Any:
        return torch.full((pictures,), t)

    def clean(self, x: Tensor, labels: Tensor, t: int) -> Tensor:
        left = self.alpha_bar[t]
        v = self.network(x, self.asked(t, len(x)), self.wish(labels))
        return (left.sqrt() * x - (1 - left).sqrt() * v).clip(-1, 1)

    def wish(self, labels: Tensor) -> Tensor:
        return labels


class OneStep(AskedAs):
    def asked(self, t: int, pictures: int) -> Any:
        return torch.tensor(t)


class PlainStep(AskedAs):
    def asked(self, t: int, pictures: int) -> Any:
        return t


class FloatStep(AskedAs):
    def asked(self, t: int, pictures: int) -> Any:
        return torch.full((pictures,), float(t))


class OneLabel(AskedAs):
    def wish(self, labels: Tensor) -> Tensor:
        return labels[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (OneStep, "t: got torch.int64 (), want torch.int64 (1,)"),
        (PlainStep, "t: got int, want torch.int64 (1,)"),
        (FloatStep, "t: got torch.float32 (1,), want torch.int64 (1,)"),
        (OneLabel, "labels: got torch.int64 (), want torch.int64 (1,)"),
    ],
)
def test_a_network_asked_in_another_shape_refuses_and_says_what_it_wants(answer: Any, said: str) -> None:
    assert examine(STEP_1, AskedAs).state == "right"
    found = examine(STEP_1, answer)
    assert (found.state, found.reason) == ("wrong", "raises") and said in found.problem, found


def test_the_notebooks_own_network_takes_what_the_check_takes_and_refuses_one_step_for_all() -> None:
    net, x, labels = lab_ddpm.network(0), torch.zeros(2, 1, 8, 8), torch.tensor([3, 7])
    AskedAs(net, 10).step(x, labels, 5, x)
    with pytest.raises(ValueError, match="t: got"):
        OneStep(net, 10).step(x, labels, 5, x)


class AskedAboutTheNext(AskedAs):
    def asked(self, t: int, pictures: int) -> Any:
        return torch.full((pictures,), t - 1)


class NoiseByStep(Mine):
    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        x = noise[0]
        for t in range(len(self.beta) - 1, 0, -1):
            x = self.step(x, labels, t, noise[t - 1])
        return x.detach()


class SharesOfStart(Mine):
    """ᾱ as the paper defines it; only β is held."""

    def __init__(self, net: Any, steps: int) -> None:
        super().__init__(net, steps)
        left = [self.f(t / steps) / self.f(0) for t in range(steps + 1)]
        self.alpha_bar = torch.tensor(left, dtype=torch.float64)


class Remembers(Mine):
    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        x, steps = noise[0], len(self.beta) - 1
        for t in range(steps, 0, -1):
            x = self.step(x, labels, t, noise[(steps + 1 - t) % steps])
        return x


class RemembersAndDoesNotClip(Remembers):
    def clean(self, x: Tensor, labels: Tensor, t: int) -> Tensor:
        left = float(self.alpha_bar[t])
        return left**0.5 * x - (1 - left) ** 0.5 * self.network(x, torch.tensor([t] * len(x)), labels)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (AskedAboutTheNext, "In your step the network hears t - 1"),
        (NoiseByStep, "noise[t - 1]"),
        (SharesOfStart, "f(t) / f(0)"),
        (Remembers, "kept for gradients"),
        (RemembersAndDoesNotClip, "[-1, 1]"),
    ],
)
def test_a_slip_of_the_model_gets_its_own_hint(answer: Any, word: str) -> None:
    check_hint(STEP_1, answer, word, "value")


def test_digits_of_a_class_that_keeps_gradients_are_drawn_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_ddpm, "judged", lambda images: images)
    images: Any = lab_ddpm.samples(Remembers(lab_ddpm.network(0), 2), steps=2)
    assert images.shape == (300, 1, 8, 8) and not images.requires_grad


# --- step 2 ----------------------------------------------------------------------------------------
def left(t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> float:
    return float(alpha_bar[t] / alpha_bar[s])


def shifted(t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> float:
    return 1 - float(torch.prod(1 - beta[s:t]))


def added(t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
    return beta[s + 1 : t + 1].sum()  # not held at 1


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (stepping(shifted), "beta[s:t]"),
        (stepping(added), "add up"),
        (stepping(jump, first="None"), "first letter is not there"),
        (stepping(jump, second="None"), "second letter is not there"),
        # letters come first, whatever the step is
        (stepping(left, first="None"), "first letter is not there"),
        (stepping(left, second="None"), "second letter is not there"),
        (stepping(left, first="B", second="C"), "0.64 to 0.41"),
        (stepping(added, second="C"), "linear schedule"),
        (stepping(left), "is what is left"),
    ],
)
def test_a_slip_of_the_diagnosis_gets_its_own_hint(answer: Any, word: str) -> None:
    check_hint(STEP_2, answer, word, "value")


def test_letters_that_do_not_fit_are_told_though_the_step_raises() -> None:
    def nothing(*given: Any) -> float:
        raise IndexError("index 9 is out of bounds")

    check_hint(STEP_2, stepping(nothing, second="D"), "with v for ε", "value")
    found = examine(STEP_2, stepping(nothing))
    assert found.reason == "raises" and known_mistake(STEP_2, stepping(nothing), found) is None
