"""What every ratio of the bench is made of: two sides that are timed in turn."""

import statistics
import time
from collections.abc import Callable

Rows = list[tuple[str, str, str]]  # what, measured, aim


def in_turn(
    first: Callable[[], object],
    second: Callable[[], object],
    pairs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float, float]:
    """Time two functions in turn; return both medians in seconds and the median of the ratios."""
    times: tuple[list[float], list[float]] = ([], [])
    first(), second()  # warm up
    for pair in range(pairs):
        for side in (0, 1) if pair % 2 == 0 else (1, 0):
            begin = clock()
            (first, second)[side]()
            times[side].append(clock() - begin)
    ratio = statistics.median(a / b for a, b in zip(*times, strict=True))
    return statistics.median(times[0]), statistics.median(times[1]), ratio


def compared(
    what: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    pairs: int,
    aim: str = "",
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[str, str, str]:
    """Return the row of two functions timed in turn, in seconds or milliseconds."""
    a, b, ratio = in_turn(ours, theirs, pairs, clock)
    unit, many, digits = ("s", 1, 1) if min(a, b) >= 1 else ("ms", 1e3, 0 if min(a, b) >= 0.01 else 2)
    return what, f"{ratio:.2f} ({a * many:.{digits}f} {unit} : {b * many:.{digits}f} {unit})", aim
