"""What can be turned, and what plays, in a real browser without a graphics card: two of each on one page."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lecture_utils.geometry.meshes import grid_to_mesh
from lecture_utils.geometry.signed_distance import sphere, torus, union
from lecture_utils.geometry.voxels import Grid
from lecture_utils.plotting.orbit import Orbit, orbit_mesh, orbit_points
from lecture_utils.plotting.wireframes import box_lines
from lecture_utils.widgets.turntable import turntable

pytestmark = pytest.mark.browser
OWN = ("data:", "file:", "blob:")


def shapes() -> list[Orbit]:
    """A cloud of points with a box around it, and a ring with a ball."""
    made = np.random.default_rng(0)
    points, colours = made.uniform(-1, 1, (1500, 3)), made.uniform(0, 1, (1500, 3))
    grid = Grid.cube(28, 1.4)
    places = grid.centres()
    ball = sphere(places - torch.tensor([0.0, 0.8, 0.4]), 0.45)  # on one side only: a mirror would show
    ring = grid_to_mesh(union(torus(places, 0.8, 0.25), ball), grid)
    box = box_lines((-1, -1, -1), (1, 1, 1))
    return [
        orbit_points(points, colours, alt="Points in a cube.", lines=[box]),
        orbit_mesh(ring.vertices, ring.faces, "#E69F00", alt="A ring with a ball."),
    ]


@pytest.fixture(scope="module")
def page(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page with two clouds, a mesh and a turntable; what its console says is kept in `page.said`."""
    cloud, mesh = shapes()
    frames = [np.full((40, 60), k / 5) for k in range(6)]
    player = turntable(frames, alt="A field that grows lighter.", fps=20)
    parts = [cloud.page, mesh.page, cloud.page, player.page]
    path = tmp_path_factory.mktemp("turning") / "page.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><body>{''.join(parts)}", encoding="utf-8")
    opened = browser.new_page(viewport={"width": 700, "height": 1500})
    opened.said = []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.on("request", lambda asked: None if asked.url.startswith(OWN) else opened.said.append(asked.url))
    opened.goto(Path(path).as_uri())
    opened.wait_for_timeout(500)
    yield opened
    opened.close()


def canvas(page: Any, which: int) -> Any:
    return page.locator("figure[data-course-orbit] canvas").nth(which)


def dots(page: Any, which: int) -> np.ndarray:
    """What a canvas shows, (H, W, 3)."""
    page.wait_for_timeout(100)
    data = canvas(page, which).evaluate("canvas => canvas.toDataURL()").split(",")[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(float)


def drag(page: Any, which: int, across: int, down: int) -> None:
    box = canvas(page, which).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across, y + down, steps=4)
    page.mouse.up()


@pytest.mark.parametrize("which", [0, 1])
def test_the_first_view_is_the_still_picture(page: Any, which: int) -> None:
    still = Image.open(io.BytesIO(shapes()[which].png)).convert("RGB")
    shown = dots(page, which)
    pictures = [np.asarray(still), shown.astype(np.uint8)]
    small = [np.asarray(Image.fromarray(x).resize((60, 45), Image.Resampling.BOX)) * 1.0 for x in pictures]
    apart = np.abs(small[0] - small[1]).mean()
    mirrored = np.abs(small[0] - small[1][:, ::-1]).mean()
    assert apart < 4 and mirrored > 2 * apart, f"{apart:.2f} of 255, mirrored {mirrored:.2f}"


@pytest.mark.parametrize("which", [0, 1])
def test_dragging_turns_the_one_that_is_dragged(page: Any, which: int) -> None:
    before, other = dots(page, which), dots(page, 2)
    drag(page, which, 90, -40)
    assert np.abs(dots(page, which) - before).mean() > 1
    assert np.array_equal(dots(page, 2), other)


def test_keys_turn_and_go_back(page: Any) -> None:
    start = dots(page, 2)
    canvas(page, 2).focus()
    for key in ("ArrowLeft", "ArrowUp", "+"):
        before = dots(page, 2)
        page.keyboard.press(key)
        assert not np.array_equal(dots(page, 2), before), key
    page.keyboard.press("Home")
    assert np.array_equal(dots(page, 2), start)


def test_a_drag_to_the_right_carries_what_is_near_to_the_right(page: Any) -> None:
    """The x axis points at the eye, a little to the left: its vermilion end follows the mouse."""
    canvas(page, 1).focus()
    page.keyboard.press("Home")
    places = []
    for _ in range(2):
        image = dots(page, 1)
        red = np.abs(image - np.array([213, 94, 0])).max(-1) < 12
        places.append(np.nonzero(red)[1].mean())
        drag(page, 1, 30, 0)
    assert places[1] > places[0] + 5


def test_the_wheel_zooms_only_what_was_clicked(page: Any) -> None:
    box = canvas(page, 2).bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    canvas(page, 2).evaluate("canvas => canvas.blur()")
    before = dots(page, 2)
    page.mouse.wheel(0, -200)
    assert np.array_equal(dots(page, 2), before)
    canvas(page, 2).focus()
    page.mouse.wheel(0, -200)
    assert not np.array_equal(dots(page, 2), before)


def test_it_says_what_it_shows_and_how_to_turn_it(page: Any) -> None:
    words = canvas(page, 1).get_attribute("aria-label")
    assert words.startswith("A ring with a ball.") and "Arrow keys" in words


def test_the_turntable_plays_halts_and_goes_to_a_frame(page: Any) -> None:
    figure = page.locator("figure[data-course-turntable]")
    picture, button, slider = figure.locator("img"), figure.locator("button"), figure.locator("input")
    figure.scroll_into_view_if_needed()
    sources = set()
    for _ in range(12):
        sources.add(picture.get_attribute("src"))
        page.wait_for_timeout(60)
    assert len(sources) > 2
    button.click()
    halted = picture.get_attribute("src")
    page.wait_for_timeout(300)
    assert picture.get_attribute("src") == halted and button.inner_text() == "Play"
    slider.fill("0")
    first = picture.get_attribute("src")
    slider.fill("5")
    assert picture.get_attribute("src") != first
    button.click()
    page.wait_for_timeout(300)
    assert button.inner_text() == "Pause"


def test_for_who_asks_for_less_motion_it_waits(browser: Any, tmp_path: Path) -> None:
    player = turntable(
        [np.full((40, 60), k / 5) for k in range(6)], alt="A field that grows lighter.", fps=20
    )
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{player.page}", encoding="utf-8")
    page = browser.new_page(reduced_motion="reduce")
    page.goto((tmp_path / "page.html").as_uri())
    first = page.locator("img").get_attribute("src")
    page.wait_for_timeout(400)
    assert page.locator("img").get_attribute("src") == first
    page.close()


def test_nothing_was_fetched_and_nothing_went_wrong(page: Any) -> None:
    assert page.said == []
