"""Curves, confusion matrix, a claim's figure, tables."""

from types import SimpleNamespace

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from lecture_utils import plotting
from lecture_utils.kernel.tables import show_table
from lecture_utils.plotting.display import pixels


def test_curves_label_line_ends_that_lie_apart_and_else_use_a_legend():
    apart = plotting.curves({"low": [0, 1, 2], "high": [0, 5, 9]}, "step", "loss", "They part").axes[0]
    assert apart.get_legend() is None and {t.get_text() for t in apart.texts} == {"low", "high"}
    close = plotting.curves({"low": [0, 1, 2], "high": [9, 5, 2]}).axes[0]
    assert {t.get_text() for t in close.get_legend().get_texts()} == {"low", "high"}


def test_curves_take_x_bands_and_logarithms():
    x = np.array([1.0, 10, 100])
    fig = plotting.curves({"a": (x, x**2)}, bands={"a": (x, x**3)}, log_x=True, log_y=True)
    assert fig.axes[0].get_xscale() == "log" and len(fig.axes[0].collections) == 1
    assert np.array_equal(fig.axes[0].lines[0].get_xdata(), x)
    assert pixels(fig).shape == (400, 800, 3)


@pytest.mark.parametrize("series", [{}, {"a": ([1, 2], [1, 2, 3])}, {"a": [[1, 2], [3, 4]]}])
def test_curves_refuse(series):
    with pytest.raises(ValueError, match="series"):
        plotting.curves(series)


def test_confusion_matrix_writes_counts_and_refuses_other_shapes():
    fig = plotting.confusion_matrix([[5, 1], [0, 7]], ["cat", "dog"])
    assert sorted(t.get_text() for t in fig.axes[0].texts) == ["1", "5", "7"]
    with pytest.raises(ValueError, match=r"\(3, 3\) for 3 names, got \(2, 2\)"):
        plotting.confusion_matrix([[5, 1], [0, 7]], ["a", "b", "c"])


def record(holds: bool, **rule):
    values = [0.10, 0.14, 0.12]
    full = {"figure": "gap", "above": None, "below": None, "equals": None, "tolerance": 0.0} | rule
    return SimpleNamespace(
        id="C01.1",
        rule=SimpleNamespace(**full),
        figures=[{"gap": v} for v in values],
        effect={"mean": 0.12, "low": 0.07, "high": 0.17, "n": 3},
        holds=holds,
    )


@pytest.mark.parametrize(
    "rule", [{"above": 0.0}, {"below": 0.5}, {"equals": 0.12}, {"above": 0.0, "below": 1.0}]
)
@pytest.mark.parametrize("holds", [True, False])
def test_claim_figure_shows_every_seed_and_says_the_outcome(rule, holds):
    ax = plotting.claim_figure(record(holds, **rule)).axes[0]
    assert [0.10, 0.14, 0.12] in [
        line.get_xdata().tolist() for line in ax.lines if len(line.get_xdata()) == 3
    ]
    assert ("not reproduced" in ax.get_title(loc="left") + ax.get_title()) is not holds


def test_claim_figure_with_one_seed_and_no_spread():
    one = record(True, equals=0.5)
    one.figures, one.effect = [{"gap": 0.5}], {"mean": 0.5, "low": 0.5, "high": 0.5, "n": 1}
    assert pixels(plotting.claim_figure(one)).size


def displayed(*args, **kwargs):
    InteractiveShell.instance()
    with capture_output() as captured:
        show_table(*args, **kwargs)
    (output,) = captured.outputs
    return output.data


def test_table_has_html_and_a_plain_twin():
    data = displayed(
        [{"name": "a<b", "n": 12000, "shape": (3, 4), "x": 0.123456, "ok": True}], caption="Sizes"
    )
    assert "a&lt;b" in data["text/html"] and "<caption>Sizes" in data["text/html"]
    for text in ("a<b", "12,000", "3×4", "0.1235", "yes"):
        assert text in data["text/plain"]


def test_table_takes_sequences_and_refuses_what_does_not_fit():
    assert "2" in displayed([(1, 2), (3, 4)], ["a", "b"])["text/plain"]
    for rows, columns, message in (
        ([], None, "at least one"),
        ([(1, 2)], None, "column names"),
        ([(1, 2)], ["a"], "1 cells"),
    ):
        with pytest.raises(ValueError, match=message):
            show_table(rows, columns)


def test_claim_figure_with_several_rules_and_a_seed_without_a_number():
    odd = record(False, above=0.0)
    odd.figures[1]["gap"], odd.rules = None, (odd.rule, odd.rule)
    odd.effect = {"mean": None, "low": None, "high": None, "n": 3}
    ax = plotting.claim_figure(odd).axes[0]
    assert (
        "1 without a number" in ax.get_yticklabels()[1].get_text() and "first of 2 rules" in ax.get_xlabel()
    )
