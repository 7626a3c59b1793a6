"""Chapter 20, part b: figures of its claims."""

from matplotlib.figure import Figure

from lecture_utils.plotting.style import BLUE, ORANGE, VERMILION

__all__ = ["arms_figure", "teachers_figure"]


def arms_figure(scores: list[dict[str, dict[str, float]]], title: str) -> Figure:
    """Draw flips and MPJPE of each arm of C20.2, a dot a seed."""
    fig = Figure(figsize=(8, 3.0), layout="constrained")
    axes = fig.subplots(1, 2, sharey=True)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    names = list(scores[0])[::-1]
    for ax, (key, times, label) in zip(
        axes, (("flips", 100, "flipped bones, %"), ("mpjpe_mm", 1, "MPJPE, mm")), strict=True
    ):
        for row, name in enumerate(names):
            values = [times * own[name][key] for own in scores]
            hue = BLUE if name == "full" else VERMILION
            ax.plot(values, [row] * len(values), "o", color=hue, markeredgecolor="white", alpha=0.9)
        ax.set(xlabel=label, yticks=range(len(names)))
        ax.set_yticklabels([{"full": "all priors"}.get(name, name) for name in names])
        ax.set_xlim(left=0)
    return fig


def teachers_figure(scores: list[dict[str, dict[str, float]]], title: str) -> Figure:
    """Draw MPJPE on held-out people of each arm of C20.3, a dot a seed."""
    words = {"SPIN": "in the loop", "first fits": "first fits, no loop", "2-D": "2-D joints and priors",
             "2-D, longer": "the same, three times the steps", "SMPLify": "SMPLify, on joints found",
             "SMPLify, joints as in training": "SMPLify, on good joints"}  # fmt: skip
    fig = Figure(figsize=(7.6, 2.9), layout="constrained")
    ax = fig.subplots()
    ax.set_title(title, loc="left", fontsize=11)
    names = [name for name in words if name in scores[0]][::-1]
    for row, name in enumerate(names):
        values = [own[name]["mpjpe_mm"] for own in scores]
        ax.plot(
            values,
            [row] * len(values),
            "o",
            color=BLUE if name == "SPIN" else ORANGE,
            markeredgecolor="white",
            alpha=0.7,
        )
    ax.set(xlabel="MPJPE on held-out people, mm", yticks=range(len(names)))
    ax.set_yticklabels([words[name] for name in names])
    ax.set_xlim(left=0)
    return fig
