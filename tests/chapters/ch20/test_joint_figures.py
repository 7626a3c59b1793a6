"""Chapter 20: the skeleton's figure shows what moved, and a close-up has one title a skin."""

import pytest
import torch
from matplotlib.colors import to_hex

from lecture_utils.body.lbs import forward_kinematics
from lecture_utils.body.skeleton import PARENTS, joint_index
from lecture_utils.chapters.ch20.joint_figures import closeups, moved_joints, skeletons_figure
from lecture_utils.ops.rotation import axis_angle_to_matrix
from lecture_utils.plotting.display import pixels
from lecture_utils.plotting.style import VERMILION
from tests.body.stick import stick_body

pytestmark = pytest.mark.system("S20.2")


def test_what_moved_is_named_and_drawn_in_vermilion() -> None:
    rest = stick_body().shaped(torch.zeros(1, 1))[1]
    pose = torch.zeros(1, 24, 3)
    pose[0, joint_index("left_elbow"), 2] = 1.0
    posed, _ = forward_kinematics(axis_angle_to_matrix(pose), rest, PARENTS)
    assert moved_joints(rest[0], posed[0]) == ["left_wrist", "left_hand"]
    assert moved_joints(rest[0], rest[0]) == []
    _, after = skeletons_figure(rest[0], posed[0], PARENTS, "turned").axes
    assert sum(to_hex(line.get_color()).upper() == VERMILION for line in after.lines) == 2


def test_joints_of_another_number_are_refused() -> None:
    with pytest.raises(ValueError, match="second: got"):
        moved_joints(torch.zeros(24, 3), torch.zeros(23, 3))


def test_a_close_up_has_one_title_a_skin_and_shows_the_joint() -> None:
    body = stick_body()
    skin = body.template
    with pytest.raises(ValueError, match="titles: got 1 for 2 skins"):
        closeups(body, [skin, skin], joint_index("left_elbow"), ["one"])
    red = torch.tensor([1.0, 0.0, 0.0]).expand(len(skin), 3)
    figure = closeups(body, [skin, skin], joint_index("left_elbow"), ["", ""], colours=[red, None], size=1.5)
    drawn = pixels(figure, 60).astype(int)
    red_left, red_right = ((half[..., 0] > 2 * half[..., 2].clip(1)).mean() for half in
                           (drawn[:, : drawn.shape[1] // 2], drawn[:, drawn.shape[1] // 2 :]))  # fmt: skip
    assert red_left > 0.05 and red_right < 0.001
