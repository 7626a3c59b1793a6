"""The shell: live through ipywidgets, static as one bundle, errors said in words."""

import base64
import io
import json
import re

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.figure import Figure
from PIL import Image

from lecture_utils.widgets.live import Live
from lecture_utils.widgets.present import present
from lecture_utils.widgets.static import BUNDLE_BYTES
from lecture_utils.widgets.static import bundle as static_bundle
from lecture_utils.widgets.widget import Choice, Matrix, Slider, Text, Widget


def draw(level=0, hue="red", weights=None, fails=False):
    if fails:
        raise RuntimeError("no <picture> for this")
    image = np.zeros((40, 60, 3))
    image[:, : 5 * level + 5, ["red", "green", "blue"].index(hue)] = 0.5 + weights.sum() / 100
    return image


def make(title="A test widget", compute=draw, frames=6, **changes):
    fields = {
        "controls": {
            "level": Slider(0, 10),
            "hue": Choice(["red", "green", "blue"]),
            "weights": Matrix(3, 3, presets={"one": [[1]], "box": np.ones((3, 3))}),
            "fails": Choice([("no", False), ("yes", True)], False),
        },
        "tour": [(f"Level <{k}> & more.", {"level": k}) for k in range(frames)],
        "alt": "A coloured bar on black.",
    }
    return Widget(title=title, compute=compute, **(fields | changes))


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def frames_of(page: str) -> list[dict]:
    frames = json.loads(re.search(r'type="application/json">(.*?)</script>', page, re.S)[1])
    frames[0]["src"] = re.search(r'<img src="([^"]+)"', page)[1]
    return frames


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"title": " – "}, "title with a letter"),
        ({"alt": ""}, "want a sentence"),
        ({"frames": 5}, "got 5 frames, want 6 to 10"),
        ({"frames": 11}, "got 11 frames, want 6 to 10"),
        ({"tour": [("", {})] * 6}, "caption"),
        ({"tour": [("One.", {"level": 99})] * 6}, "level: got 99, want a number from 0 to 10"),
        ({"tour": [("One.", {"depth": 1})] * 6}, r"got values for \['depth'\], want"),
        ({"trivial": {"level": 0}}, "trivial setting {'level': 0} first"),
        ({"trivial": {"depth": 0}}, "got values for"),
    ],
)
def test_a_widget_is_checked_when_it_is_made(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_compute_may_give_a_figure_or_a_picture():
    assert make().picture(level=3).shape == (40, 60, 3)
    figure = make(compute=lambda **_: Figure(figsize=(2, 1), dpi=100)).picture()
    assert figure.shape == (100, 200, 3) and figure.dtype == np.uint8


def test_live_picture_changes_with_every_control():
    live = Live(make())
    seen = [live.image.value]
    live.controls["level"].value = 7
    seen.append(live.image.value)
    live.controls["hue"].value = "blue"
    seen.append(live.image.value)
    live.controls["weights"].cells[0, 0].value = 5.0
    seen.append(live.image.value)
    live.controls["weights"].preset.value = "box"
    seen.append(live.image.value)
    assert len(set(seen)) == 5
    assert np.array_equal(picture(seen[-1]), make().picture(level=7, hue="blue", weights="box"))


def test_the_matrix_names_the_preset_that_its_numbers_form():
    weights = Live(make()).controls["weights"]
    assert weights.preset.value == "one"
    weights.cells[0, 0].value = 2.0
    assert weights.preset.value == "your own"
    weights.cells[0, 0].value = 0.0
    assert weights.preset.value == "one"
    weights.value = "box"
    assert weights.preset.value == "box" and weights.value.sum() == 9


def test_a_preset_draws_once_and_an_equal_setting_not_again():
    calls = []
    live = Live(make(compute=lambda **values: calls.append(1) or draw(**values)))
    live.controls["weights"].preset.value = "box"
    live.redraw()
    assert len(calls) == 2


def test_an_error_is_said_in_the_widget_which_stays_usable():
    live = Live(make())
    before = live.image.value
    live.controls["fails"].value = True
    assert "RuntimeError: no &lt;picture&gt; for this" in live.message.value and live.image.value == before
    live.controls["weights"].cells[1, 1].value = 1e6
    assert "entries from -99 to 99" in live.message.value
    live.controls["weights"].value = "box"
    live.controls["fails"].value = False
    assert live.message.value == "" and live.image.value != before


def test_an_error_at_first_still_gives_a_widget():
    broken = [True]
    live = Live(make(compute=lambda **values: draw(**(values | {"fails": broken[0]}))))
    assert "RuntimeError" in live.message.value
    broken[0] = False
    live.controls["level"].value = 1
    assert live.message.value == "" and live.image.value


def test_every_control_has_a_label():
    live = Live(make())
    for name in ("level", "hue", "fails"):
        assert live.controls[name].description == name
    assert live.controls["weights"].cells[0, 1].tooltip == "weights: row 1, column 2"


def test_present_is_live_with_a_kernel_and_static_without(monkeypatch):
    InteractiveShell.instance()
    monkeypatch.delenv("COURSE_STATIC", raising=False)
    with capture_output() as captured:
        present(make())
    data = captured.outputs[0].data
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"] == "[widget] A test widget: A coloured bar on black."  # what GitHub shows
    assert picture(base64.b64decode(data["image/png"])).shape == (40, 60, 3)
    monkeypatch.setenv("COURSE_STATIC", "1")
    with capture_output() as captured:
        present(make())
    (output,) = captured.outputs
    assert set(output.data) == {"text/html", "image/png", "text/plain"}
    assert output.metadata["image/png"]["alt"].startswith("A coloured bar on black.")


def test_the_static_bundle_holds_each_frame_with_its_caption():
    widget = make()
    data, _ = static_bundle(widget)
    frames = frames_of(data["text/html"])
    assert [f["caption"] for f in frames] == [caption for caption, _ in widget.tour]
    for frame, (_, values) in zip(frames, widget.tour, strict=True):
        drawn = picture(base64.b64decode(frame["src"].split(",")[1]))
        error = np.abs(drawn.astype(float) - widget.picture(**values))
        assert error.mean() < 2  # of 255: AVIF is not exact; the next frame differs by 3.5
    assert picture(base64.b64decode(data["image/png"])).shape == (80, 120, 3)  # twice the pixels
    assert 'id="a-test-widget"' in data["text/html"]
    assert "<0>" not in data["text/html"] and "Level &lt;0&gt; &amp; more." in data["text/html"]


def test_the_static_bundle_is_the_same_each_time_and_stands_alone():
    data, metadata = static_bundle(make())
    assert (data, metadata) == static_bundle(make())
    outside = re.findall(r'(?:src|href)\s*=\s*"(?!data:)[^"]+"|https?://', data["text/html"])
    assert not outside


def test_rich_frames_are_compressed_to_the_limits_and_hopeless_ones_refused():
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.random((8, 14, 3)), np.ones((40, 40, 1)))

    def rich(level, **_):
        return np.clip(smooth + rng.normal(0, 0.01 * (level + 1), smooth.shape), 0, 1)

    data, _ = static_bundle(make(compute=rich))
    assert all(frame["src"].startswith("data:image/avif") for frame in frames_of(data["text/html"])[1:])
    assert sum(map(len, data.values())) <= BUNDLE_BYTES
    with pytest.raises(ValueError, match="draw less"):
        static_bundle(make(compute=lambda **_: rng.random((900, 1200, 3))))


def test_a_cell_run_twenty_times_keeps_no_old_widgets(monkeypatch):
    from ipywidgets.widgets.widget import _instances

    InteractiveShell.instance()
    monkeypatch.delenv("COURSE_STATIC", raising=False)
    with capture_output():
        present(make())
        count = len(_instances)
        for _ in range(20):
            present(make())
        assert len(_instances) == count
        present(make(title="Another widget"))  # of another title: both live
    assert len(_instances) > count


def test_live_starts_at_the_first_frame():
    tour = [(f"Level {k}.", {"level": k}) for k in (4, 1, 2, 3, 0, 5)]
    live = Live(make(tour=tour, trivial={}))
    assert live.controls["level"].value == 4
    assert np.array_equal(picture(live.image.value), make().picture(level=4))


def test_switches_are_numbered_buttons():
    weights = Matrix(
        2, 2, [[1, 0], [1, 1]], {"all": np.ones((2, 2)), "none": np.zeros((2, 2))}, switches=True
    )
    live = Live(make(controls={"level": Slider(0, 10), "weights": weights}))
    cells = live.controls["weights"].cells
    assert [cell.description for cell in cells.values()] == ["1", "2", "3", "4"]
    assert [cell.value for cell in cells.values()] == [True, False, True, True]
    before = live.image.value
    cells[0, 1].value = True
    assert live.image.value != before and live.controls["weights"].preset.value == "all"


def test_words_of_the_learner_are_drawn_when_entered_and_an_empty_box_is_said():
    def letters(text):
        return np.zeros((20, 10 + 5 * len(text), 3))

    tour = [(f"Frame {k}.", {"text": "a" * (k + 1)}) for k in range(6)]
    live = Live(make(compute=letters, controls={"text": Text(" red ", ("a star",), most=20)}, tour=tour))
    view = live.controls["text"]
    assert view.continuous_update is False  # a picture a word, not a picture a letter
    assert live.widget.values()["text"] == "red"
    before = live.image.value
    view.value = "a longer text"
    assert picture(live.image.value).shape[1] == 10 + 5 * 13 and live.image.value != before
    view.value = "   "
    assert "want some words" in live.message.value
    view.value = "fine"
    assert not live.message.value
    assert "a star" in live.widget.controls["text"].probes()
    for text, message in (("x" * 21, "21 letters, want 20"), (3, "want some words")):
        with pytest.raises(ValueError, match=message):
            live.widget.values(text=text)
