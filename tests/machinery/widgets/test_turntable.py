"""A turntable holds its frames in one string, and a picture for viewers without scripts."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from lecture_utils.widgets.turntable import turntable

pytestmark = pytest.mark.machinery
ALT = "A bar that moves to the right."


def frames(count=6, size=(40, 60)):
    """A vertical bar, further right in each."""
    out = torch.ones(count, 3, *size)
    for k in range(count):
        out[k, :, :, 8 * k : 8 * k + 8] = torch.tensor([0.8, 0.2, 0.1])[:, None, None]
    return out


def opened(shown):
    """All frames as arrays (H, W, 3)."""
    first = re.search(r'src="data:image/avif;base64,([^"]+)"', shown.page).group(1)
    store = json.loads(re.search(r'json">(.*?)</script>', shown.page, re.S).group(1))
    files = [Image.open(io.BytesIO(base64.b64decode(data))) for data in [first, *store["frames"]]]
    return store, [np.asarray(file.convert("RGB")).astype(float) / 255 for file in files]


def test_frames_come_back_in_order():
    store, found = opened(turntable(frames(), alt=ALT, fps=8))
    assert len(found) == 6 and store["fps"] == 8 and store["back"] is False
    for k, frame in enumerate(found):
        assert np.abs(frame - frames()[k].movedim(0, 2).numpy()).mean() < 0.05


def test_it_shows_itself_at_a_readable_size():
    shown = turntable(frames(), alt=ALT)
    data, metadata = shown._repr_mimebundle_()
    assert metadata["image/png"] == {"alt": ALT, "width": 240, "height": 160}
    assert ALT in data["text/html"] and Image.open(io.BytesIO(shown.png)).size == (60, 40)
    assert turntable(frames(), alt=ALT, width=90).size == (60, 90)
    assert turntable(frames(), alt=ALT).page == shown.page


def test_lists_of_pictures_do_as_well():
    pictures = [np.zeros((20, 30, 3), dtype=np.uint8), np.full((20, 30), 0.5)]
    assert len(opened(turntable(pictures, alt=ALT, back_and_forth=True))[1]) == 2


@pytest.mark.parametrize(
    "bad", [{"frames": frames(1)}, {"frames": [torch.zeros(3, 9, 9), torch.zeros(3, 9, 8)]}, {"alt": " "},
            {"fps": 0}, {"fps": 60}, {"width": 0}, {"room": 100}],
)  # fmt: skip
def test_what_cannot_be_played_is_refused(bad):
    arguments = {"frames": frames(), "alt": ALT, **bad}
    with pytest.raises(ValueError, match=r"got .*want"):
        turntable(arguments.pop("frames"), **arguments)
