"""Retrieval browser: a new picture, and the four stored ones nearest to it in a space of your choice."""

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

if TYPE_CHECKING:
    from lecture_utils.explain.retrieval import FeatureDatabase

QUERIES, ROWS, NEIGHBOURS = 16, 400, 4
SPACES = {
    "pixels": "pixels",
    "stage 1, mean over places": "stages.0",
    "stage 2, mean over places": "stages.1",
    "stage 3, mean over places": "stages.2",
}
_TOUR = (
    (3, "stages.2", "Stage 3, the layer under the classifier: the same class, in other colours and places."),
    (3, "pixels", "Pixels: what is alike is the background and the light, hardly the thing."),
    (3, "stages.0", "Stage 1: still the water and the light more than the thing."),
    (3, "stages.1", "Stage 2: here the shape counts already."),
    (9, "pixels", "Another picture, by its pixels …"),
    (9, "stages.2", "… and by the features of stage 3."),
)


def retrieve(query: int, space: str) -> Figure:
    """Draw a query and its nearest neighbours, with their class and the cosine.

    Parameters
    ----------
    query : int
        Which test picture, 0 to 15.
    space : str
        "pixels" or the name of a layer of `shapes_resnet`.

    Returns
    -------
    Figure
    """
    from lecture_utils.data.toyworld import CLASSES
    from lecture_utils.plotting.images import to_image
    from lecture_utils.widgets.layouts import picture, strip

    (asked, truth), (stored, labels) = pictures()
    stored_features, features = databases()[space]
    found = stored_features.query(features[query : query + 1], NEIGHBOURS)
    index, cosine = (part[0] for part in found)  # (4,) each
    hits = int((labels[index] == truth[query]).sum())
    foot = f"{hits} of {NEIGHBOURS} are of the class {CLASSES[truth[query]]}."
    fig, axes = strip([1.52] * (NEIGHBOURS + 1), 1.52, foot=foot)
    picture(axes[0], to_image(asked[query]), f"asked: {CLASSES[truth[query]]}", bold=True)
    for ax, k, c in zip(axes[1:], index.tolist(), cosine.tolist(), strict=True):
        picture(ax, to_image(stored[k]), f"{CLASSES[labels[k]]} {c:.3f}")
    return fig


def retrieval_browser() -> Widget:
    """Make the retrieval browser: a test picture and a space to search in."""
    return Widget(
        title="Retrieval browser",
        compute=retrieve,
        controls={
            "query": Slider(0, QUERIES - 1, 1, 3, label="picture"),
            "space": Choice(list(SPACES.items()), "stages.2", label="nearest by"),
        },
        tour=[(caption, {"query": query, "space": space}) for query, space, caption in _TOUR],
        trivial={"query": 3, "space": "pixels"},
        alt="A small rendered picture of one object and the four pictures nearest to it, with their classes.",
    )


@lru_cache(maxsize=1)
def pictures() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Render the queries and the database once: test pictures and validation pictures, with their classes."""
    from lecture_utils.data.toyworld import classification

    return classification(QUERIES, size=32, split="test"), classification(ROWS, size=32, split="val")


@lru_cache(maxsize=1)
def databases() -> dict[str, tuple["FeatureDatabase", Tensor]]:
    """Give for each space the database and the queries' features: one pass of the network for all."""
    from lecture_utils import zoo
    from lecture_utils.explain.hooks import record
    from lecture_utils.explain.retrieval import FeatureDatabase

    (asked, _), (stored, labels) = pictures()
    both = torch.cat([asked, stored])  # (416, 3, 32, 32)
    layers = [space for space in SPACES.values() if space != "pixels"]
    network = zoo.load("shapes_resnet")
    with torch.inference_mode(), record(network, *layers) as seen:
        network(both)
    features = {"pixels": both.flatten(1), **{layer: seen[layer].mean((2, 3)) for layer in layers}}
    return {name: (FeatureDatabase(f[QUERIES:], labels), f[:QUERIES]) for name, f in features.items()}
