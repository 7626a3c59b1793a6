"""Attention viewer: where the class token of DINO looks, head by head; and of its rivals."""

from functools import lru_cache

from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SCENES, SEED = 8, 5
MEAN, OUTLINE = "mean of the heads", "#0072B2"
HEADS = (MEAN, *(f"head {k + 1}" for k in range(4)))
BEST = {"DINO": "head 2", "MAE": "head 3", "supervised": "head 1"}  # by IoU with the object; a test compares
LEARNED = {
    "DINO, no labels": "shapes_dino",
    "MAE, no labels": "shapes_mae",
    "supervised": "shapes_supervised_vit",
    "untrained": "",
}


@lru_cache(maxsize=len(LEARNED))
def network(weights: str) -> nn.Module:
    """A shipped encoder, or the same network before any training."""
    import torch

    from lecture_utils import zoo
    from lecture_utils.selfsup.mae import MAE
    from lecture_utils.selfsup.small_vit import small_vit

    if weights:
        model = zoo.load(weights)
        return model.encoder if isinstance(model, MAE) else model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return small_vit().eval()


@lru_cache(maxsize=len(LEARNED))
def looked_at(weights: str) -> tuple[Tensor, Tensor, Tensor]:
    """Test scenes (8, 3, 48, 48), their objects' pixels (8, 48, 48) and the attention (8, heads, 64)."""
    from lecture_utils.data.portraits import portraits
    from lecture_utils.selfsup.small_vit import class_attention

    images, _, truth = portraits(SCENES, split="test", seed=SEED)
    return images, truth, class_attention(network(weights), images)  # type: ignore[arg-type]


def look(scene: int = 1, head: str = MEAN, mass: int = 60, network: str = "DINO, no labels") -> Figure:
    """Draw a scene, where the class token looks, and the fewest patches that hold a share of its attention.

    Parameters
    ----------
    scene : int
        From 1.
    head : str
        In `HEADS`.
    mass : int
        Percent of the attention that the outlined patches hold.
    network : str
        In `LEARNED`.

    Returns
    -------
    Figure
        With the overlap (IoU) of the patches with the object's exact pixels.
    """
    from lecture_utils.chapters.ch03.charts import heated
    from lecture_utils.metrics.attention_iou import head_masks, intersection_over_union
    from lecture_utils.plotting.images import to_image
    from lecture_utils.widgets.layouts import three_panels

    images, truth, attention = looked_at(LEARNED[network])
    maps = attention[scene - 1 : scene]  # (1, heads, N)
    chosen = maps.mean(1, keepdim=True) if head == MEAN else maps[:, [HEADS.index(head) - 1]]  # (1, 1, N)
    mask = head_masks(chosen, images.shape[-1], mass / 100)[0, 0]  # (48, 48)
    iou = intersection_over_union(mask, truth[scene - 1]).item()
    side = round(chosen.shape[-1] ** 0.5)
    picture = to_image(images[scene - 1])
    fig, (left, middle, right) = three_panels()
    left.imshow(picture, interpolation="nearest")
    left.set_title("scene")
    middle.imshow(heated(picture, chosen[0, 0].reshape(side, side)), interpolation="nearest")
    middle.set_title(head)
    share = 0.3 + 0.7 * mask[..., None].numpy()  # what is not kept fades to white
    right.imshow(share * picture + 1 - share, interpolation="nearest")
    right.contour(truth[scene - 1].numpy(), levels=[0.5], colors=[OUTLINE], linewidths=1.8)
    right.set_title(f"{mass} % of it; IoU {iou:.2f}")
    return fig


def dino_attention() -> Widget:
    """Make the attention viewer: scene, head, share of the attention, and network.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Where the class token looks",
        compute=look,
        controls={
            "scene": Slider(1, SCENES, 1, 1),
            "head": Choice(list(HEADS)),
            "mass": Slider(20, 95, 5, 60, label="share kept (%)"),
            "network": Choice(list(LEARNED)),
        },
        tour=[
            ("DINO, the mean of its heads. Blue: the object's true outline, never shown to it.", {}),
            ("Another scene, DINO's best head: the middle of the object.",
             {"scene": 2, "head": BEST["DINO"]}),
            ("The MAE's best head on the same scene.",
             {"scene": 2, "network": "MAE, no labels", "head": BEST["MAE"]}),
            ("Another head of the MAE looks at a corner and at the sand.",
             {"scene": 2, "network": "MAE, no labels", "head": "head 2"}),
            ("The network that had labels, best head: a corner most of all.",
             {"scene": 2, "network": "supervised", "head": BEST["supervised"]}),
            ("A third scene: DINO's best head.", {"scene": 4, "head": BEST["DINO"]}),
        ],
        trivial={"network": "untrained"},
        alt="A small scene, the same scene hot where the class token looks, and the patches with most of its "
        "attention against the object's outline.",
    )  # fmt: skip
