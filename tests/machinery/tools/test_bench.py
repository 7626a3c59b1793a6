"""The bench: ratios are taken in turn, every widget is found, and the page says on what it was measured."""

import bench
import pytest


def test_pairs_are_timed_in_turn_and_the_ratio_is_a_median() -> None:
    clock = [0.0]
    order = []

    def side(name: str, seconds: list[float]):
        waits = iter([0.0, *seconds])

        def run() -> None:
            order.append(name)
            clock[0] += next(waits)

        return run

    sides = side("a", [2.0, 2.0, 90.0]), side("b", [1.0, 4.0, 3.0])
    first, second, ratio = bench.in_turn(*sides, 3, lambda: clock[0])
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"
    assert (first, second, ratio) == (2.0, 3.0, 2.0)  # ratios 2, 0.5, 30


def test_every_widget_is_found() -> None:
    found = bench.discover()
    assert {"kernel_painter", "receptive_field"} <= set(found)


def test_page() -> None:
    text = bench.page([("ours : theirs", "1.01", "≤ 1.05")])
    assert "| ours : theirs | 1.01 | ≤ 1.05 |" in text
    assert "cores" in text and "torch" in text


def test_import_time_is_measured() -> None:
    ((what, measured, aim),) = bench.import_time()
    assert "import lecture_utils" in what and measured.endswith(" ms") and aim == "≤ 300 ms"


def test_an_unknown_section(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--only", "nosuch"])
    assert "nosuch" in capsys.readouterr().err
