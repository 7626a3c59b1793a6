"""Pictures of bodies: sides and scales are right, colours can be read, near things hide what is behind."""

import re

import numpy as np
import pytest
import torch

from lecture_utils.body.skeleton import UPRIGHT, joint_index
from lecture_utils.ops.camera import orbit, project
from lecture_utils.ops.rotation import axis_angle_to_matrix
from lecture_utils.plotting import bodies, body_pictures, fits, skeletons
from lecture_utils.plotting.style import BLUE, INK, ORANGE, rgb
from tests.body.stick import stick_body

MODEL = stick_body()
REST = MODEL.template
SQUARE = torch.tensor(
    [[-0.5, 0.0, -0.5], [0.5, 0.0, -0.5], [0.5, 0.0, 0.5], [-0.5, 0.0, 0.5]]
)  # seen from -y
FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])


def camera(size=(100, 80), height_m=2.0):
    return body_pictures.view_camera((-90.0, 0.0), size, (0.0, 0.0, 0.0), height_m)


def coloured(name, colour="#D55E00"):
    """The stick body's vertices that follow a joint most, in a colour of their own."""
    mine = MODEL.weights.argmax(1) == joint_index(name)
    return torch.where(mine[:, None], torch.tensor(rgb(colour)), torch.tensor([0.5, 0.5, 0.5]))


def where_red(image):
    """The mean row and column of what is redder than grey."""
    rows, columns = np.nonzero(image[..., 0] - image[..., 2] > 0.2)
    assert len(rows) > 5
    return rows.mean(), columns.mean()


# The two frames
def test_a_body_stands_up_as_the_root_rotation_has_it():
    turn = axis_angle_to_matrix(torch.tensor([UPRIGHT]))[0]
    torch.testing.assert_close(body_pictures.in_world(REST), REST @ turn.T, atol=1e-6, rtol=0)
    assert body_pictures.in_world(REST, "z") is not None
    torch.testing.assert_close(body_pictures.in_world(REST, "z"), REST)


def test_its_left_is_on_the_right_from_the_front_and_on_the_left_from_behind():
    painted = coloured("left_hand")
    front, back = (
        where_red(body_pictures.body_image(REST, MODEL.faces, view=view, colours=painted, flat=1.0))[1]
        for view in ("front", "back")
    )
    assert front > 150 and back < 50  # of 200


def test_from_its_left_it_faces_left():
    foot = body_pictures.body_image(REST, MODEL.faces, view="side", colours=coloured("left_foot"), flat=1.0)
    hip = body_pictures.body_image(REST, MODEL.faces, view="side", colours=coloured("left_hip"), flat=1.0)
    assert where_red(foot)[1] < where_red(hip)[1] - 10 and where_red(foot)[0] > where_red(hip)[0] + 100


# Layers
def test_a_square_covers_its_area():
    layer = body_pictures.body_layer(SQUARE, FACES, camera())
    assert layer[..., 3].sum() * (2.0 / 100) ** 2 == pytest.approx(1.0, rel=0.01)


def test_flat_colours_are_the_colours_given_and_shading_keeps_their_hue():
    table = torch.tensor([[0.2, 0.5, 0.9]]).expand(4, 3)
    flat = body_pictures.body_layer(SQUARE, FACES, camera(), table, flat=1.0)
    np.testing.assert_allclose(flat[50, 40], [0.2, 0.5, 0.9, 1.0], atol=1e-5)
    lit = body_pictures.body_layer(SQUARE, FACES, camera(), table)[50, 40, :3]
    np.testing.assert_allclose(lit / lit.sum(), np.array([0.2, 0.5, 0.9]) / 1.6, atol=1e-4)


def test_light_comes_from_the_upper_left_and_the_rim_is_darker():
    trunk = body_pictures.body_image(REST, MODEL.faces, view="front", size=(340, 340), colours="#808080")
    row = trunk[125, :, 0]
    inside = np.nonzero((row < 0.999) & (np.abs(np.arange(340) - 170) < 40))[0]
    left, middle, right = (row[inside[k]] for k in (3, len(inside) // 2, -4))
    assert middle > left > right


def test_what_is_nearer_hides_what_is_behind_and_insides_are_not_drawn():
    near = SQUARE * 0.5 - torch.tensor([0.0, 0.3, 0.0])
    for order in ([near, SQUARE], [SQUARE, near]):
        tints = ["#FF0000" if body is near else "#0000FF" for body in order]
        mesh = body_pictures.together(order, FACES, tints)
        layer = body_pictures.body_layer(*mesh[:2], camera(), mesh[2], flat=1.0)
        np.testing.assert_allclose(layer[50, 40], [1, 0, 0, 1], atol=1e-5)
        np.testing.assert_allclose(layer[70, 40], [0, 0, 1, 1], atol=1e-5)
    assert body_pictures.body_layer(SQUARE, FACES.flip(1), camera()).max() == 0


@pytest.mark.parametrize("view", body_pictures.VIEWS)
@pytest.mark.parametrize(("target", "height_m"), [((0.0, 0.0, 0.85), 2.6), ((0.4, 0.3, 0.2), 1.4)])
def test_drawing_a_part_of_the_picture_changes_nothing(view, target, height_m, monkeypatch):
    seen = body_pictures.view_camera(view, (90, 70), target, height_m)
    world = body_pictures.in_world(REST)
    part = body_pictures.body_layer(world, MODEL.faces, seen)
    monkeypatch.setattr(body_pictures, "_window", lambda world, camera: (0, 0, camera))
    whole = body_pictures.body_layer(world, MODEL.faces, seen)
    assert 0.01 < whole[..., 3].mean() < 0.9
    assert (np.abs(part - whole).max(-1) > 1e-3).mean() < 1e-3  # a dot on an edge may fall to either side


def test_a_body_outside_the_picture_leaves_it_as_it_is():
    layer = body_pictures.body_layer(SQUARE + 30.0, FACES, camera())
    assert layer.shape == (100, 80, 4) and layer.max() == 0
    assert body_pictures.body_layer(SQUARE - torch.tensor([0.0, 50.0, 0.0]), FACES, camera()).max() == 0


def test_a_layer_at_half_strength_is_half_way():
    picture = np.full((100, 80, 3), 0.2, dtype=np.float32)
    layer = body_pictures.body_layer(SQUARE, FACES, camera(), "#FFFFFF", flat=1.0)
    laid = body_pictures.lay_over(picture, layer, 0.5)
    np.testing.assert_allclose(laid[50, 40], 0.6, atol=1e-5)
    np.testing.assert_allclose(laid[2, 2], 0.2, atol=1e-6)


# Figures
def rows_of(ax):
    """First and last row that is not white."""
    rows = np.nonzero((np.asarray(ax.images[0].get_array()) < 0.98).any((1, 2)))[0]
    return rows.min(), rows.max()


def test_bodies_are_drawn_at_one_scale_and_stand_on_one_line():
    fig = bodies.body_views([REST, 0.5 * REST], MODEL.faces, ["tall", "small"], view="front")
    (top, bottom), (small_top, small_bottom) = (rows_of(ax) for ax in fig.axes)
    assert (bottom - top) / (small_bottom - small_top) == pytest.approx(2.0, abs=0.04)
    assert abs(bottom - small_bottom) <= 0.02 * (bottom - top)
    assert [ax.get_title() for ax in fig.axes] == ["tall", "small"]


def test_one_body_from_many_sides_and_nothing_is_cut_off():
    pose = torch.zeros(1, 24, 3)
    pose[0, joint_index("left_hip"), 0] = -1.5
    skin = MODEL(torch.zeros(1, 1), pose).vertices
    fig = bodies.body_views(skin, MODEL.faces, view=list(body_pictures.VIEWS))
    assert len(fig.axes) == len(body_pictures.VIEWS)
    for ax in fig.axes:
        image = np.asarray(ax.images[0].get_array())
        assert min(image[0].min(), image[-1].min(), image[:, 0].min(), image[:, -1].min()) > 0.98


def test_weights_of_one_joint_go_from_pale_to_blue():
    weights = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    own = bodies.weight_colours(weights, 0)
    torch.testing.assert_close(own[0], torch.tensor(rgb(BLUE)))
    torch.testing.assert_close(own[1], torch.tensor(rgb(bodies.PALE)))
    torch.testing.assert_close(own[2], (own[0] + own[1]) / 2)
    every = bodies.weight_colours(MODEL.weights)
    parent = torch.tensor([max(p, 0) for p in MODEL.parents])
    pure = bodies.weight_colours(torch.eye(24))
    assert ((pure - pure[parent]).abs().amax(1)[1:] > 0.2).all(), "a joint differs from its parent"
    torch.testing.assert_close(every, MODEL.weights @ pure)


def test_errors_read_off_the_bar():
    errors = torch.linspace(0, 0.1, len(REST))
    fig = bodies.error_views([REST], MODEL.faces, [errors])
    bar = fig.axes[-1]
    assert bar.get_ylim() == (0.0, 100.0) and "mm" in bar.get_ylabel()
    table = bodies.error_colours(torch.tensor([0.0, 0.02, 0.05, 0.5]), 50.0)
    grey = table @ torch.tensor([0.299, 0.587, 0.114])
    assert (grey[:3].diff() < 0).all(), "darker is more, also without colour"
    torch.testing.assert_close(table[3], bodies.error_colours(torch.tensor([0.05]), 50.0)[0])


@pytest.mark.parametrize(
    ("value", "want"), [(0.97, 1.0), (1.2, 2.0), (31.0, 50.0), (100.0, 100.0), (0.0, 0.1)]
)
def test_limits_are_round(value, want):
    assert bodies._round_up(value) == pytest.approx(want)


def test_a_body_of_seven_thousand_vertices_turns_in_under_300_kilobytes():
    u, v = torch.meshgrid(torch.arange(70), torch.arange(100), indexing="ij")
    a, b = 2 * torch.pi * u / 70, 2 * torch.pi * v / 100
    ring = torch.stack([(1 + 0.3 * a.cos()) * b.cos(), 0.3 * a.sin(), (1 + 0.3 * a.cos()) * b.sin()], -1)
    at = (u * 100 + v).flatten()
    right, down = (u * 100 + (v + 1) % 100).flatten(), ((u + 1) % 70 * 100 + v).flatten()
    across = ((u + 1) % 70 * 100 + (v + 1) % 100).flatten()
    faces = torch.cat([torch.stack([at, right, across], 1), torch.stack([at, across, down], 1)])
    shown = bodies.body_orbit(
        ring.reshape(-1, 3), faces, torch.rand(7000, 3), alt="A ring in many colours.", view="side"
    )
    assert len(faces) == 14_000 and len(shown.page.encode()) < 300_000
    assert re.search(r'"view": \[0\.0, ', shown.page)


# Skeletons
def test_a_person_s_left_is_blue():
    assert skeletons.joint_colour(joint_index("left_knee")) == BLUE
    assert skeletons.joint_colour(joint_index("right_knee")) == ORANGE
    assert skeletons.joint_colour(joint_index("neck")) == INK


def test_bones_have_the_colours_of_their_sides_and_unknown_joints_are_left_out():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    places = MODEL.shaped(torch.zeros(1, 1))[1][0, :, :2].clone()
    places[joint_index("left_elbow")] = torch.nan  # with it two bones: its own and the wrist's
    skeletons.draw_skeleton(ax, places, confidence=torch.linspace(0, 1, 24))
    edges, bones = ax.collections[:2]
    assert len(bones.get_segments()) == len(edges.get_segments()) == 21
    hues = {tuple(round(float(x), 3) for x in colour[:3]) for colour in bones.get_colors()}
    assert hues == {tuple(round(x, 3) for x in rgb(colour)) for colour in (BLUE, ORANGE, INK)}
    assert len(ax.collections) == 2 + 23
    sizes = [dot.get_sizes()[0] for dot in ax.collections[2:]]
    assert sizes == sorted(sizes), "the surer, the larger"


def test_pictures_with_several_people_and_the_truth():
    joints = torch.rand(2, 24, 2) * 60
    fig = skeletons.joints_on_pictures(
        torch.rand(2, 3, 60, 60), [joints, joints[:1]], ["two", "one"],
        confidence=[torch.rand(2, 24), torch.rand(1, 24)], truth=[joints, joints[:1]],
    )  # fmt: skip
    many, few = (len(ax.collections) for ax in fig.axes)
    assert many == 2 * few
    assert {text.get_text() for text in fig.legends[0].get_texts()} >= {"truth", "the person's left"}


# Fits
def people():
    """Two persons in the world and the camera that sees them, with their joints in the picture."""
    pose = torch.zeros(2, 24, 3)
    pose[:, 0] = torch.tensor(UPRIGHT)
    posed = MODEL(torch.zeros(2, 1), pose, torch.tensor([[0.0, 0.0, 0.95], [0.2, 0.0, 0.95]]))
    eye = orbit(1, (120, 90), radius_m=4.0, elevation_deg=5.0, start_deg=-90.0, target=(0, 0, 0.9),
                field_of_view_deg=32.0)  # fmt: skip
    return posed, eye, project(posed.joints.flatten(0, 1), eye)[0][0].unflatten(0, (2, 24))


def test_a_fit_lies_over_the_joints_that_its_camera_sees():
    posed, eye, joints = people()
    picture = torch.ones(3, 120, 90)
    over = fits.fit_over(picture, posed.vertices[0], MODEL.faces, eye)
    covered = (over < 0.95).any(-1)
    inside = joints[0][(joints[0] >= 0).all(1) & (joints[0, :, 0] < 90) & (joints[0, :, 1] < 120)].long()
    assert len(inside) > 20 and covered[inside[:, 1], inside[:, 0]].mean() > 0.9
    assert covered.mean() < 0.3


def test_from_the_side_the_camera_is_to_the_left():
    posed, eye, _ = people()
    truth = posed.vertices[0]
    nearer = truth + torch.tensor([0.0, -0.4, 0.0])  # the camera stands where y is negative
    image = fits.side_image(nearer, truth, MODEL.faces, eye, (200, 200))
    blueness = image[..., 2] - image[..., 0]
    pale = (image.min(-1) < 0.97) & (blueness < 0.1)
    fit_at, truth_at = (np.nonzero(mask)[1].mean() for mask in (blueness > 0.25, pale))
    assert fit_at < truth_at - 15


def test_a_gallery_has_three_rows():
    posed, eye, joints = people()
    fig = fits.fit_gallery(
        torch.rand(2, 3, 120, 90), eye, posed.vertices, MODEL.faces, posed.vertices, ["a", "b"], joints=joints
    )
    assert len(fig.axes) == 6 and [ax.get_title() for ax in fig.axes[:2]] == ["a", "b"]
    assert [fig.axes[k].get_ylabel() for k in (0, 2, 4)] == [
        "the picture",
        "the fitted body over it",
        "from the side",
    ]
    assert len(fig.axes[0].collections) > 20 and not fig.axes[2].collections


# Bad input
BAD = {
    "view: got 'above'": lambda: bodies.body_views([REST], MODEL.faces, view="above"),
    "up: got 'x'": lambda: bodies.body_views([REST], MODEL.faces, up="x"),
    "titles: got 1 for 2": lambda: bodies.body_views([REST, REST], MODEL.faces, ["one"]),
    "vertices: got": lambda: bodies.body_views([REST[:, :2]], MODEL.faces),
    "colours: got 0 to 2": lambda: bodies.body_views(
        [REST], MODEL.faces, colours=2 * REST.clamp(0, 1).round()
    ),
    "faces: got": lambda: bodies.body_views([REST], MODEL.faces + 1),
    "joint: got 24": lambda: bodies.weight_colours(MODEL.weights, 24),
    "limit_mm: got": lambda: bodies.error_colours(torch.zeros(3), 0.0),
    "camera: got 2": lambda: body_pictures.body_layer(REST, MODEL.faces, orbit(2, (8, 8))),
    "picture: got": lambda: body_pictures.lay_over(np.ones((5, 5, 3)), np.ones((6, 5, 4))),
    "joints: got": lambda: skeletons.joints_on_pictures(torch.rand(1, 3, 8, 8), torch.rand(1, 23, 2)),
    "confidence: got": lambda: skeletons.joints_on_pictures(
        torch.rand(1, 3, 8, 8), torch.rand(1, 24, 2), confidence=torch.full((1, 24), 1.5)
    ),
    "truth: got 2 for 1": lambda: skeletons.joints_on_pictures(
        torch.rand(1, 3, 8, 8), torch.rand(1, 24, 2), truth=torch.rand(2, 24, 2)
    ),
    "fits: got 1 for 2": lambda: fits.fit_gallery(
        torch.rand(2, 3, 8, 8), orbit(1, (8, 8)), REST[None], MODEL.faces
    ),
    "cameras: got 3 for 2": lambda: fits.fit_gallery(
        torch.rand(2, 3, 8, 8), orbit(3, (8, 8)), torch.stack([REST, REST]), MODEL.faces
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_named(message):
    with pytest.raises(ValueError, match=re.escape(message)):
        BAD[message]()
