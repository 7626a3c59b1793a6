"""Chapter 15, exercise 15.1: what a kernel of PixelCNN may see (reference: `solutions.pixel_mask`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch15.solutions import pixel_mask
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _kernels(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield "A", 3, 1, 1, 1
    yield "B", 3, 1, 1, 1
    yield "A", 5, 1, 2, 1
    yield "A", 3, 3, 3, 3
    yield "B", 3, 3, 3, 3
    yield "B", 1, 4, 2, 2
    yield "A", 3, 3, 6, 3
    yield "B", 3, 6, 6, 3
    yield "A", 1, 2, 4, 2
    yield "B", 5, 6, 12, 3
    yield "A", 7, 6, 3, 3


def _groups(channels: int, colours: int) -> Tensor:
    return torch.arange(channels) * colours // channels


def _before(rows: Tensor, columns: Tensor, centre: int) -> Tensor:
    return (rows < centre) | ((rows == centre) & (columns < centre))


def _at_centre(kind: str, own: Tensor, seen: Tensor) -> Tensor:
    """Groups `own` (O, 1) look at groups `seen` (1, I)."""
    return seen < own if kind == "A" else seen <= own


def _mask(
    kind: str,
    size: int,
    in_channels: int,
    out_channels: int,
    colours: int,
    *,
    before: Callable[[Tensor, Tensor, int], Tensor] = _before,
    groups: Callable[[int, int], Tensor] = _groups,
    at_centre: Callable[[str, Tensor, Tensor], Tensor] = _at_centre,
    everywhere: bool = False,
) -> Tensor:
    """The mask with one part exchanged."""
    rows, columns = torch.arange(size)[:, None], torch.arange(size)[None]
    centre = size // 2
    seen, own = groups(in_channels, colours)[None], groups(out_channels, colours)[:, None]
    colour = at_centre(kind, own, seen)[:, :, None, None]  # (O, I, 1, 1)
    here = (rows == centre) & (columns == centre)
    earlier = before(rows, columns, centre)
    return (earlier & colour if everywhere else earlier.expand(*colour.shape[:2], size, size)) | (
        here & colour
    )


@mistake(
    "Your kinds are exchanged: it is A, the first layer, that must not see the number that it is to guess."
)
def _exchanged(kind: str, *sizes: int) -> Tensor:
    return pixel_mask("B" if kind == "A" else "A", *sizes)


@mistake(
    "Kind A sees its own colour at the centre with you: that is the very number that is to be guessed. This "
    "is what B may see."
)
def _always_b(kind: str, *sizes: int) -> Tensor:
    return pixel_mask("B", *sizes)


@mistake(
    "Kind B sees as little as A with you. In later layers the centre holds what was made of pixels before "
    "it: its own group is to be seen."
)
def _always_a(kind: str, *sizes: int) -> Tensor:
    return pixel_mask("A", *sizes)


@mistake(
    "With several colours A leaves out the whole centre with you. Green is guessed after red: at the centre "
    "A sees the groups of the colours before its own."
)
def _a_blind_at_centre(*given: Any) -> Tensor:
    return _mask(*given, at_centre=lambda kind, own, seen: (seen <= own) & torch.tensor(kind == "B"))


@mistake(
    "Your centre is as for one colour: shut to all channels in kind A, open to all in kind B. With several "
    "it is a table of groups: A sees the colours before its own, B its own too."
)
def _grey(*given: Any) -> Tensor:
    return _mask(*given, at_centre=lambda kind, own, seen: own + seen >= (0 if kind == "B" else 1000))


@mistake(
    "In kind B your centre sees all channels. Those of later colours have seen what is to be guessed: only "
    "colours before, and its own."
)
def _b_sees_all(*given: Any) -> Tensor:
    return _mask(*given, at_centre=lambda kind, own, seen: seen < own if kind == "A" else seen < own + 1000)


@mistake("In kind B your centre sees its own group alone. The colours before its own stay in sight.")
def _b_own_alone(*given: Any) -> Tensor:
    return _mask(*given, at_centre=lambda kind, own, seen: seen < own if kind == "A" else seen == own)


@mistake(
    "At your centre the later colours are seen in place of the earlier ones: the first axis is what goes "
    "out, the second what comes in."
)
def _later_colours(*given: Any) -> Tensor:
    return _mask(*given, at_centre=lambda kind, own, seen: _at_centre(kind, seen, own))


@mistake(
    "Your axes are in the order in, out. A convolution's weights are (O, I, k, k): what goes out comes first."
)
def _in_first(*given: Any) -> Tensor:
    return pixel_mask(*given).transpose(0, 1)


@mistake(
    "Your groups are interleaved: channels 0, 3, 6 are red with you. The channels are cut into groups in a "
    "row, the first third red."
)
def _interleaved(*given: Any) -> Tensor:
    return _mask(*given, groups=lambda channels, colours: torch.arange(channels) % colours)


@mistake(
    "Your groups have as many channels as there are colours. There are as many groups as colours; each has "
    "channels / colours of them."
)
def _wrong_groups(*given: Any) -> Tensor:
    return _mask(*given, groups=lambda channels, colours: torch.arange(channels) // colours)


@mistake(
    "At the centre you compare the numbers of channels. It is the group, the colour, that counts: all "
    "channels of one group see the same."
)
def _channel_numbers(*given: Any) -> Tensor:
    return _mask(*given, groups=lambda channels, colours: torch.arange(channels))


@mistake(
    "Your colours are kept apart in the whole kernel. What lies above and to the left is drawn already, in "
    "all its colours: groups count at the centre alone."
)
def _everywhere(*given: Any) -> Tensor:
    return _mask(*given, everywhere=True)


@mistake("You see the rows below. Drawn already are those above: row 0 of the kernel is the upper one.")
def _below(*given: Any) -> Tensor:
    def before(rows: Tensor, columns: Tensor, centre: int) -> Tensor:
        return _before(2 * centre - rows, columns, centre)

    return _mask(*given, before=before)


@mistake("In the centre's row you look to the right, at what is yet to be drawn.")
def _right(*given: Any) -> Tensor:
    def before(rows: Tensor, columns: Tensor, centre: int) -> Tensor:
        return _before(rows, 2 * centre - columns, centre)

    return _mask(*given, before=before)


@mistake(
    "In the rows above you see only what is to the left of the centre. These rows are drawn from end to end: "
    "all of them may be seen."
)
def _corner(*given: Any) -> Tensor:
    return _mask(*given, before=lambda rows, columns, centre: (rows <= centre) & (columns < centre))


@mistake("The rows above are seen, but what stands to the left in the centre's own row is not.")
def _rows_alone(*given: Any) -> Tensor:
    return _mask(*given, before=lambda rows, columns, centre: (rows < centre).expand(len(rows), len(rows)))


@mistake("Only the centre's own row is seen. All rows above it are drawn already.")
def _left_alone(*given: Any) -> Tensor:
    return _mask(*given, before=lambda rows, columns, centre: (rows == centre) & (columns < centre))


@mistake("Your centre's row is seen from end to end. To the right of the centre nothing is drawn yet.")
def _whole_row(*given: Any) -> Tensor:
    def before(rows: Tensor, columns: Tensor, centre: int) -> Tensor:
        return (rows < centre) | ((rows == centre) & (columns != centre))

    return _mask(*given, before=before)


@mistake(
    "You go by columns: whole columns to the left, and in the centre's column what is above. Pictures are "
    "drawn row by row; the third axis is the row."
)
def _by_columns(*given: Any) -> Tensor:
    return pixel_mask(*given).transpose(2, 3)


@mistake("Your mask is turned round: True is where a weight may stay, not where it is taken away.")
def _inverted(*given: Any) -> Tensor:
    return ~pixel_mask(*given)


WRONG: Any = (
    _exchanged, _always_b, _always_a, _a_blind_at_centre, _grey, _b_sees_all, _b_own_alone, _later_colours,
    _in_first, _interleaved, _wrong_groups, _channel_numbers, _everywhere, _below, _right, _corner,
    _rows_alone, _left_alone, _whole_row, _by_columns, _inverted,
)  # fmt: skip
EXERCISE = Exercise(
    "15.1",
    "What may a pixel see?",
    pixel_mask,
    _kernels,
    difficulty=2,
    minutes=10,
    hints=(
        "Draw a kernel of 3 × 3 on paper and mark the centre. Pictures are drawn row by row, from the left. "
        "Which of the nine places are drawn when the centre's turn comes? That is all for one colour.",
        "Begin with zeros of torch.bool, (O, I, k, k), and set two slices True: the rows above k // 2, and "
        "in this row the columns before k // 2. What is left is mask[:, :, k // 2, k // 2], (O, I).",
        "Channel i of I belongs to group i * colours // I. In the table, A is True where the group that "
        "comes in is less than the one that goes out, B where it is less or equal.",
    ),
    mistakes=WRONG,
)
