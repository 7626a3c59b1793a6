"""A widget alive in a notebook: ipywidgets controls over one picture that is replaced in place.

The browser holds back a control's further changes until the kernel has answered the last one, and then sends
only the newest value, so a slow picture never queues up; here we only skip what is already drawn.
"""

import base64
import html
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from lecture_utils.plotting.display import png_bytes

from .controls import Choice, Control, Matrix, Text

if TYPE_CHECKING:
    from .widget import Widget

_STYLE = {"description_width": "10em"}


class MatrixInput:
    """A grid of number boxes and a menu of presets, with one `value`, like an ipywidgets control."""

    def __init__(self, name: str, control: Matrix, value: np.ndarray | None = None) -> None:
        self.control, self._quiet, self._callbacks = control, False, []  # type: ignore[var-annotated]
        value = control.value if value is None else value
        cells = [(r, c) for r in range(control.rows) for c in range(control.columns)]
        self.cells = {
            (r, c): _switch(f"{control.label or name}, {n}", n, value[r, c])
            if control.switches
            else ipywidgets.FloatText(
                value=float(value[r, c]),
                tooltip=f"{control.label or name}: row {r + 1}, column {c + 1}",
                layout=ipywidgets.Layout(width="4.8em", margin="1px"),
            )
            for n, (r, c) in enumerate(cells, start=1)
        }
        grid = ipywidgets.GridBox(
            list(self.cells.values()),
            layout=ipywidgets.Layout(grid_template_columns=f"repeat({control.columns}, 5.1em)"),
        )
        self.preset = ipywidgets.Dropdown(
            options=["your own", *control.presets],
            value="your own",
            style=_STYLE,
            description=control.label or name,
        )
        self._mark_preset()
        self.box = ipywidgets.VBox([self.preset, grid] if control.presets else [grid])
        self.preset.observe(self._choose, "value")
        for cell in self.cells.values():
            cell.observe(self._edited, "value")

    @property
    def value(self) -> np.ndarray:
        """The matrix (rows, columns)."""
        table = np.zeros((self.control.rows, self.control.columns))
        for (r, c), cell in self.cells.items():
            table[r, c] = float(cell.value)
        return table

    @value.setter
    def value(self, matrix: Any) -> None:
        table = self.control.check(matrix)
        self._quiet = True
        try:
            for (r, c), cell in self.cells.items():
                cell.value = bool(table[r, c]) if self.control.switches else float(table[r, c])
            self._mark_preset()
        finally:
            self._quiet = False
        self._tell()

    def observe(self, callback: Any, names: str = "value") -> None:
        """Call back once after every change."""
        self._callbacks.append(callback)

    def _mark_preset(self) -> None:
        """Let the menu name the preset that the numbers form, if they form one."""
        match = [name for name, preset in self.control.presets.items() if np.array_equal(preset, self.value)]
        self.preset.value = match[0] if match else "your own"

    def _choose(self, change: Any) -> None:
        if not self._quiet and change["new"] in self.control.presets:
            self.value = self.control.presets[change["new"]]

    def _edited(self, change: Any) -> None:
        if not self._quiet:
            self._quiet = True
            self._mark_preset()
            self._quiet = False
            self._tell()

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback(None)


def _switch(tooltip: str, number: int, value: float) -> ipywidgets.ToggleButton:
    """Make one numbered button, on or off."""
    return ipywidgets.ToggleButton(
        value=bool(value),
        description=str(number),
        tooltip=tooltip,
        layout=ipywidgets.Layout(width="4.8em", margin="1px"),
    )


class Box(ipywidgets.VBox):
    """A widget's box. A page that cannot show widgets gets its sentence and its present picture instead."""

    def __init__(self, live: "Live", children: list[Any]) -> None:
        super().__init__(children)
        self._live = live

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        found = super()._repr_mimebundle_(**kwargs)
        data = dict(found[0] if isinstance(found, tuple) else found)
        widget = self._live.widget
        alt = " ".join(widget.alt.split())
        data["text/plain"] = f"[widget] {widget.title}: {alt}"
        if self._live.image.value:
            data["image/png"] = base64.b64encode(self._live.image.value).decode("ascii")
        return data, {"image/png": {"alt": alt}}


def control_view(name: str, control: Control, value: Any = None) -> Any:
    """Make the ipywidgets control for a description, at a value of its own or at the control's first."""
    value = control.value if value is None else value
    if isinstance(control, Matrix):
        return MatrixInput(name, control, value)
    label = control.label or name.replace("_", " ")
    wide = ipywidgets.Layout(width="95%", max_width="34em")
    if isinstance(control, Choice):
        return ipywidgets.Dropdown(
            options=control.pairs(), value=value, description=label, style=_STYLE, layout=wide
        )
    if isinstance(control, Text):  # drawn when the learner presses Enter or leaves the box
        return ipywidgets.Text(
            value=value, description=label, continuous_update=False, style=_STYLE, layout=wide
        )
    kind = ipywidgets.IntSlider if control.whole else ipywidgets.FloatSlider
    return kind(
        value=value,
        min=control.low,
        max=control.high,
        step=control.step,
        description=label,
        continuous_update=True,
        style=_STYLE,
        layout=wide,
    )


class Live:
    """A widget's controls, its picture and one line for messages. It starts at the tour's first frame.

    Parameters
    ----------
    widget : Widget

    Attributes
    ----------
    box : ipywidgets.VBox
        What is displayed.
    controls : dict of argument name to control, each with `.value`
    image : ipywidgets.Image
    message : ipywidgets.HTML
        Empty, or what went wrong with the present setting.
    """

    def __init__(self, widget: "Widget") -> None:
        self.widget = widget
        first = widget.first
        self.controls = {
            name: control_view(name, control, first[name]) for name, control in widget.controls.items()
        }
        self.image = ipywidgets.Image(
            format="png", layout=ipywidgets.Layout(max_width="100%", object_fit="contain")
        )
        self.message = ipywidgets.HTML()
        self._drawn: Any = None
        for view in self.controls.values():
            view.observe(self._changed, "value")
        title = ipywidgets.HTML(f"<b>{html.escape(widget.title)}</b>")
        about = ipywidgets.HTML(f'<span style="opacity:0.75">{html.escape(widget.alt)}</span>')
        views = [getattr(view, "box", view) for view in self.controls.values()]
        self.box = Box(self, [title, *views, self.image, self.message, about])
        self.redraw()

    def close(self) -> None:
        """Take the widget and all its parts out of the kernel and off the page."""
        todo: list[Any] = [self.box]
        while todo:
            part = todo.pop()
            todo += getattr(part, "children", ())
            for own in ("layout", "style"):
                if (style := getattr(part, own, None)) is not None:
                    style.close()
            part.close()

    def _changed(self, change: Any) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw the present values; what goes wrong is said below the picture, and the widget stays usable."""
        given = {name: view.value for name, view in self.controls.items()}
        key = repr([np.asarray(v).tolist() for v in given.values()])
        if key == self._drawn:
            return
        try:
            picture = self.widget.picture(**given)
        except Exception as error:
            # The learner may have edited compute: any error must leave a usable widget.
            self._drawn = None
            self.message.value = (
                f'<span role="alert" style="color:#D55E00">This setting cannot be drawn: '
                f"{html.escape(type(error).__name__)}: {html.escape(str(error))}. "
                f"Change a control to go on; the picture above is the last one that could.</span>"
            )
            return
        self.image.value = png_bytes(picture, limit=None, level=1)
        self.image.width = str(picture.shape[1])
        self._drawn = key
        if self.message.value:
            self.message.value = ""
