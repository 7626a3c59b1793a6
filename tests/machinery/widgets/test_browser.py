"""The static form in a real browser, on a page that nbconvert made: with scripts, by keyboard, without."""

import os
import shutil

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter

from lecture_utils.widgets.static import bundle as static_bundle
from lecture_utils.widgets.widget import Choice, Slider, Widget

CHROMIUM = os.environ.get("COURSE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


def bars(level: int, hue: str) -> np.ndarray:
    image = np.ones((60, 200, 3))
    image[:, : 20 * level + 10, 0 if hue == "blue" else 2] = 0.2
    return image


def widget(title: str, hue: str) -> Widget:
    return Widget(
        title=title,
        compute=bars,
        controls={"level": Slider(0, 9), "hue": Choice(["red", "blue"])},
        tour=[(f"{hue}, level {k} </script> & more.", {"level": k, "hue": hue}) for k in range(7)],
        alt="A bar of growing length.",
    )


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """Three widgets on one page, two of them of one title."""
    cells = []
    for k, (title, hue) in enumerate((("Bars", "red"), ("Bars", "blue"), ("Other bars", "blue"))):
        data, metadata = static_bundle(widget(title, hue))
        output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
        cells.append(nbformat.v4.new_code_cell("present(...)", outputs=[output], execution_count=k + 1))
    body, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(body, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


def open_page(browser, path, **options):
    context = browser.new_context(**options)
    context.route(
        lambda url: url.startswith("http"), lambda route: route.abort()
    )  # the page must stand alone
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    return page, errors


def shown(figure) -> str:
    """Fingerprint of what the picture really paints."""
    return figure.locator("img").evaluate(
        """async (img) => { await img.decode(); const c = document.createElement('canvas');
        c.width = img.naturalWidth; c.height = img.naturalHeight;
        c.getContext('2d').drawImage(img, 0, 0);
        return c.toDataURL(); }"""
    )


def test_moving_the_slider_changes_the_picture_its_caption_and_nothing_else(browser, page_file):
    page, errors = open_page(browser, page_file)
    figures = [page.locator("figure[data-course-widget]").nth(k) for k in range(3)]
    before = [shown(f) for f in figures]
    assert len(set(before)) == 2  # red and blue
    figures[1].locator("input").evaluate(
        "s => { s.value = 4; s.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    after = [shown(f) for f in figures]
    assert after[1] != before[1] and (after[0], after[2]) == (before[0], before[2])
    assert figures[1].locator("figcaption").inner_text() == "blue, level 4 </script> & more."
    assert figures[0].locator("figcaption").inner_text() == "red, level 0 </script> & more."
    assert figures[1].locator("output").inner_text() == "5 / 7"
    assert figures[1].locator("img").get_attribute("alt").endswith("blue, level 4 </script> & more.")
    assert not [e for e in errors if "course" in e or "frames" in e or "figure" in e], errors
    page.context.close()


def test_the_slider_works_from_the_keyboard_and_names_itself(browser, page_file):
    page, _ = open_page(browser, page_file)
    figure = page.locator("figure[data-course-widget]").first
    slider = figure.get_by_role("slider", name="Bars")
    first = shown(figure)
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert shown(figure) != first and slider.get_attribute("aria-valuetext").startswith(
        "2 of 7: red, level 1"
    )
    page.keyboard.press("Home")
    assert shown(figure) == first
    page.keyboard.press("End")
    assert figure.locator("output").inner_text() == "7 / 7"
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_scripts_the_first_picture_stands_with_its_caption(browser, page_file, scheme):
    page, _ = open_page(browser, page_file, java_script_enabled=False, color_scheme=scheme)
    figure = page.locator("figure[data-course-widget]").first
    assert figure.locator("img").is_visible() and figure.locator("img").bounding_box()["height"] > 20
    assert not figure.locator("input").is_visible()
    assert figure.locator("figcaption").inner_text() == "red, level 0 </script> & more."
    page.context.close()


def test_the_page_does_not_scroll_sideways_on_a_narrow_screen(browser, page_file):
    page, _ = open_page(browser, page_file, viewport={"width": 380, "height": 700})
    figure = page.locator("figure[data-course-widget]").first
    box = figure.bounding_box()
    assert box["x"] + box["width"] <= 381
    page.context.close()
