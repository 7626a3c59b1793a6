"""Show a widget: alive in a notebook, a slider over its frames on a page without a kernel."""

from IPython.display import display

from lecture_utils.runtime import is_static
from lecture_utils.widgets.live import Live
from lecture_utils.widgets.static import bundle
from lecture_utils.widgets.widget import Widget

_alive: dict[str, Live] = {}  # by title: a cell that is run again takes the place of its earlier widget


def present(widget: Widget) -> None:
    """Show a widget: live where a kernel runs, as a slider over its tour where COURSE_STATIC=1.

    Parameters
    ----------
    widget : Widget
    """
    if is_static():
        data, metadata = bundle(widget)
        display(data, raw=True, metadata=metadata)
    else:
        if (earlier := _alive.pop(widget.slug, None)) is not None:
            earlier.close()
        _alive[widget.slug] = live = Live(widget)
        display(live.box)
