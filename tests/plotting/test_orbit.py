"""What can be turned: its data give the points back, the still picture is the first view, lines are right."""

import base64
import io
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lecture_utils.ops import camera
from lecture_utils.plotting.orbit import orbit_mesh, orbit_points
from lecture_utils.plotting.orbit_still import project
from lecture_utils.plotting.wireframes import Lines, box_lines, camera_lines

ALT = "A cloud of points in a cube."


def cloud(count=50, seed=0):
    made = np.random.default_rng(seed)
    return made.uniform(-1, 1, (count, 3)), made.uniform(0, 1, (count, 3))


def stored(shown):
    """What the script reads."""
    store = json.loads(
        re.search(r'<script type="application/json">(.*?)</script>', shown.page, re.S).group(1)
    )
    kinds = {"places": "<i2", "lines": "<i2", "colours": "<u2", "lineColours": "<u2"}
    kinds["faces"] = "<u4" if store["wide"] else "<u2"
    return store | {name: np.frombuffer(base64.b64decode(store[name]), kind) for name, kind in kinds.items()}


def picture(shown):
    return np.asarray(Image.open(io.BytesIO(shown.png)).convert("RGB")).astype(int)


def test_places_come_back_up_to_shift_and_scale():
    points, _ = cloud()
    places = stored(orbit_points(points, alt=ALT))["places"].reshape(-1, 3).astype(float)
    centred = [x - x.mean(0) for x in (points, places)]
    scale = (centred[0] * centred[1]).sum() / (centred[1] ** 2).sum()
    assert np.abs(centred[0] - scale * centred[1]).max() < 2e-4
    assert np.abs(places).max() <= 32767


def test_colours_come_back_to_a_32nd_and_one_for_all_is_kept_once():
    points, colours = cloud()
    bits = stored(orbit_points(points, torch.from_numpy(colours), alt=ALT))["colours"].astype(int)
    back = np.stack([(bits >> 11) / 31, (bits >> 5 & 63) / 63, (bits & 31) / 31], 1)
    assert np.abs(back - colours).max() <= 0.5 / 31 + 1e-9
    assert len(stored(orbit_points(points, "#ff0000", alt=ALT))["colours"]) == 1


def test_four_thousand_points_take_sixty_kilobytes_and_ask_nobody_for_anything():
    page = orbit_points(*cloud(4000), alt=ALT).page
    assert len(page.encode()) <= 60_000
    assert not re.search(r"https?:|//cdn|import\s*\(|fetch\(|XMLHttp|src=\"(?!data:)", page)


def test_the_script_is_short_and_ships_with_the_package():
    root = Path(__file__).resolve().parents[2]
    for name in ("plotting/orbit.js", "widgets/turntable.js"):
        lines = (root / "lecture_utils" / name).read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 150 and max(map(len, lines)) <= 120
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert "**/*.js" in settings["tool"]["setuptools"]["package-data"]["lecture_utils"]


def test_the_same_call_gives_the_same_bytes():
    one, other = (orbit_points(*cloud(), alt=ALT) for _ in range(2))
    assert one.page == other.page and one.png == other.png


def test_words_cannot_leave_their_attribute():
    page = orbit_points(cloud()[0], alt='Points "><script>alert(1)</script> in a cube').page
    assert "<script>alert" not in page and page.count("<script") == 2


def test_it_shows_itself_with_a_picture_for_viewers_without_html():
    shown = orbit_points(cloud()[0], alt=ALT, size=(100, 140))
    data, metadata = shown._repr_mimebundle_()
    assert set(data) == {"text/html", "image/png", "text/plain"} and ALT in data["text/html"]
    assert metadata["image/png"] == {"alt": ALT, "width": 140, "height": 100}
    assert picture(shown).shape == (200, 280, 3)


def test_the_still_picture_shows_a_point_where_the_camera_of_the_course_sees_it():
    """`project` against `ops.camera`: an eye at that azimuth, elevation and distance, at the middle."""
    places = np.random.default_rng(1).uniform(-0.6, 0.6, (20, 3))
    got, near = project(places, (0.7, 0.4, 3.2, 2.0), (90, 120))
    eyes = camera.orbit(1, (90, 120), radius_m=3.2, elevation_deg=np.rad2deg(0.4), start_deg=np.rad2deg(0.7))
    eyes.intrinsics.data[:, [0, 1], [0, 1]] = 2.0 * 45
    want, depth = camera.project(torch.from_numpy(places).float(), eyes)
    np.testing.assert_allclose(got, want[0].numpy(), atol=1e-3)
    np.testing.assert_allclose(near, 1 / depth[0].numpy(), rtol=1e-5)


def test_near_things_hide_far_ones_in_the_still_picture():
    corners = np.array([[0.0, -1, -1], [0, 1, -1], [0, 1, 1], [0, -1, 1]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    for x, seen in ((0.8, True), (-0.8, False)):  # the eye is at +x
        line = Lines(np.array([[[x, -0.3, 0], [x, 0.3, 0]]]), "#ff0000")
        look = {"view_deg": (0.0, 0.0), "axes": False, "size": (120, 120)}
        image = picture(orbit_mesh(corners, faces, "#0000ff", alt="A wall and a line.", lines=[line], **look))
        red = (image[..., 0] > 200) & (image[..., 2] < 100)
        assert bool(red.any()) is seen and bool((image[..., 2] > 200).any())


def test_a_camera_s_lines_end_where_its_picture_does():
    cameras = camera.orbit(3, (30, 50), radius_m=2.5)
    lines = camera_lines(cameras, 0.4)
    assert lines.ends.shape == (3 * 8, 2, 3)
    for k in range(3):
        own = torch.from_numpy(lines.ends[8 * k : 8 * k + 4]).float()
        torch.testing.assert_close(own[:, 0], cameras.centre[k].expand(4, 3))
        pixels, depth = camera.project(own[:, 1], cameras[k])
        torch.testing.assert_close(depth, torch.full((1, 4), 0.4))
        assert pixels[0].round().tolist() == [[0, 0], [50, 0], [50, 30], [0, 30]]


def test_a_box_has_twelve_edges_along_the_axes():
    ends = box_lines((0, 0, 0), (1, 2, 3)).ends
    lengths = np.sort(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1))
    assert lengths.tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert len(np.unique(ends.reshape(-1, 3), axis=0)) == 8


@pytest.mark.parametrize(
    "bad",
    [{"points": np.zeros((0, 3))}, {"points": np.zeros((4, 2))}, {"points": np.full((4, 3), np.nan)},
     {"colours": np.zeros((3, 3))}, {"colours": np.full((50, 3), 200.0)}, {"alt": ""}, {"alt": "points"},
     {"radius_px": 0}, {"view_deg": (1.0,)}, {"size": (0, 5)}, {"zoom": -1.0},
     {"lines": [Lines(np.zeros((2, 3)))]}, {"points": np.zeros((400_000, 3))}],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused(bad):
    arguments = {"points": cloud()[0], "alt": ALT, **bad}
    with pytest.raises(ValueError, match=r"got .*want"):
        orbit_points(arguments.pop("points"), arguments.pop("colours", None), **arguments)


@pytest.mark.parametrize(
    "faces", [[[0, 1, 3]], [[0, 1]], [[0.0, 1.0, 2.0]], [[-1, 0, 1]], np.zeros((0, 3), int)]
)
def test_faces_that_name_no_vertex_are_refused(faces):
    with pytest.raises(ValueError, match=r"faces: got .*want"):
        orbit_mesh(np.eye(3), np.array(faces), alt="One triangle.")
