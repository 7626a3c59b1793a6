"""Chapter 20, exercise 20.6: where a person stands, by similar triangles (`fitting_solutions.place`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch20.fitting_solutions import place
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

_K = floats([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])


def _people(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    bone = torch.tensor([[0, 1]])
    stick = floats([[0.0, -0.5, 0.0], [0.0, 0.5, 0.0]])
    yield stick, floats([[320.0, 140], [320, 340]]), torch.ones(2), _K, bone  # 1 m, 200 pixels: 2.5 m away
    yield stick, floats([[420.0, 100], [420, 200]]), torch.ones(2), _K, bone  # 5 m away, to the right
    yield stick + floats([0.2, 0.3, 0.4]), floats([[420.0, 100], [420, 200]]), torch.ones(2), _K, bone
    yield stick, floats([[320.0, 140], [320, 340]]), floats([1.0, 0.5]), _K, bone  # one is less sure
    for joints, bones, hidden in ((4, 1, "far off"), (5, 2, ""), (6, 3, "nan"), (8, 4, "nan")):
        body = floats(rng.uniform(-0.7, 0.7, (joints, 3)))
        k = floats([[f := rng.uniform(300, 900), 0, 310], [0, f, 250], [0, 0, 1]])
        seen = (body + floats([0.3, -0.2, rng.uniform(3, 6)])) @ k.T
        pixels = seen[:, :2] / seen[:, 2:] + floats(rng.normal(size=(joints, 2)))
        confidence = floats(rng.uniform(0.3, 1.0, joints))
        if hidden:
            pixels[-1], confidence[-1] = (torch.nan if hidden == "nan" else 900.0), 0.0
        pairs = [rng.permutation(joints - bool(hidden))[:2] for _ in range(bones)]
        yield body, pixels, confidence, k, torch.tensor(np.array(pairs))


def _placed(
    joints: Tensor,
    pixels: Tensor,
    confidence: Tensor,
    intrinsics: Tensor,
    bones: Tensor,
    *,
    trust: Callable[[Tensor], Tensor] = lambda confidence: confidence,
    hide: bool = True,
    length: Callable[[Tensor], Tensor] = lambda bone: bone.norm(dim=1),
    deep: Callable[..., Tensor] = lambda f, metres, on_screen, weight: (
        f * (weight * metres).sum() / (weight * on_screen).sum()
    ),
    ray: Callable[[Tensor, Tensor], Tensor] = lambda k, middle: torch.linalg.inv(k) @ middle,
    away: Callable[[Tensor], Tensor] = lambda mean: mean,
    project: Callable[..., Tensor] = lambda joints, t, k: (joints + t) @ k.T,
    divide: Callable[[Tensor], Tensor] = lambda points: points[:, 2:],
) -> tuple[Tensor, Tensor]:
    """The person placed with one part exchanged."""
    c = trust(confidence)
    seen = torch.where(confidence[:, None] > 0, pixels, 0.0) if hide else pixels
    a, b = bones.unbind(1)
    metres, on_screen = length(joints[a] - joints[b]), (seen[a] - seen[b]).norm(dim=1)
    depth = deep(intrinsics[0, 0], metres, on_screen, c[a] * c[b])
    share = c[:, None] / c.sum()
    middle = torch.cat([(share * seen).sum(0), torch.ones(1)])
    t = depth * ray(intrinsics, middle) - away((share * joints).sum(0))
    points = project(joints, t, intrinsics)
    return t, points[:, :2] / divide(points)


@mistake(
    "Your similar triangles are the wrong way round: who stands farther away is *smaller* in the picture. "
    "Which length belongs below the bar?"
)
def _inverted(*given: Tensor) -> Any:
    return _placed(*given, deep=lambda f, m, px, w: f * (w * px).sum() / (w * m).sum())


@mistake(
    "Metres over pixels is no depth yet. The triangle behind the lens has the focal length for its height: "
    "where does it come in?"
)
def _no_focal(*given: Tensor) -> Any:
    return _placed(*given, deep=lambda f, m, px, w: (w * m).sum() / (w * px).sum())


@mistake(
    "You take the mean of the bones' depths. A bone that points at the camera has few pixels, and would put "
    "the person far away: add up all lengths first."
)
def _mean_of_depths(*given: Tensor) -> Any:
    return _placed(*given, deep=lambda f, m, px, w: (w * f * m / px).sum() / w.sum())


@mistake(
    "All bones count alike in your depth. Each is to be weighted by the product of its two joints' "
    "confidence."
)
def _bones_alike(*given: Tensor) -> Any:
    return _placed(*given, deep=lambda f, m, px, w: f * m.sum() / px.sum())


@mistake("The bones' lengths in metres are those of the body in space: x, y and z. You leave out z.")
def _flat_bones(*given: Tensor) -> Any:
    return _placed(*given, length=lambda bone: bone[:, :2].norm(dim=1))


@mistake(
    "All joints count alike with you, also those that nobody has seen. Weigh their means by `confidence`."
)
def _no_confidence(*given: Tensor) -> Any:
    return _placed(*given, trust=torch.ones_like)


@mistake(
    "Each joint counts fully or not at all with you. How sure a joint is, is a number between 0 and 1: use "
    "it as a weight."
)
def _mask(*given: Tensor) -> Any:
    return _placed(*given, trust=lambda confidence: (confidence > 0).float())


@mistake(
    "Where a joint is hidden its pixel is NaN, and 0 times NaN is NaN still. Put a number there before you "
    "multiply: `torch.where`."
)
def _nan_kept(*given: Tensor) -> Any:
    return _placed(*given, hide=False)


@mistake(
    "Your depth is right, but sideways all is NaN: the pixel of a hidden joint is in your mean of pixels, "
    "and a weight of 0 does not take it out. Put a number in its place first."
)
def _nan_sideways(
    joints: Tensor, pixels: Tensor, confidence: Tensor, intrinsics: Tensor, bones: Tensor
) -> Any:
    def ray(k: Tensor, middle: Tensor) -> Tensor:
        return torch.stack([(middle[0] - k[0, 2]) / k[0, 0], (middle[1] - k[1, 2]) / k[1, 1], middle[2]])

    return _placed(joints, pixels, confidence, intrinsics, bones, hide=False, ray=ray)


@mistake(
    "Your means are sums, not divided by the confidence in all: two joints of 1 have a mean twice too far "
    "from the corner."
)
def _sum_for_mean(
    joints: Tensor, pixels: Tensor, confidence: Tensor, intrinsics: Tensor, bones: Tensor
) -> Any:
    total = confidence.sum()
    k = intrinsics.clone()
    ray = lambda k, middle: torch.linalg.inv(k) @ (middle * torch.stack([total, total, total / total]))  # noqa: E731
    return _placed(joints, pixels, confidence, k, bones, ray=ray, away=lambda mean: mean * total)


@mistake(
    "You forget the principal point on the way back: pixels are counted from the corner, rays from the "
    "middle. Use all of K⁻¹."
)
def _no_centre(*given: Tensor) -> Any:
    return _placed(*given, ray=lambda k, middle: torch.stack([*(middle[:2] / k[0, 0]), middle[2]]))


@mistake("Your y points up. In the camera's axes it points down, as v does: nothing changes its sign.")
def _y_up(*given: Tensor) -> Any:
    return _placed(*given, ray=lambda k, m: torch.linalg.inv(k) @ m * torch.tensor([1.0, -1, 1]))


@mistake(
    "You put the body's origin where the mean of its joints has to be. The origin need not be their mean: "
    "what is to be taken away?"
)
def _origin_for_mean(*given: Tensor) -> Any:
    return _placed(*given, away=torch.zeros_like)


@mistake(
    "Sideways you are right. In depth you put the body's origin at the depth found; it is the joints' mean "
    "that belongs there."
)
def _depth_of_origin(*given: Tensor) -> Any:
    return _placed(*given, away=lambda mean: mean * torch.tensor([1.0, 1, 0]))


@mistake(
    "Your translation is right. You divide all joints by one depth, which is weak perspective; each joint "
    "has a depth of its own."
)
def _weak(*given: Tensor) -> Any:
    return _placed(*given, divide=lambda points: points[:, 2:].mean())


@mistake(
    "Your translation is right, but you project the joints without it: their origin would be in the lens."
)
def _not_moved(*given: Tensor) -> Any:
    return _placed(*given, project=lambda joints, t, k: joints @ k.T)


@mistake(
    "Your translation is right. Your points stand as rows, which K multiplies from the right only if it is "
    "transposed."
)
def _k_as_it_is(*given: Tensor) -> Any:
    return _placed(*given, project=lambda joints, t, k: (joints + t) @ k)


EXERCISE = Exercise(
    "20.6",
    "Where does the person stand?",
    place,
    _people,
    difficulty=3,
    minutes=15,
    hints=(
        "Depth first: a length of L metres that covers l pixels is f · L / l away. Then the place: go back "
        "along the ray of the mean pixel to that depth, and see where the joints' mean has to be moved.",
        "The ray of a pixel is K⁻¹ (u, v, 1), of which z is 1: times the depth it is a point. The "
        "translation is this point less the joints' weighted mean. Then project: add it, times K, divide by "
        "each point's own z.",
        "a, b are bones.unbind(1), the weight confidence[a] * confidence[b]; depth is f times the weighted "
        "sum of (joints[a] - joints[b]).norm(dim=1) over that of the pixels. Means: share is confidence / "
        "confidence.sum(); torch.where(confidence[:, None] > 0, pixels, 0.0) takes the NaN out.",
    ),
    mistakes=(
        _inverted,
        _no_focal,
        _mean_of_depths,
        _bones_alike,
        _flat_bones,
        _no_confidence,
        _mask,
        _nan_kept,
        _nan_sideways,
        _sum_for_mean,
        _no_centre,
        _y_up,
        _origin_for_mean,
        _depth_of_origin,
        _weak,
        _not_moved,
        _k_as_it_is,
    ),
)
