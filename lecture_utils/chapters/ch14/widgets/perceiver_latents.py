"""A latent of the Perceiver resampler at a time, and where in the picture it looks."""

import functools

from matplotlib.figure import Figure

from lecture_utils.chapters.ch14.flamingo_study import looks, shipped
from lecture_utils.data.toyworld.language.asked import Asked
from lecture_utils.multimodal.flamingo.flamingo import Flamingo
from lecture_utils.plotting.images import to_image
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.recipes._scenes import exam, seen
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import picture, strip
from lecture_utils.widgets.widget import Widget

PANEL, PICTURES = 2.2, 5


@functools.lru_cache(maxsize=1)
def shown() -> Asked:
    """Test pictures, the first of those the chapter's figures are told of."""
    return exam(60)


def looked(at: int, latent: int, layer: int, model: Flamingo | None = None) -> Figure:
    """Draw a picture, where one latent looks in it, and where all of them do together."""
    drawn = shown()
    cells, within = looks(model or shipped(), seen(drawn)[at : at + 1].float())
    own = cells[layer, 0, latent]  # (6, 6)
    image = drawn.image[at]
    others = float(within[layer, 0, latent])
    fig, axes = strip(
        [PANEL] * 3, PANEL, foot=f"latent {latent} spends {others:.0%} on the latents themselves"
    )
    picture(axes[0], to_image(image), "what the eye gets")
    picture(axes[1], heat_overlay(image, own), f"layer {layer + 1}, latent {latent}")
    picture(axes[2], heat_overlay(image, cells[layer, 0].mean(0)), "all latents, mean")
    return fig


def perceiver_latents(model: Flamingo | None = None) -> Widget:
    """Make the widget for a trained Flamingo, the shipped one where none is given."""
    model_used = model or shipped()
    layers, latents = len(model_used.resampler.layers), len(model_used.resampler.latents)
    options = tuple((f"picture {i + 1}", i) for i in range(PICTURES))
    last = layers - 1
    tour = [
        ("A latent of the last layer.", {"at": 0, "latent": 0, "layer": last}),
        ("The same latent, another picture.", {"at": 1, "latent": 0, "layer": last}),
        *((f"Latent {k}.", {"at": 0, "latent": k, "layer": last}) for k in range(1, min(latents, 5))),
        ("The first layer: the latents have seen nothing yet, and ask all the same.", {"at": 0, "layer": 0}),
        ("The first layer, another latent.", {"at": 0, "latent": latents - 1, "layer": 0}),
    ]
    return Widget(
        title="The Perceiver's latents",
        compute=functools.partial(looked, model=model),
        controls={
            "at": Choice(options, 0, label="picture"),
            "latent": Slider(0, latents - 1, 1, 0, label="latent"),
            "layer": Choice(tuple((f"layer {k + 1}", k) for k in range(layers)), 0, label="layer"),
        },
        tour=tour,
        trivial={"layer": 0},
        alt="A picture, the cells of it that one latent attends to, and those that all attend to.",
    )
