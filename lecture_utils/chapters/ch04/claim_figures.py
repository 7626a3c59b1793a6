"""Chapter 04's claims drawn from their records: means over the seeds, one figure a claim."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from lecture_utils.chapters.ch04.figures import KIND_COLOURS, grouped_bars, kinds_by_stage
from lecture_utils.experiments import ledger
from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.style import INK

MEASURES = ("pointing", "energy", "selectivity")
STAGES = {"stem": "stem", "stages.0": "stage 1", "stages.1": "stage 2", "stages.2": "stage 3"}


def mean(values: Sequence[float]) -> float:
    """The mean of some numbers."""
    return sum(values) / len(values)


def neighbours_by_space() -> Figure:
    """Draw C04.1: how many neighbours share class, colour and material, by space."""
    seeds = ledger.load("C04.1").figures
    rows = {}
    for arm in ("network", "pixels", "untrained network"):
        measured = [row["precision_at_5"]["gap"][arm] for row in seeds]
        facts = ("class", "colour", "material")
        rows[arm] = {f"same {fact}": mean([m[fact] for m in measured]) for fact in facts}
    title = "Features find the same class; pixels, in a third, the same colour"
    return grouped_bars(rows, title, "share of the five nearest, mean over the seeds")


def who_was_named() -> Figure:
    """Draw C04.2: pointing game, energy and selectivity of maps by gradients, two baselines and attention."""
    seeds = ledger.load("C04.2").figures
    rows = {
        name: {key: mean([row["methods"][name][key] for row in seeds]) for key in MEASURES}
        for name in (
            "Grad-CAM",
            "CAM",
            "input gradient",
            "where objects stand",
            "centre",
            "attention rollout",
        )
    }
    title = "CAM and gradients know what was named; attention does not"
    return grouped_bars(rows, title, "mean over the seeds")


def detectors_by_limit() -> Figure:
    """Draw C04.3's boundary: concepts with a detector against the IoU that makes one."""
    points = (ledger.load("C04.3").boundary or {})["points"]
    limits = [point["at"] for point in points]
    lines = {}
    for key, name in (
        ("concepts_trained", "trained: all but colours"),
        ("colours_random", "random: colours"),
        ("concepts_random", "random: all but colours"),
    ):
        lines[name] = limits, [mean([row[key] for row in point["figures"]]) for point in points]
    title = "Detectors of classes come with training; random weights have some for colours"
    figure = curves(lines, "IoU above which a unit is a detector (dashed: the paper's)", "concepts", title)
    figure.set_size_inches(7.4, 2.8)
    ax = figure.axes[0]
    ax.axvline(0.04, color=INK, linestyle="--", linewidth=0.8)
    ax.set_xscale("log", base=2)
    ax.set_xticks(limits, [f"{limit:g}" for limit in limits])
    ax.legend(loc="center", bbox_to_anchor=(0.34, 0.7))  # between the lines
    return figure


def lost_areas(parts: Sequence[str]) -> list[tuple[str, ...]]:
    """Give C04.4 as rows: how the area of each concept changes when each concept's units go."""
    seeds = ledger.load("C04.4").figures
    rows = []
    for name in parts:
        lost = [mean([row["lost_by_units_of"][name][part] for row in seeds]) for part in parts]
        rows.append((f"units of {name}", *(f"{-value:+.0%}" for value in lost)))
    fall = mean([row["fall_random"] for row in seeds])
    return [*rows, ("random units", *["–"] * (len(parts) - 1), f"{-fall:+.0%}")]


def kinds_with_depth() -> Figure:
    """Draw C04.5: kind of concept by stage of `shapes_resnet`, with trained and with random weights."""
    seeds = ledger.load("C04.5").figures
    tables = {}
    for arm in ("trained", "random"):
        rows = [row["shares"][f"shapes_resnet, {arm}"] for row in seeds]
        tables[f"{arm} weights"] = {
            name: {kind: mean([row[layer][kind] for row in rows]) for kind in KIND_COLOURS}
            for layer, name in STAGES.items()
        }
    return kinds_by_stage(tables, "Detectors of classes come with depth, and only with training")
