"""Detections beside the truth: what is right is blue, what is not vermilion."""

import torch
from matplotlib.colors import to_hex

from lecture_utils.detection.structures import Detections
from lecture_utils.plotting import detections
from lecture_utils.plotting.style import BLUE, VERMILION

TRUTH = torch.tensor([[2.0, 2, 12, 12], [16, 4, 28, 20]]), torch.tensor([1, 0])
FOUND = Detections(
    torch.tensor([[2.0, 2, 12, 12], [3, 2, 12, 12], [16, 4, 28, 20], [0, 20, 6, 30]]),
    torch.tensor([1, 1, 2, 0]),
    torch.tensor([0.6, 0.9, 0.8, 0.3]),
)


def test_an_object_is_found_once_by_the_surest_box_of_its_class():
    right = detections.right_detections(TRUTH, FOUND)
    assert right.tolist() == [False, True, False, False]  # a double, found, another class, nothing there


def test_faults_are_what_was_missed_and_what_was_false():
    assert detections.faults_in(TRUTH, FOUND) == 1 + 3
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0))
    assert detections.faults_in(TRUTH, nothing) == 2


def test_right_is_blue_false_is_vermilion_and_truth_is_dashed():
    figure = detections.detection_rows(torch.rand(1, 3, 32, 32), [TRUTH], [FOUND], ["a", "b", "c"], "t")
    coloured = [p for p in figure.axes[0].patches if to_hex(p.get_edgecolor()).upper() in (BLUE, VERMILION)]
    assert [to_hex(p.get_edgecolor()).upper() for p in coloured] == [VERMILION, BLUE, VERMILION, VERMILION]
    dashed = [p for p in figure.axes[0].patches if p.get_linestyle() == "--"]
    assert {(p.get_x() + 0.5, p.get_width()) for p in dashed} == {(2, 10), (16, 12)}
    assert [t.get_text() for t in figure.axes[0].texts] == ["b 60%", "b 90%", "c 80%", "a 30%"]


def test_pictures_without_objects_or_detections_are_drawn():
    none = Detections(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0))
    truth = torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)
    figure = detections.detection_rows(torch.rand(1, 3, 32, 32), [truth], [none], ["a"], "t")
    assert not figure.axes[0].patches and len(figure.axes[0].images) == 1
