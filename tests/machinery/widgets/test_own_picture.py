"""The learner's own picture: chosen live, named when it cannot be read, a photograph without a kernel."""

import datetime
import io
from typing import Any

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image

from lecture_utils.data import photographs
from lecture_utils.widgets import own_picture as module
from lecture_utils.widgets.own_picture import OwnPicture, own_picture, upload_box


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 200, np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def simple_open(file: Any, size: int | None = None) -> torch.Tensor:
    """What photographs.open does with a plain PNG."""
    try:
        image = Image.open(file).convert("RGB")
    except OSError as error:
        raise ValueError("got no picture, want one that Pillow reads") from error
    image = image.resize((size, size)) if size else image
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255


@pytest.fixture(autouse=True)
def opens(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(photographs, "open"):
        monkeypatch.setattr(photographs, "open", simple_open, raising=False)


def upload(box: Any, name: str, content: bytes) -> None:
    file = {"name": name, "type": "image/png", "size": len(content), "content": memoryview(content)}
    file["last_modified"] = datetime.datetime.now(datetime.UTC)
    box.children[0].value = (file,)


def test_a_chosen_file_becomes_the_picture() -> None:
    own, calls = OwnPicture(), []
    assert torch.equal(own.picture, photographs.load("cat"))
    box = upload_box(own, lambda: calls.append(own.name))
    before = box.children[1].value
    upload(box, "고양이 <1>.png", png(40, 30))
    assert own.picture.shape == (3, 30, 40) and own.picture.mean() == pytest.approx(200 / 255)
    assert box.children[1].value != before and calls == ["고양이 <1>.png"]
    assert "고양이 &lt;1&gt;.png, 40 × 30 pixels" in box.children[2].value


def test_the_size_is_the_cells() -> None:
    own = OwnPicture("coffee", size=24)
    assert own.picture.shape == (3, 24, 24)
    assert own.take("x.png", png(50, 40)) and own.picture.shape == (3, 24, 24)


def test_what_is_no_picture_is_said_and_the_old_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    own = OwnPicture()
    box = upload_box(own)
    upload(box, "notes.txt", b"no picture at all")
    assert "notes.txt" in own.problem and "notes.txt" in box.children[2].value and own.name == "cat"
    monkeypatch.setattr(module, "LARGEST_BYTES", 10)
    assert not own.take("big.png", png(9, 9)) and "want at most" in own.problem
    monkeypatch.undo()


def test_without_a_kernel_it_is_a_sentence_and_the_photograph(monkeypatch: pytest.MonkeyPatch) -> None:
    InteractiveShell.instance()
    monkeypatch.setenv("COURSE_STATIC", "1")
    with capture_output() as caught:
        own = own_picture("coffee")
    (output,) = caught.outputs
    assert "a picture of your own" in output.data["text/plain"] and own.name == "coffee"
    monkeypatch.setenv("COURSE_STATIC", "0")
    with capture_output() as caught:
        own_picture()
    assert "application/vnd.jupyter.widget-view+json" in caught.outputs[0].data
