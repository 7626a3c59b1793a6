"""Grad-CAM: choose a scene, a class and a layer, and see what speaks for that class there."""

from functools import lru_cache

from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SCENES, SIZE = 12, 48
LAYERS = {"stem, 24×24": "stem", "stage 1, 24×24": "stages.0", "stage 2, 12×12": "stages.1"}


def ask(scene: int, name: str, layer: str) -> Figure:
    """Draw a scene, Grad-CAM of a class at a layer, and both over one another.

    Parameters
    ----------
    scene : int
        0 to 11.
    name : str
        One of `toyworld.CLASSES`.
    layer : str
        A layer of `shapes_multilabel`.

    Returns
    -------
    Figure
    """
    from lecture_utils.data.toyworld import CLASSES
    from lecture_utils.explain.grad_cam import grad_cam
    from lecture_utils.explain.maps import upsample
    from lecture_utils.plotting.images import to_image
    from lecture_utils.plotting.overlays import heat_overlay, signed_overlay
    from lecture_utils.widgets.layouts import picture, strip

    images, probabilities = observed()
    x, k = images[scene : scene + 1], CLASSES.index(name)
    signed = grad_cam(network(), x, k, layer=layer, relu=False)  # (1, h, w)
    large = upsample(signed, images.shape[-1])[0]  # (48, 48)
    answers = [f"{c} {p:.0%}" for c, p in zip(CLASSES, probabilities[scene].tolist(), strict=True) if p > 0.5]
    foot = f"It sees: {', '.join(answers) or 'nothing with more than 50 %'}.   Asked for: {name}, "
    foot += f"{probabilities[scene, k].item():.1%}."
    fig, axes = strip([1.6] * 4, 1.6, foot=foot)
    picture(axes[0], to_image(x[0]), f"scene {scene}")
    picture(axes[1], heat_overlay(x[0], large), f"Grad-CAM: {name}", bold=True)
    picture(
        axes[2],
        heat_overlay(x[0] * 0, upsample(signed, 48, mode="nearest")[0]),
        f"its {'×'.join(map(str, signed.shape[1:]))} map",
    )
    picture(axes[3], signed_overlay(x[0], large), "without the ReLU")
    return fig


def grad_cam_chooser() -> Widget:
    """Make the chooser: scene, class and layer."""
    from lecture_utils.data.toyworld import CLASSES

    scene, here, absent = examples()
    first, second = here[0], here[1]
    tour = [
        (f"Asked for the {first} at stage 1: finer, but it strays from the object.",
         {"scene": scene, "name": first, "layer": "stages.0"}),
        (f"The {first} at stage 2, the last: coarser, and on the object.",
         {"scene": scene, "name": first, "layer": "stages.1"}),
        (f"The same layer, asked for the {second}: another map.",
         {"scene": scene, "name": second, "layer": "stages.1"}),
        (f"Asked for a {absent}, which is not there: scaled to its own largest value, even this map glows.",
         {"scene": scene, "name": absent, "layer": "stages.1"}),
        (f"The {first} at the stem: edges and colours, not the thing.",
         {"scene": scene, "name": first, "layer": "stem"}),
        (f"And the {second} at the stem: would you know what was asked for?",
         {"scene": scene, "name": second, "layer": "stem"}),
    ]  # fmt: skip
    return Widget(
        title="Grad-CAM chooser",
        compute=ask,
        controls={
            "scene": Slider(0, SCENES - 1, 1, scene, label="scene"),
            "name": Choice(CLASSES, first, label="class"),
            "layer": Choice(list(LAYERS.items()), "stages.0", label="layer"),
        },
        tour=tour,
        trivial={"layer": "stem"},
        alt="A scene of objects, the Grad-CAM map of one class over it, the bare map, and the signed map.",
    )


@lru_cache(maxsize=1)
def network() -> nn.Module:
    """Load the network once."""
    from lecture_utils import zoo

    return zoo.load("shapes_multilabel")


@lru_cache(maxsize=1)
def observed() -> tuple[Tensor, Tensor]:
    """Render scenes of two or three objects once: images (12, 3, 48, 48) and class probabilities (12, 8)."""
    from lecture_utils.data.toyworld import render
    from lecture_utils.recipes.shapes_multilabel import scenes
    from lecture_utils.training.loop import predictions

    images = render(scenes(SCENES, seed=6, split="test", objects=(2, 3)), SIZE, only=("image",)).image
    return images, predictions(network(), images).sigmoid()


def examples() -> tuple[int, list[str], str]:
    """Give the scene in which the network names two classes most surely, these two, and a class it denies."""
    from lecture_utils.data.toyworld import CLASSES

    chances = observed()[1]
    scene = int(chances.topk(2, dim=1).values[:, 1].argmax())
    order = chances[scene].argsort(descending=True).tolist()
    return scene, [CLASSES[k] for k in order[:2]], CLASSES[order[-1]]
