"""Where a detector's seconds go: parts and the rest add up to the whole, and no hook is left behind."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch07 import timing
from lecture_utils.chapters.ch07.timing import seconds_in, stage_seconds
from lecture_utils.detection.rcnn import RCNN
from lecture_utils.recipes import shapes_fast_rcnn, shapes_faster_rcnn, shapes_rcnn


class Clock:
    """Seconds that pass only when somebody works."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


class Work(nn.Module):
    """A part that takes so many seconds, or fails after them."""

    def __init__(self, clock: Clock, seconds: float, *, fails: bool = False) -> None:
        super().__init__()
        self.clock, self.seconds, self.fails = clock, seconds, fails

    def forward(self, x: Tensor) -> Tensor:
        self.clock.now += self.seconds
        if self.fails:
            raise RuntimeError("too much work")
        return x


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In place of the real one."""
    made = Clock()
    monkeypatch.setattr(timing, "time", made)
    return made


def hooks_of(*parts: nn.Module) -> int:
    return sum(len(x._forward_hooks) + len(x._forward_pre_hooks) for part in parts for x in part.modules())


def test_parts_and_the_rest_add_up_to_the_whole(clock: Clock) -> None:
    first, second, x = Work(clock, 2.0), Work(clock, 3.0), torch.zeros(1)

    def run() -> None:
        clock.now += 0.5
        second(first(x))
        clock.now += 1.0

    assert seconds_in(run, {"one": first, "two": second}) == {"one": 2.0, "two": 3.0, "regions": 1.5}
    assert seconds_in(run, {"two": second}) == {"two": 3.0, "regions": 3.5}
    assert seconds_in(run, {}) == {"regions": 6.5}
    assert hooks_of(first, second) == 0


def test_a_part_that_is_called_twice_counts_twice_and_one_that_is_not_called_nothing(clock: Clock) -> None:
    part, idle, x = Work(clock, 2.0), Work(clock, 9.0), torch.zeros(1)
    found = seconds_in(lambda: part(part(x)), {"network": part, "idle": idle})
    assert found == {"network": 4.0, "idle": 0.0, "regions": 0.0}
    again = seconds_in(lambda: part(x), {"network": part})
    assert again == {"network": 2.0, "regions": 0.0}, "runs do not add up"


def test_no_hook_stays_also_after_an_error(clock: Clock) -> None:
    good, bad = Work(clock, 1.0), Work(clock, 1.0, fails=True)
    with pytest.raises(RuntimeError, match="too much work"):
        seconds_in(lambda: bad(good(torch.zeros(1))), {"good": good, "bad": bad})
    assert hooks_of(good, bad) == 0


@pytest.fixture(scope="module")
def trio() -> tuple[RCNN, nn.Module, nn.Module]:
    """Untrained; R-CNN's SVMs are sure of everything, so that they leave work for NMS."""
    torch.manual_seed(0)
    rcnn = shapes_rcnn.build()
    rcnn.svm_bias.fill_(1.0)
    return rcnn.eval(), shapes_fast_rcnn.build().eval(), shapes_faster_rcnn.build().eval()


def test_the_stages_of_the_three_are_all_there(trio: tuple[RCNN, nn.Module, nn.Module]) -> None:
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    found = stage_seconds(image, *trio)
    assert list(found) == ["R-CNN", "Fast R-CNN", "Faster R-CNN"]
    for stages in found.values():
        assert set(stages) == {"proposals", "network", "regions"} and min(stages.values()) > 0
    assert found["R-CNN"]["proposals"] == found["Fast R-CNN"]["proposals"], "searched once, for both"
    assert hooks_of(*trio) == 0


def slowed(clock: Clock, function: Callable[..., Tensor], seconds: float) -> Callable[..., Tensor]:
    def run(*given: Tensor) -> Tensor:
        clock.now += seconds
        return function(*given)

    return run


def test_each_stage_has_the_seconds_of_its_own_part(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, trio: tuple[RCNN, nn.Module, nn.Module]
) -> None:
    """Searching takes 7 seconds, each pass of a backbone 1, proposing 0.25, and a part of the heads 0.5."""
    rcnn, fast, faster = trio
    few = torch.tensor([[0.0, 0, 20, 20], [10, 10, 60, 50]]).repeat(75, 1)  # 150: two batches of 128

    monkeypatch.setattr(timing, "selective_search", slowed(clock, lambda _: few, 7.0))
    features = rcnn.features
    assert isinstance(features, nn.Module)
    for part, seconds in (
        (features, 1.0), (fast.backbone, 1.0), (faster.backbone, 1.0), (faster.rpn, 0.25),
        (fast.heads.pooling, 0.5), (faster.heads.pooling, 0.5),
    ):  # fmt: skip
        monkeypatch.setattr(part, "forward", slowed(clock, part.forward, seconds))
    assert stage_seconds(torch.rand(3, 64, 64), *trio) == {
        "R-CNN": {"proposals": 7.0, "network": 2.0, "regions": 0.0},
        "Fast R-CNN": {"proposals": 7.0, "network": 1.0, "regions": 0.5},
        "Faster R-CNN": {"proposals": 0.25, "network": 1.0, "regions": 0.5},
    }
