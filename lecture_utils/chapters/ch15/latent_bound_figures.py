"""Chapter 15: figures of the bound from several samples, of beta, and of C15.1.

Each returns a Figure; the alt texts are the notebook's.

Shapes: Z latent numbers, K samples.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from lecture_utils.chapters.ch15.latent_figures import titled
from lecture_utils.plotting.style import BLUE, GREEN, ORANGE, QUIET, VERMILION

__all__ = ["beta_figure", "noise_claim_figure", "samples_bound_figure"]

ARMS = {"ae": ("auto-encoder", ORANGE), "vae": ("VAE", BLUE)}
NOISES = {"standard": ("N(0, I)", "o"), "fitted": ("fitted to its codes", "D")}


def samples_bound_figure(points: Mapping[int, float], bound: float, title: str) -> Figure:
    """Draw the importance-sampled log-likelihood over the number of samples K, and the ELBO."""
    fig = titled(7.0, 3.0, title)
    ax = fig.subplots()
    counts = sorted(points)
    ax.plot(counts, [points[k] for k in counts], "o-", color=BLUE, label="importance-sampled")
    ax.axhline(bound, color=VERMILION, linestyle="--", label="ELBO")
    ax.set_xscale("log", base=2)
    ax.set_xticks(counts, [str(k) for k in counts])
    ax.set(xlabel="samples of z for each picture, K", ylabel="nats a picture")
    ax.legend(frameon=False, loc="lower right")
    return fig


def beta_figure(points: Mapping[float, Mapping[str, float]], title: str) -> Figure:
    """Draw `latent_study.by_beta`: PSNR, divergence and Fréchet distance of samples over beta."""
    fig = titled(9.0, 2.8, title)
    betas = sorted(points)
    shown = {
        "psnr": ("reconstruction, dB", ORANGE),
        "kl": ("KL, nats", BLUE),
        "frechet": ("Fréchet, samples", GREEN),
    }
    for ax, (key, (said, hue)) in zip(fig.subplots(1, 3), shown.items(), strict=True):
        ax.plot(betas, [points[b][key] for b in betas], "o-", color=hue)
        ax.set_xscale("log")
        ax.set_xticks(betas, [f"{b:g}" for b in betas])
        ax.minorticks_off()
        ax.set(xlabel="β", title=said, ylim=(0, None))
    return fig


def noise_claim_figure(points: Mapping[float, Sequence[Mapping[str, Any]]], title: str) -> Figure:
    """Draw C15.1: Fréchet distance and sure share over the latent numbers, of both models and both noises.

    Parameters
    ----------
    points : mapping
        Latent numbers → figures, one mapping a seed.
    title : str
    """
    fig = titled(8.8, 3.4, title)
    places = sorted(points)
    real = points[places[0]][0]
    for ax, (part, said) in zip(
        fig.subplots(1, 2),
        (("", "Fréchet distance to test digits"), ("_sure", "judge is sure, share")),
        strict=True,
    ):
        for arm, (name, hue) in ARMS.items():
            for noise, (drawn, marker) in NOISES.items():
                rows = [[float(own[f"{arm}_{noise}{part}"]) for own in points[z]] for z in places]
                style = "-" if noise == "standard" else ":"
                ax.plot(range(len(places)), [sum(row) / len(row) for row in rows], style, color=hue,
                        marker=marker, label=f"{name}, {drawn}")  # fmt: skip
                for place, row in enumerate(rows):
                    ax.plot([place] * len(row), row, marker, color=hue, markersize=3, alpha=0.5)
        ax.axhline(real[f"real{part}"], color=QUIET, linewidth=1, linestyle="--")
        ax.text(0, real[f"real{part}"], "real digits", fontsize=8.5, color=QUIET, va="bottom")
        ax.set_xticks(range(len(places)), [f"{z:g}" for z in places])
        ax.set(xlabel="latent numbers", ylabel=said, xlim=(-0.3, len(places) - 0.7))
    fig.axes[0].set_yscale("log")
    fig.legend(*fig.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8.5,
               frameon=False)  # fmt: skip
    return fig
