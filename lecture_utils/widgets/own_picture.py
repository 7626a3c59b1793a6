"""The learner's own picture: a button that takes a file from their machine, and the picture it holds.

    own = own_picture()        # in one cell: choose a file
    own.picture                # in the next: (3, H, W) in [0, 1]

Until a file is chosen, and on a page without a kernel, the picture is a bundled photograph.
"""

import html
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from lecture_utils.data import photographs
from lecture_utils.kernel.panel import publish
from lecture_utils.plotting.display import png_bytes
from lecture_utils.plotting.images import to_image
from lecture_utils.runtime import is_static

LARGEST_BYTES = 40_000_000
SHOWN = 320  # pixels of the preview's longer side


class OwnPicture:
    """A picture that the learner may change: `picture` is (3, H, W) in [0, 1], `name` what it is called.

    Parameters
    ----------
    instead : str
        The bundled photograph that stands in until a file is chosen.
    size : int, optional
        Side of the square that is cut from the middle, as `photographs.load` does; without, all of it stays.
    """

    def __init__(self, instead: str = "cat", size: int | None = None) -> None:
        self.name, self.size = instead, size
        self.picture: Tensor = photographs.load(instead, size=size)
        self.problem = ""

    def take(self, name: str, content: bytes) -> bool:
        """Take the bytes of a file; what cannot be read is said in `problem`, and the picture stays."""
        if len(content) > LARGEST_BYTES:
            self.problem = (
                f"{name}: got {len(content) / 1e6:.0f} MB, want at most {LARGEST_BYTES / 1e6:.0f} MB"
            )
            return False
        try:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / Path(name).name  # by its own name, so that a message can say it
                file.write_bytes(content)
                opened = photographs.open(file, size=self.size)
        except (ValueError, OSError) as error:
            self.problem = str(error)
            return False
        if self.size is not None:  # its shorter side has that many pixels: cut the other
            top, left = ((side - self.size) // 2 for side in opened.shape[1:])
            opened = opened[:, top : top + self.size, left : left + self.size]
        self.picture, self.name, self.problem = opened, name, ""
        return True


def own_picture(instead: str = "cat", size: int | None = None) -> OwnPicture:
    """Show a button for a file of the learner's own, and return what holds the picture.

    Parameters
    ----------
    instead, size
        As in `OwnPicture`.
    """
    own = OwnPicture(instead, size)
    if is_static():
        text = (
            f"In a live notebook a button here takes a picture of your own; this page goes on with {instead}."
        )
        publish(f"<div>{html.escape(text)}</div>", text)
    else:
        from IPython.display import display

        display(upload_box(own))
    return own


def upload_box(own: OwnPicture, then: Callable[[], None] | None = None) -> Any:
    """Make the button, the preview and the line for messages; `then` is called after each change."""
    import ipywidgets

    upload = ipywidgets.FileUpload(accept="image/*", multiple=False, description="Your picture")
    preview = ipywidgets.Image(format="png", layout=ipywidgets.Layout(max_width=f"{SHOWN}px"))
    said = ipywidgets.HTML()

    def draw() -> None:
        image = to_image(own.picture)  # (H, W, 3)
        step = max(1, max(image.shape[:2]) // SHOWN)
        preview.value = png_bytes((image[::step, ::step] * 255).round().astype("uint8"), limit=None, level=1)
        said.value = (
            f'<span role="alert" style="color:#D55E00">{html.escape(own.problem)}</span>'
            if own.problem
            else f"{html.escape(own.name)}, {image.shape[1]} × {image.shape[0]} pixels"
        )

    def chosen(change: Any) -> None:
        for file in change["new"]:
            own.take(str(file["name"]), bytes(file["content"]))
        draw()
        if then is not None:
            then()

    upload.observe(chosen, "value")
    draw()
    return ipywidgets.VBox([upload, preview, said])
