"""Where a verdict will stand in a notebook, with a line that appears by itself if the check never ends.

Some loops run in C and hold Python's lock: no thread and no signal of the kernel gets through, so nothing
could be said any more. The page can: the line is sent before the check, and the page's own clock shows it.
"""

import os
from typing import Any
from uuid import uuid4

from lecture_utils import runtime
from lecture_utils.exercises.guard import UNSTOPPABLE, UNSTOPPABLE_SECONDS
from lecture_utils.kernel.panel import Panel

_LATE = """<style>@keyframes course-late {{ to {{ max-height: 10em; }} }}</style>
<div style="max-height:0;overflow:hidden;animation:course-late 0s linear {seconds:g}s forwards">
{html}</div>"""


class Place:
    """The place of one check's verdict.

    Parameters
    ----------
    seconds : float
        The time limit of the check; the line comes some seconds after it.
    """

    def __init__(self, seconds: float) -> None:
        self.id = ""
        if _in_a_live_notebook():
            from IPython.display import display

            self.id = f"check-{uuid4().hex}"
            panel = Panel("note", "Still running").say(UNSTOPPABLE)
            page = _LATE.format(seconds=seconds + UNSTOPPABLE_SECONDS, html=panel.html)
            display({"text/html": page, "text/plain": ""}, raw=True, display_id=self.id)

    def show(self, panel: Panel) -> None:
        """Show the verdict."""
        if not self.id:
            panel.show()
            return
        self._replace({"text/html": panel.html, "text/plain": panel.text})

    def clear(self) -> None:
        """Leave nothing behind: the check was stopped."""
        if self.id:
            self._replace({"text/html": "", "text/plain": ""})

    def _replace(self, data: dict[str, Any]) -> None:
        from IPython.display import update_display

        update_display(data, raw=True, display_id=self.id)


def _in_a_live_notebook() -> bool:
    """Whether a page shows the outputs, and can replace one: the server names the notebook to its kernel."""
    if runtime.is_static() or not os.environ.get("JPY_SESSION_NAME"):
        return False
    from IPython.core.getipython import get_ipython

    return get_ipython() is not None
