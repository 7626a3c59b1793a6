"""The lab of chapter 04: Grad-CAM by your own hooks, and a network that is right for the wrong reason.

S. Lapuschkin et al., "Unmasking Clever Hans Predictors and Assessing What Machines Really Learn", Nature
Communications, 2019: maps of a whole class, looked at together, give away what a network learned instead. The
pictures and the network are those of `hans.py`.

Shapes: B, N pictures, C channels, h × w a layer's maps, K classes.
"""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lecture_utils.exercises.exercise import Exercise, Lab, mistake

Case = tuple[Any, ...]
Score = Callable[[Tensor], Tensor]


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- step 1: hooks ---------------------------------------------------------------------------------
def explain(model: nn.Module, layer: nn.Module, x: Tensor, score: Score) -> Tensor:
    """Grad-CAM (B, h, w) of a score (B,) at a layer of any network, which is left as it was found."""
    seen: list[Tensor] = []
    hook = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        y = score(model(x)).sum()
    finally:
        hook.remove()  # also when the network or the score fails
    (gradient,) = torch.autograd.grad(y, seen[-1])  # (B, C, h, w); .backward() would fill the weights' .grad
    alpha = gradient.mean(dim=(2, 3), keepdim=True)
    return (alpha * seen[-1]).sum(1).relu().detach()


def _pictures(rng: np.random.Generator) -> Iterable[Case]:
    yield torch.tensor([[[[1.0, 0.0], [0.0, 2.0]]]]), torch.ones(1, 1, 1, 1), torch.ones(2, 1)
    for batch, channels, side, classes in ((1, 2, 3, 2), (2, 3, 4, 3), (3, 4, 5, 4)):
        kernel = _normal(rng, channels, 1, 3, 3)
        yield _normal(rng, batch, 1, side, side), kernel, _normal(rng, classes, channels)


def left_behind(answer: Callable[..., Any], x: Tensor, kernel: Tensor, head: Tensor) -> Any:
    """Explain class 1 of a small network, and look at what an answer leaves behind, also after an error.

    The network: a convolution with a kernel (C, 1, k, k), a ReLU (the layer to look at), a square, an average
    over the places, and a linear layer with weights (K, C).
    """
    side = kernel.shape[-1]
    conv = nn.Conv2d(1, len(kernel), side, padding=side // 2, bias=False)
    linear = nn.Linear(head.shape[1], len(head), bias=False)
    with torch.no_grad():
        conv.weight.copy_(kernel)
        linear.weight.copy_(head)
    relu = nn.ReLU()
    model = nn.Sequential(conv, relu, _Square(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear).eval()
    found = answer(model, relu, x, lambda output: output[:, 1])
    hooks = [len(relu._forward_hooks) + len(relu._backward_hooks)]
    weights = [bool(p.grad is not None) for p in model.parameters()]
    with contextlib.suppress(ZeroDivisionError):
        answer(model, relu, x, _broken)
    hooks.append(len(relu._forward_hooks) + len(relu._backward_hooks))
    return {
        "map": found.detach() if isinstance(found, Tensor) else found,
        "hooks left": hooks[0],
        "weights that have a .grad now": sum(weights),
        "hooks left when the score fails": hooks[1],
    }


class _Square(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.square()


def _broken(output: Tensor) -> Tensor:
    raise ZeroDivisionError("a score that fails, on purpose: is your hook gone all the same?")


def _caught(model: nn.Module, layer: nn.Module, x: Tensor, score: Score) -> tuple[Tensor, Tensor]:
    """Maps (B, C, h, w) and the score's gradient there."""
    seen: list[Tensor] = []
    hook = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        y = score(model(x)).sum()
    finally:
        hook.remove()
    return seen[-1].detach(), torch.autograd.grad(y, seen[-1])[0]


@mistake(
    "Your map is right, but your hook is still there: it will be called on every later pass, for good. What "
    "register_forward_hook returns can remove it."
)
def _hook_left(model: nn.Module, layer: nn.Module, x: Tensor, score: Score) -> Tensor:
    layer.register_forward_hook(lambda module, inputs, output: None)
    return explain(model, layer, x, score)


@mistake(
    "Your hook goes when all is well, but not when the score raises an error. Python's try … finally does "
    "something in either case."
)
def _hook_left_by_an_error(model: nn.Module, layer: nn.Module, x: Tensor, score: Score) -> Tensor:
    hook = layer.register_forward_hook(lambda module, inputs, output: None)
    result = explain(model, layer, x, score)
    hook.remove()
    return result


@mistake(
    "Your backward pass left gradients in the network's weights; the next training step would use them. "
    "torch.autograd.grad returns the one gradient that you want and leaves none."
)
def _backward(model: nn.Module, layer: nn.Module, x: Tensor, score: Score) -> Tensor:
    result = explain(model, layer, x, score)
    score(model(x)).sum().backward()
    return result


@mistake("Your map has negative values. At the very end Grad-CAM keeps only what speaks for the score.")
def _no_relu(model: nn.Module, layer: nn.Module, x: Tensor, score: Score) -> Tensor:
    maps, gradient = _caught(model, layer, x, score)
    return (gradient.mean((2, 3), keepdim=True) * maps).sum(1)


@mistake(
    "You multiplied gradient and maps place by place. One weight for each channel: the gradient's mean over "
    "the places."
)
def _place_by_place(model: nn.Module, layer: nn.Module, x: Tensor, score: Score) -> Tensor:
    maps, gradient = _caught(model, layer, x, score)
    return (gradient * maps).sum(1).relu()


@mistake(
    "You kept what goes into the layer. A forward hook gets the module, its inputs and its *output*, in this "
    "order."
)
def _inputs_kept(model: nn.Module, layer: nn.Module, x: Tensor, score: Score) -> Tensor:
    seen: list[Tensor] = []
    hook = layer.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    try:
        y = score(model(x)).sum()
    finally:
        hook.remove()
    (gradient,) = torch.autograd.grad(y, seen[-1])
    return (gradient.mean((2, 3), keepdim=True) * seen[-1]).sum(1).relu().detach()


# --- step 2: which class is suspicious? ------------------------------------------------------------
def most_fixed(maps: Tensor, labels: Tensor, classes: int) -> tuple[int, int, int]:
    """The class whose maps (N, h, w) agree most on one place, and that place: (class, row, column).

    Each map counts as shares of its own sum; a class's maps (labels (N,)) are averaged, and the largest
    value of all these averages decides. A map of zeros stays one, and is counted in its class's average; a
    class without maps is not suspected.
    """
    height, width = maps.shape[1:]
    share = maps / maps.sum(dim=(1, 2), keepdim=True).clamp(min=1e-12)  # (N, h, w)
    mean = torch.zeros(classes, height, width)
    for k in labels.unique():
        mean[k] = share[labels == k].mean(0)
    k, place = divmod(int(mean.argmax()), height * width)
    return k, place // width, place % width


def _collections(rng: np.random.Generator) -> Iterable[Case]:
    spot = torch.zeros(3, 2, 3)
    spot[0, 0, 2] = spot[1, 1, 0] = spot[2, 0, 1] = 1.0
    even = torch.full((1, 2, 3), 1.0)
    even[0, 1, 2] = 5.0  # half of its sum
    yield spot[[0, 0, 1, 2]], torch.tensor([0, 0, 1, 1]), 2
    yield torch.cat([spot[[1, 1]], 9 * spot[[0, 2]]]), torch.tensor([1, 1, 0, 0]), 2  # bright, and apart
    yield torch.cat([0 * spot[[0]], spot[[1, 0, 2]]]), torch.tensor([2, 2, 0, 0]), 4  # no map, no evidence
    yield torch.cat([spot[[0]], 0 * spot, even]), torch.tensor([0, 0, 0, 0, 1]), 2  # one good map of four
    faint = 0.14 + 0.16 * spot[[0, 0]]  # the same peak in both, and little in it
    wide = torch.stack([0.4 * spot[0] + 0.6 * spot[1], 0.6 * spot[2] + 0.4 * spot[1]])  # half of all there
    yield torch.cat([faint, wide]), torch.tensor([0, 0, 1, 1]), 2
    for number, classes, height, width in ((12, 3, 3, 4), (40, 5, 4, 6), (60, 4, 6, 5)):
        labels = torch.tensor(rng.integers(0, classes, number))
        labels[labels == classes - 1] = 0  # the last class has no picture, the first has many
        odd, row, column = 1, int(rng.integers(0, height)), int(rng.integers(0, width))
        maps = _normal(rng, number, height, width).square()
        maps[labels == odd, row, column] += 2.0
        scale = torch.tensor(rng.uniform(0.05, 20, (number, 1, 1)), dtype=torch.float32)
        scale[labels == odd] = 0.05
        yield maps * scale, labels, classes


def _place(mean: Tensor) -> tuple[int, int, int]:
    """Class, row and column of the largest value of (K, h, w)."""
    k, place = divmod(int(mean.argmax()), mean[0].numel())
    return k, place // mean.shape[2], place % mean.shape[2]


def _averages(maps: Tensor, labels: Tensor, classes: int, *, total: bool = False) -> Tensor:
    mean = torch.zeros(classes, *maps.shape[1:])
    for k in labels.unique():
        own = maps[labels == k]
        mean[k] = own.sum(0) if total else own.mean(0)
    return mean


def _shares(maps: Tensor) -> Tensor:
    return maps / maps.sum((1, 2), keepdim=True).clamp(min=1e-12)


@mistake(
    "A few strong maps decide for you. How strong a map is depends on how sure the network is; where it lies "
    "does not. Let each map count the same."
)
def _strong_maps_win(maps: Tensor, labels: Tensor, classes: int) -> tuple[int, int, int]:
    return _place(_averages(maps, labels, classes))


@mistake(
    "You summed the maps of a class, so a class with many pictures wins. An average does not care how many "
    "there are."
)
def _many_pictures_win(maps: Tensor, labels: Tensor, classes: int) -> tuple[int, int, int]:
    return _place(_averages(_shares(maps), labels, classes, total=True))


@mistake(
    "You took the sharpest single map. One picture is no habit: it is the average of a class's maps that "
    "shows a place that is always the same."
)
def _one_map_decides(maps: Tensor, labels: Tensor, classes: int) -> tuple[int, int, int]:
    picture, row, column = _place(_shares(maps))
    return int(labels[picture]), row, column


@mistake(
    "Each map is scaled to a largest value of 1, so that a map with light everywhere counts more than one "
    "with a single spot. Divide by its sum."
)
def _scaled_by_the_peak(maps: Tensor, labels: Tensor, classes: int) -> tuple[int, int, int]:
    peak = maps.amax((1, 2), keepdim=True).clamp(min=1e-12)
    return _place(_averages(maps / peak, labels, classes))


@mistake(
    "A mean over no pictures is nan, and argmax takes nan for the largest. A class without pictures cannot "
    "be suspected; a map of zeros must not be divided by 0."
)
def _nothing_wins(maps: Tensor, labels: Tensor, classes: int) -> tuple[int, int, int]:
    share = maps / maps.sum((1, 2), keepdim=True)
    return _place(torch.stack([share[labels == k].mean(0) for k in range(classes)]))


@mistake(
    "You left maps of zeros out of the mean, so that one good map can stand for a class. Count them: a map "
    "without evidence is a vote for no place."
)
def _zero_maps_left_out(maps: Tensor, labels: Tensor, classes: int) -> tuple[int, int, int]:
    some = maps.flatten(1).any(1)
    return _place(_averages(_shares(maps[some]), labels[some], classes))


@mistake(
    "Row and column are mixed up. Of a flattened map, the row is the number divided by the *width*, the "
    "column what is left."
)
def _divided_by_the_height(maps: Tensor, labels: Tensor, classes: int) -> tuple[int, int, int]:
    k, row, column = most_fixed(maps, labels, classes)
    return (k, *divmod(row * maps.shape[2] + column, maps.shape[1]))


@mistake(
    "You counted where each map has its peak. A habit can be the second-highest place of every map: average "
    "the shares themselves, peaks and all the rest."
)
def _peaks_counted(maps: Tensor, labels: Tensor, classes: int) -> tuple[int, int, int]:
    peaks = torch.zeros(len(maps), maps[0].numel())
    peaks[torch.arange(len(maps)), maps.flatten(1).argmax(1)] = maps.flatten(1).any(1).float()
    return _place(_averages(peaks.view_as(maps), labels, classes))


# --- step 3: the intervention ----------------------------------------------------------------------
def answers_that_turn(
    answer: Callable[[Tensor], Tensor],
    pictures: Tensor,
    paste: Callable[[Tensor], Tensor],
    cover: Callable[[Tensor], Tensor],
    k: int,
) -> tuple[float, float]:
    """What a suspected mark causes: two shares of answers that change when nothing but the mark changes.

    First: of the pictures (N, …) that are not called k, those that are once the mark is pasted in. Second:
    of those that are called k, those that are not once its place is covered. 0.0 where there are none.
    `answer` gives classes (N,).
    """
    called = answer(pictures) == k  # (N,)
    to_k = answer(paste(pictures))[~called] == k
    away = answer(cover(pictures))[called] != k
    return tuple(share.float().mean().item() if len(share) else 0.0 for share in (to_k, away))  # type: ignore[return-value]


def _trials(rng: np.random.Generator) -> Iterable[Case]:
    eye = torch.eye(3)
    yield torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 0.0]]), eye, 0
    yield torch.tensor([[0.0, 9.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), eye, 0  # nobody is called 0
    yield torch.tensor([[2.0, 0.0, 0.0], [2.0, 3.0, 0.0], [1.0, 0.5, 0.0]]), eye, 0
    for number, width, classes, k in ((6, 4, 3, 1), (20, 5, 4, 0), (40, 4, 5, 2)):
        weight = _normal(rng, width, classes)
        weight[0] = 0.5 * torch.eye(classes)[k] + 0.2 * weight[0]
        yield 2 * _normal(rng, number, width), weight, k


def asked(answer: Callable[..., Any], pictures: Tensor, weight: Tensor, k: int) -> Any:
    """Ask about a network that adds up numbers: (N, D) times weights (D, K). The mark is the first number.

    Pasted in, the first number is 4; covered, it is 0.
    """

    def network(x: Tensor) -> Tensor:
        return (x @ weight).argmax(1)

    return answer(network, pictures, lambda x: _first(x, 4.0), lambda x: _first(x, 0.0), k)


def _first(x: Tensor, value: float) -> Tensor:
    return torch.cat([torch.full_like(x[:, :1], value), x[:, 1:]], dim=1)


Edit = Callable[[Tensor], Tensor]


def _mean(share: Tensor) -> float:
    return share.float().mean().item() if len(share) else 0.0


@mistake(
    "You divide by all pictures. Only those that were not called k can turn to it, and only those that were "
    "can turn away."
)
def _of_all(answer: Edit, pictures: Tensor, paste: Edit, cover: Edit, k: int) -> tuple[float, float]:
    called = answer(pictures) == k
    return _mean((answer(paste(pictures)) == k) & ~called), _mean((answer(cover(pictures)) != k) & called)


@mistake(
    "Pictures that were called k before count as turned. The mark has turned an answer only if it was "
    "another one without it."
)
def _no_before(answer: Edit, pictures: Tensor, paste: Edit, cover: Edit, k: int) -> tuple[float, float]:
    return _mean(answer(paste(pictures)) == k), _mean(answer(cover(pictures)) != k)


@mistake(
    "You count every change of the answer. With the mark pasted in, an answer that changes to something else "
    "than k says nothing about k."
)
def _any_change(answer: Edit, pictures: Tensor, paste: Edit, cover: Edit, k: int) -> tuple[float, float]:
    before = answer(pictures)
    changed = answer(paste(pictures)) != before
    return _mean(changed[before != k]), answers_that_turn(answer, pictures, paste, cover, k)[1]


@mistake(
    "You took how many more are called k after the paste than before. Some turn to k while others turn away: "
    "look at each picture by itself."
)
def _difference(answer: Edit, pictures: Tensor, paste: Edit, cover: Edit, k: int) -> tuple[float, float]:
    share = [_mean(answer(x) == k) for x in (pictures, paste(pictures), cover(pictures))]
    return share[1] - share[0], share[0] - share[2]


@mistake("You have the two the wrong way round: first the mark pasted in, then its place covered.")
def _turned_round(answer: Edit, pictures: Tensor, paste: Edit, cover: Edit, k: int) -> tuple[float, float]:
    pasted, covered = answers_that_turn(answer, pictures, paste, cover, k)
    return covered, pasted


@mistake(
    "Your second share counts those that stay. Wanted are the answers that turn away from k when the place "
    "is covered."
)
def _those_that_stay(answer: Edit, pictures: Tensor, paste: Edit, cover: Edit, k: int) -> tuple[float, float]:
    pasted, covered = answers_that_turn(answer, pictures, paste, cover, k)
    return pasted, 1 - covered if bool((answer(pictures) == k).any()) else 0.0


@mistake("A mean over no pictures is nan. Where nobody can turn, the share is 0.")
def _mean_of_none(answer: Edit, pictures: Tensor, paste: Edit, cover: Edit, k: int) -> tuple[float, float]:
    called = answer(pictures) == k
    to_k, away = answer(paste(pictures))[~called] == k, answer(cover(pictures))[called] != k
    return to_k.float().mean().item(), away.float().mean().item()


# --- the three steps -------------------------------------------------------------------------------
STEP_1 = Exercise(
    "04.L1",
    "Grad-CAM by your own hook",
    explain,
    _pictures,
    difficulty=3,
    minutes=15,
    hints=(
        "layer.register_forward_hook(f) has f(module, inputs, output) called each time the layer has run. "
        "Keep the output in a list; what the call returns has a method remove().",
        "Run the model between try: and finally: hook.remove(), so that the hook goes whatever happens.",
        "torch.autograd.grad(score(model(x)).sum(), seen[-1]) is the gradient (B, C, h, w) at the layer. "
        "From there it is your grad_cam_map: mean over places, times maps, sum over channels, ReLU.",
    ),
    mistakes=(_hook_left, _hook_left_by_an_error, _backward, _no_relu, _place_by_place, _inputs_kept),
    use=left_behind,
)
STEP_2 = Exercise(
    "04.L2",
    "Which class is suspicious?",
    most_fixed,
    _collections,
    difficulty=2,
    minutes=12,
    hints=(
        "Three steps: let every map count the same, average the maps of each class, find the largest value "
        "of all averages.",
        "Divide each map by its sum; use .clamp(min=1e-12) on the sum for maps of zeros. A class "
        "without pictures keeps an average of zeros.",
        "argmax of the averages (K, h, w) counts through all of them: divmod by h · w gives the class and "
        "the place, divmod of the place by w gives row and column.",
    ),
    mistakes=(
        _strong_maps_win,
        _many_pictures_win,
        _one_map_decides,
        _scaled_by_the_peak,
        _nothing_wins,
        _zero_maps_left_out,
        _divided_by_the_height,
        _peaks_counted,
    ),
)
STEP_3 = Exercise(
    "04.L3",
    "Prove it by an intervention",
    answers_that_turn,
    _trials,
    difficulty=2,
    minutes=12,
    hints=(
        "Ask three times: for the pictures as they are, with the mark pasted into all of them, and with its "
        "place covered in all of them.",
        "The first answers say who can turn: ~called for the paste, called for the cover, where called is "
        "answer(pictures) == k.",
        "Two means of booleans, as floats: answer(paste(pictures))[~called] == k and "
        "answer(cover(pictures))[called] != k; 0.0 for a mean of nothing.",
    ),
    mistakes=(
        _of_all,
        _no_before,
        _any_change,
        _difference,
        _turned_round,
        _those_that_stay,
        _mean_of_none,
    ),
    use=asked,
)
LAB = Lab("04.L", "Catch a Clever Hans", (STEP_1, STEP_2, STEP_3))
