"""Chapter 03: the checked exercises about learning without labels; the lab stands in `lab.py`.

The references, which the notebook shows as solutions, stand in `solutions.py`. Here are inputs to try
(smallest first), general hints that say more each time, and the usual mistakes, each with its own hint.
Shapes: B batch, N patches, P numbers in a patch, V views, K prototypes or classes, D width of a feature.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch03.lab import LAB
from lecture_utils.chapters.ch03.solutions import (
    State,
    beyond_guessing,
    dino_loss,
    distillation,
    ema_update,
    mae_loss,
    mae_loss_faulty,
    masking_indices,
)
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES", "LAB"]
Case = tuple[Any, ...]


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- 03.1 random masking ---------------------------------------------------------------------------
def _noises(rng: np.random.Generator) -> Iterable[Case]:
    yield torch.tensor([[0.5, 0.9, 0.1]]), 1
    yield torch.tensor([[0.4, 0.1, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4]]), 2
    for batch, count, keep in [(1, 6, 6), (3, 16, 4), (2, 9, 1)]:
        noise = np.stack([rng.permutation(count) for _ in range(batch)]) / count
        yield torch.tensor(noise, dtype=torch.float32), keep


@mistake(
    "Your third result says which patch stands at each place. `restore` answers the opposite question: at "
    "which place does patch i stand?"
)
def _order_for_restore(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    order = noise.argsort(dim=1)
    return order[:, :keep], masking_indices(noise, keep)[1], order


@mistake(
    "Your `restore` and your mask come from a single argsort, which says which patch stands at each place. "
    "Both need the opposite: at which place does patch i stand?"
)
def _sorted_once(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    order = noise.argsort(dim=1)
    return order[:, :keep], order >= keep, order


@mistake(
    "Your mask is in the order of the shuffled list: hidden ones last. It has to be in the order of the "
    "picture, one entry for each patch i."
)
def _mask_shuffled(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    kept, _, restore = masking_indices(noise, keep)
    return kept, (torch.arange(noise.shape[1]) >= keep).expand_as(noise), restore


@mistake("Your mask is True at the patches that stay visible. It has to be True where a patch is hidden.")
def _mask_inverted(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    kept, mask, restore = masking_indices(noise, keep)
    return kept, ~mask, restore


@mistake(
    "You sorted across the images of the batch. Each image shuffles its own patches, along the second axis."
)
def _sorted_across_the_batch(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    order = noise.argsort(dim=0)
    return order[:, :keep], order.argsort(dim=0) >= keep, order.argsort(dim=0)


@mistake(
    "Your mask hides one patch too few: places are counted from 0, so place number `keep` is already the "
    "first "
    "hidden one."
)
def _one_too_few_hidden(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    kept, _, restore = masking_indices(noise, keep)
    return kept, restore > keep, restore


@mistake(
    "You put the kept patches into the order of their numbers. They stay in the order of the shuffled list: "
    "`restore` counts places in that list."
)
def _kept_in_order(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    kept, mask, restore = masking_indices(noise, keep)
    return kept.sort(dim=1).values, mask, restore


@mistake(
    "You sorted with the largest number first. Which patches stay is chance either way, but so that all "
    "of us "
    "get the same ones, the smallest noise comes first."
)
def _largest_first(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    return masking_indices(-noise, keep)


# --- 03.2 the masked auto-encoder's loss -----------------------------------------------------------
def _predictions(rng: np.random.Generator) -> Iterable[Case]:
    yield torch.zeros(1, 2, 2), torch.tensor([[[0.0, 2.0], [1.0, 5.0]]]), torch.tensor([[True, False]])
    for batch, count, width in [(1, 4, 3), (2, 4, 6), (3, 5, 12)]:
        mask = torch.zeros(batch, count, dtype=torch.bool)
        mask[:, 1:] = torch.tensor(rng.random((batch, count - 1)) < 0.6)
        mask[0, 1] = True
        yield _normal(rng, batch, count, width), 0.5 + 0.3 * _normal(rng, batch, count, width), mask


@mistake(
    "That is the colleague's version as it was. Give it a prediction of zeros: whatever the picture, the "
    "answer should be (P - 1) / P. Which two lines keep it from that?"
)
def _as_it_was(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    return mae_loss_faulty(prediction, patches, mask)


@mistake("You averaged over all patches. Copying what can be seen is easy, so only the hidden ones count.")
def _over_all_patches(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    return mae_loss(prediction, patches, torch.ones_like(mask))


@mistake(
    "You averaged over the visible patches. The mask is True where a patch is hidden, and those are to be "
    "predicted."
)
def _over_visible_patches(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    return mae_loss(prediction, patches, ~mask)


@mistake(
    "One fault is mended. You still sum over the hidden patches but divide by the number of all of them: a "
    "mean over the hidden ones divides by how many are hidden."
)
def _divided_by_all(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    return mae_loss(prediction, patches, mask) * mask.float().mean()


@mistake(
    "You compared with the raw pixels. The target is each patch with its own mean taken away, divided by "
    "its own standard deviation."
)
def _plain_pixels(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    return (prediction - patches).square().mean(-1)[mask].mean()


@mistake(
    "One fault is mended. You still normalise with the mean and variance of the whole picture. Each patch "
    "uses its own: over which axis only?"
)
def _normalised_by_image(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    mean, var = patches.mean((1, 2), keepdim=True), patches.var((1, 2), keepdim=True)
    return (prediction - (patches - mean) / (var + 1e-6).sqrt()).square().mean(-1)[mask].mean()


@mistake(
    "Your variance divides by P. PyTorch's var divides by P - 1, and so does the paper's code: leave its "
    "default as it is."
)
def _biased_variance(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    mean, var = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True, unbiased=False)
    return (prediction - (patches - mean) / (var + 1e-6).sqrt()).square().mean(-1)[mask].mean()


def _squares(prediction: Tensor, patches: Tensor) -> Tensor:
    """Squared error (B, N, P) to each patch's normalised pixels."""
    mean, var = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
    return (prediction - (patches - mean) / (var + 1e-6).sqrt()).square()


@mistake(
    "You divided by the variance. The spread of a patch is its standard deviation, the square root of that: "
    "only then has the target a variance of 1."
)
def _divided_by_the_variance(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    mean, var = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
    return (prediction - (patches - mean) / (var + 1e-6)).square().mean(-1)[mask].mean()


@mistake(
    "You summed over the numbers of a patch. Its error is their mean, the 1/P of the formula, so that zeros "
    "cost about 1 whatever the size of a patch."
)
def _summed_over_a_patch(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    return _squares(prediction, patches).sum(-1)[mask].mean()


@mistake("You summed over the hidden patches. Divide by how many there are: a mean does not grow with them.")
def _summed_over_the_hidden(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    return mae_loss(prediction, patches, mask) * mask.sum()


@mistake(
    "You took a mean for each picture and then over the pictures. M are the hidden patches of the whole "
    "batch: "
    "each of them counts the same, so there is a single mean."
)
def _mean_of_each_picture(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    error = _squares(prediction, patches).mean(-1)
    return ((error * mask).sum(1) / mask.sum(1).clamp_min(1)).mean()


@mistake(
    "You took absolute errors. The formula has squares: a large error counts for more than two small ones."
)
def _absolute_errors(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    return _squares(prediction, patches).sqrt().mean(-1)[mask].mean()


# --- 03.3 moving average ---------------------------------------------------------------------------
def _states(rng: np.random.Generator) -> Iterable[Case]:
    yield {"weight": torch.tensor([1.0])}, {"weight": torch.tensor([3.0])}, 0.9
    yield {"w": torch.zeros(2), "count": torch.tensor(3)}, {"w": torch.ones(2), "count": torch.tensor(7)}, 0.5
    for momentum in (0.0, 1.0, 0.996):
        slow, fast = ({"w": _normal(rng, 2, 3), "mean": _normal(rng, 3)} for _ in range(2))
        yield slow | {"seen": torch.tensor(10)}, fast | {"seen": torch.tensor(11)}, momentum


@mistake(
    "Your average jumps nearly the whole way to the fast model. `momentum` is the share that the slow "
    "model keeps of itself."
)
def _swapped(slow: State, fast: State, momentum: float) -> State:
    return ema_update(slow, fast, 1 - momentum)


@mistake(
    "You averaged the counter too, and it became a broken number. How many batches were seen has no "
    "average: it is copied from the fast model."
)
def _counter_averaged(slow: State, fast: State, momentum: float) -> State:
    return {name: momentum * old + (1 - momentum) * fast[name] for name, old in slow.items()}


@mistake(
    "The weights are right, but the counter still stands where it was. Whole numbers are copied from the "
    "fast model."
)
def _counter_kept(slow: State, fast: State, momentum: float) -> State:
    return {
        n: v if slow[n].is_floating_point() else slow[n].clone()
        for n, v in ema_update(slow, fast, momentum).items()
    }


@mistake("You kept the slow value whole and added a share of the fast one. The two shares have to sum to 1.")
def _added(slow: State, fast: State, momentum: float) -> State:
    return {
        n: old + (1 - momentum) * fast[n] if old.is_floating_point() else fast[n].clone()
        for n, old in slow.items()
    }


@mistake(
    "The numbers are right, but your counter is the fast model's own tensor, not a copy: when the fast model "
    "counts on, the slow one's counter moves with it."
)
def _counter_shared(slow: State, fast: State, momentum: float) -> State:
    return {
        n: v if slow[n].is_floating_point() else fast[n] for n, v in ema_update(slow, fast, momentum).items()
    }


@mistake(
    "You averaged the counter and rounded it. Half-way between 3 and 7 batches nothing was ever counted: "
    "whole "
    "numbers are copied from the fast model."
)
def _counter_rounded(slow: State, fast: State, momentum: float) -> State:
    moved = _counter_averaged.wrong(slow, fast, momentum)
    return {n: v if slow[n].is_floating_point() else v.round().to(slow[n].dtype) for n, v in moved.items()}


def after_training_on(answer: Callable[..., Any], slow: State, fast: State, momentum: float) -> Any:
    """Return the new state as it is after the fast model has been trained on, which changes its tensors."""
    fast = {name: value.clone() for name, value in fast.items()}
    new = answer(slow, fast, momentum)
    for value in fast.values():
        value.add_(100)
    return new


# --- 03.4 DINO's loss over all views ---------------------------------------------------------------
def _views(rng: np.random.Generator) -> Iterable[Case]:
    both = torch.tensor([[[0.1, 0.0]], [[0.0, 0.1]]])
    yield both, torch.tensor([[[0.0, 0.04]], [[0.05, 0.0]]]), torch.zeros(2)
    for views, large, batch, prototypes in [(3, 2, 1, 3), (4, 1, 2, 3), (6, 2, 3, 4), (2, 2, 4, 5)]:
        student, teacher = (0.2 * _normal(rng, n, batch, prototypes) for n in (views, large))
        yield student, teacher, 0.1 * _normal(rng, prototypes)


def loss_and_gradients(
    answer: Callable[..., Tensor], student: Tensor, teacher: Tensor, centre: Tensor
) -> Any:
    """Return the loss and what flows back to student and teacher: zeros where nothing does."""
    student, teacher = student.clone().requires_grad_(), teacher.clone().requires_grad_()
    loss = answer(list(student), list(teacher), centre)
    if not isinstance(loss, Tensor) or loss.ndim or not loss.requires_grad:
        return {"loss": loss}  # the comparison will say what is wrong with it
    loss.backward()
    both = (x.grad if x.grad is not None else torch.zeros_like(x) for x in (student, teacher))
    names = ("loss", "gradient to the student", "gradient to the teacher")
    return dict(zip(names, (loss.detach(), *both), strict=True))


def _pair(student: Tensor, wanted: Tensor, temperature: float = 0.1) -> Tensor:
    """Cross-entropy from wanted probabilities (B, K) to the student's logits (B, K)."""
    return -(wanted * (student / temperature).log_softmax(dim=-1)).sum(-1).mean()


def _pairs(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> list[list[Tensor]]:
    """The loss of each view of the teacher, and in it of each view of the student."""
    wanted = [((t.detach() - centre) / 0.04).softmax(-1) for t in teacher]
    return [[_pair(s, w) for s in student] for w in wanted]


@mistake(
    "The loss is right, but a gradient flows back into the teacher. Only the student learns by this loss: "
    "cut the teacher's logits off."
)
def _no_stop_gradient(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    wanted = [((t - centre) / 0.04).softmax(-1) for t in teacher]
    pairs = [_pair(s, w) for i, w in enumerate(wanted) for j, s in enumerate(student) if i != j]
    return torch.stack(pairs).mean()


@mistake(
    "The loss is right, but no gradient reaches the student, so it cannot learn. It is the other network "
    "that must be cut off."
)
def _student_detached(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    return dino_loss([s.detach() for s in student], teacher, centre) + 0 * sum(t.sum() for t in teacher)


@mistake("You did not use the centre. It is taken away from the teacher's logits before the softmax.")
def _centre_forgotten(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    return dino_loss(student, teacher, torch.zeros_like(centre))


@mistake("You centred the student as well. Only the teacher is centred.")
def _centre_from_both(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    return dino_loss([s - centre for s in student], teacher, centre)


@mistake("You swapped the two temperatures. The teacher is the sharper one, so it has the lower temperature.")
def _temperatures_swapped(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    return dino_loss(student, teacher, centre, student_temperature=0.04, teacher_temperature=0.1)


@mistake(
    "You took a mean over the prototypes. A cross-entropy is a sum over them; means are taken over the batch "
    "and over the pairs."
)
def _mean_over_prototypes(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    return dino_loss(student, teacher, centre) / len(centre)


@mistake(
    "You asked the student also for the very view that the teacher saw. Agreeing on one and the same picture "
    "is no lesson: leave out view i of the student for view i of the teacher."
)
def _same_view_too(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    return torch.stack([pair for row in _pairs(student, teacher, centre) for pair in row]).mean()


@mistake(
    "You paired each view of the teacher only with the student's view of the same number. It goes with all "
    "the other ones."
)
def _same_view_only(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    return torch.stack([row[i] for i, row in enumerate(_pairs(student, teacher, centre))]).mean()


@mistake(
    "You took the divergence of the two. Its gradient is the same, but DINO's loss is the cross-entropy: the "
    "divergence plus the teacher's own entropy."
)
def _divergence(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    wanted = [((t.detach() - centre) / 0.04).softmax(-1) for t in teacher]
    pairs = [
        _pair(s, w) - torch.special.entr(w).sum(-1).mean()
        for i, w in enumerate(wanted)
        for j, s in enumerate(student)
        if i != j
    ]
    return torch.stack(pairs).mean()


@mistake("You summed the pairs. Their mean keeps the loss's size the same, however many views there are.")
def _summed(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    rows = _pairs(student, teacher, centre)
    return torch.stack([p for i, row in enumerate(rows) for j, p in enumerate(row) if i != j]).sum()


@mistake(
    "You divided the teacher's logits by the temperature before you took the centre off. The centre is a "
    "mean "
    "of logits as they are, so it goes first."
)
def _centre_after_the_temperature(
    student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor
) -> Tensor:
    return dino_loss(student, teacher, 0.04 * centre)


@mistake(
    "You left out the student's large views. A large view of the student is asked too, for what the teacher "
    "says of the *other* large ones."
)
def _small_views_only(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    pairs = [row[len(teacher) :] for row in _pairs(student, teacher, centre)]
    return torch.stack([pair for row in pairs for pair in row] or [0 * student[0].sum()]).mean()


@mistake("You summed over the pictures of the batch. Over them, as over the pairs, the loss is a mean.")
def _summed_over_the_batch(student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor) -> Tensor:
    return dino_loss(student, teacher, centre) * len(student[0])


# --- 03.5 distillation -----------------------------------------------------------------------------
def _lessons(rng: np.random.Generator) -> Iterable[Case]:
    yield torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]), 2.0, 1.0
    yield torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]), 2.0, 0.0
    for batch, classes, temperature, soft in [(2, 3, 1.0, 0.5), (4, 5, 4.0, 0.9), (3, 8, 0.5, 0.7)]:
        target = torch.tensor(rng.integers(0, classes, batch))
        yield 2 * _normal(rng, batch, classes), 2 * _normal(rng, batch, classes), target, temperature, soft


@mistake(
    "The soft part is right but for its size. Dividing logits by T makes its gradient smaller, by T "
    "twice: make up for that."
)
def _without_the_square(
    student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float
) -> Tensor:
    return distillation(student, teacher, target, temperature, soft) - soft * (temperature**2 - 1) * (
        distillation(student, teacher, target, temperature, 1.0) / temperature**2
    )


@mistake(
    "You took the divergence from the student to the teacher. In KL(p ‖ q) the weights p are those of the "
    "teacher."
)
def _reversed(student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float) -> Tensor:
    divergence = distillation(teacher, student, target, temperature, 1.0)
    return soft * divergence + (1 - soft) * F.cross_entropy(student, target)


@mistake(
    "Only the teacher's logits are divided by the temperature. The soft part compares both at the same "
    "temperature."
)
def _only_teacher_softened(
    student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float
) -> Tensor:
    return soft * distillation(temperature * student, teacher, target, temperature, 1.0) + (
        1 - soft
    ) * F.cross_entropy(student, target)


@mistake(
    "In the hard part the student's logits are divided by T too. With the true label it is an ordinary "
    "cross-entropy, at temperature 1."
)
def _hard_loss_softened(
    student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float
) -> Tensor:
    softened = distillation(student, teacher, target, temperature, 1.0)
    return soft * softened + (1 - soft) * F.cross_entropy(student / temperature, target)


@mistake(
    "You took a mean over the classes (F.kl_div does that by default). A divergence is a sum over "
    "classes; the mean is taken over the batch only."
)
def _mean_over_classes(
    student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float
) -> Tensor:
    softened = distillation(student, teacher, target, temperature, 1.0) / student.shape[1]
    return soft * softened + (1 - soft) * F.cross_entropy(student, target)


@mistake(
    "You multiplied the soft part by T. The temperature makes its gradient smaller twice, in the derivative "
    "and in the difference of the answers: what makes up for both?"
)
def _once_the_temperature(
    student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float
) -> Tensor:
    softened = distillation(student, teacher, target, temperature, 1.0) / temperature
    return soft * softened + (1 - soft) * F.cross_entropy(student, target)


@mistake(
    "You took the cross-entropy with the teacher's answers. It is larger than the divergence by the "
    "teacher's "
    "own entropy, so it is not 0 where the two agree: take log p - log q."
)
def _soft_cross_entropy(
    student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float
) -> Tensor:
    p, log_q = (teacher / temperature).softmax(1), (student / temperature).log_softmax(1)
    return soft * temperature**2 * -(p * log_q).sum(1).mean() + (1 - soft) * F.cross_entropy(student, target)


@mistake("You gave the share `soft` to the hard part. It is the share of the teacher's opinions.")
def _shares_exchanged(
    student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float
) -> Tensor:
    return distillation(student, teacher, target, temperature, 1 - soft)


@mistake(
    "You summed over the pictures of the batch. Over them the divergence is a mean, as the hard part is."
)
def _soft_part_summed(
    student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float
) -> Tensor:
    softened = distillation(student, teacher, target, temperature, 1.0) * len(student)
    return soft * softened + (1 - soft) * F.cross_entropy(student, target)


# --- 03.6 what an accuracy is worth ----------------------------------------------------------------
def _votes(rng: np.random.Generator) -> Iterable[Case]:
    yield torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1, 0, 1])  # half right where half is a guess: 0
    yield torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1])  # always the most frequent: 0
    yield torch.tensor([2, 0, 1]), torch.tensor([2, 0, 1])  # all right: 1
    yield torch.tensor([1, 1, 0, 0, 0]), torch.tensor([0, 0, 1, 0, 0])  # worse than a guess
    for number, classes in ((10, 3), (30, 8), (50, 2)):
        truth = rng.integers(0, classes, number)
        answers = np.where(rng.random(number) < 0.6, truth, rng.integers(0, classes + 1, number))
        yield torch.tensor(answers), torch.tensor(truth)


def _worth(right: float, guess: float) -> float:
    return (right - guess) / (1 - guess)


def _right(answers: Tensor, truth: Tensor) -> float:
    return (answers == truth).float().mean().item()


@mistake("That is the share of right answers. How much of it would you have had without looking at anything?")
def _plain_accuracy(answers: Tensor, truth: Tensor) -> float:
    return _right(answers, truth)


@mistake(
    "You took 1 / (number of classes) for the guess. Where one class is more frequent than others, a better "
    "guess is to say that one always."
)
def _even_guess(answers: Tensor, truth: Tensor) -> float:
    return _worth(_right(answers, truth), 1 / len(truth.unique()))


@mistake(
    "You looked for the most frequent of the *answers*. What can be had by guessing depends on the truth "
    "alone."
)
def _frequent_answer(answers: Tensor, truth: Tensor) -> float:
    guess = (answers == answers.mode().values).float().mean().item()
    return _worth(_right(answers, truth), guess) if guess < 1 else -1.0


@mistake("You took the guess off, but all right should be 1. Divide by what a guess leaves to be known.")
def _not_divided(answers: Tensor, truth: Tensor) -> float:
    return _right(answers, truth) - (truth.bincount().max() / len(truth)).item()


@mistake("You divided by the guess: how many times better than it. Then 1 would mean that nothing is known.")
def _times(answers: Tensor, truth: Tensor) -> float:
    return _right(answers, truth) / (truth.bincount().max() / len(truth)).item()


@mistake("You cut off below 0. Who is worse than a constant guess should be seen to be so.")
def _never_negative(answers: Tensor, truth: Tensor) -> float:
    return max(0.0, beyond_guessing(answers, truth))


@mistake(
    "You divided what is gained by the guess, so that all right is not 1 for everybody. Divide by the room "
    "that a guess leaves above itself."
)
def _relative_gain(answers: Tensor, truth: Tensor) -> float:
    guess = (truth.bincount().max() / len(truth)).item()
    return (_right(answers, truth) - guess) / guess


EXERCISES = [
    Exercise(
        "03.1",
        "Shuffle, keep, and find the way back",
        masking_indices,
        _noises,
        difficulty=2,
        minutes=10,
        hints=(
            "Sort each image's noise (dim=1): argsort says which patch comes first in the shuffled list. "
            "The first `keep` of them are the visible ones.",
            "`restore` answers the opposite question: at which place of the shuffled list does patch i "
            "stand? It is the inverse permutation, and the argsort of a permutation is its inverse.",
            "Patch i is hidden if its place in the shuffled list is `keep` or later: restore >= keep.",
        ),
        mistakes=(
            _order_for_restore,
            _sorted_once,
            _mask_shuffled,
            _mask_inverted,
            _sorted_across_the_batch,
            _one_too_few_hidden,
            _kept_in_order,
            _largest_first,
        ),
    ),
    Exercise(
        "03.2",
        "The loss of a masked auto-encoder, with two faults",
        mae_loss,
        _predictions,
        difficulty=2,
        minutes=12,
        hints=(
            "Hide a single patch of a picture, now this one, now that, and predict zeros. The cost has to be "
            "the same for each, or the target is not made patch by patch. And it may not fall with the share "
            "that is hidden, or the mean runs over too many.",
            "The target is each patch minus its own mean, divided by its own standard deviation: statistics "
            "over the last axis alone, with keepdim=True.",
            "The mean runs over the hidden patches only: error[mask].mean(), and not over all of them with "
            "zeros in between.",
        ),
        mistakes=(
            _as_it_was,
            _over_all_patches,
            _over_visible_patches,
            _divided_by_all,
            _plain_pixels,
            _normalised_by_image,
            _biased_variance,
            _divided_by_the_variance,
            _summed_over_a_patch,
            _summed_over_the_hidden,
            _mean_of_each_picture,
            _absolute_errors,
        ),
    ),
    Exercise(
        "03.3",
        "One step of a moving average",
        ema_update,
        _states,
        difficulty=2,
        minutes=8,
        hints=(
            "The slow model keeps the share `momentum` of itself; how much of the fast one comes in?",
            "momentum 1 never moves, momentum 0 copies: momentum * slow + (1 - momentum) * fast, for each "
            "name.",
            "Whole numbers, such as batch norm's count of batches, have no average: where `not "
            "slow[name].is_floating_point()`, take a clone of the fast model's.",
        ),
        mistakes=(_swapped, _counter_averaged, _counter_kept, _counter_rounded, _counter_shared, _added),
        use=after_training_on,
    ),
    Exercise(
        "03.4",
        "DINO's loss over all views",
        dino_loss,
        _views,
        difficulty=3,
        minutes=15,
        hints=(
            "What the teacher wants is softmax((teacher - centre) / teacher_temperature), over the last "
            "axis. The student is not centred. No gradient: teacher.detach().",
            "For one pair: minus the sum over prototypes of wanted * log_softmax(student / "
            "student_temperature), then the mean over the batch.",
            "Two loops, for i, t in enumerate(teacher) and for j, s in enumerate(student): keep the pairs "
            "with i != j, and return torch.stack(pairs).mean().",
        ),
        mistakes=(
            _no_stop_gradient,
            _student_detached,
            _centre_forgotten,
            _centre_from_both,
            _temperatures_swapped,
            _mean_over_prototypes,
            _same_view_too,
            _same_view_only,
            _divergence,
            _summed,
            _centre_after_the_temperature,
            _small_views_only,
            _summed_over_the_batch,
        ),
        use=loss_and_gradients,
    ),
    Exercise(
        "03.5",
        "Learning from a teacher's soft answers",
        distillation,
        _lessons,
        difficulty=2,
        minutes=12,
        hints=(
            "Both sets of logits are divided by T before the softmax. KL(p ‖ q) = sum of p (log p - log "
            "q), with p the teacher's; sum over classes, mean over the batch.",
            "The soft part is multiplied by T², so that its gradient does not shrink as T grows.",
            "The hard part is the ordinary cross-entropy of the student's own logits, at temperature 1, "
            "with weight 1 - soft.",
        ),
        mistakes=(
            _without_the_square,
            _reversed,
            _only_teacher_softened,
            _hard_loss_softened,
            _mean_over_classes,
            _once_the_temperature,
            _soft_cross_entropy,
            _shares_exchanged,
            _soft_part_summed,
        ),
    ),
    Exercise(
        "03.6",
        "What is a share of right answers worth?",
        beyond_guessing,
        _votes,
        difficulty=2,
        minutes=8,
        hints=(
            "Somebody who never looks at a picture, but knows which class is the most frequent, says that "
            "one always. Which share has he right? This should be worth 0.",
            "Right answers beyond that guess, out of all that a guess leaves open: (right - guess) / "
            "(1 - guess). Nothing keeps it from being negative.",
            "truth.bincount().max() / len(truth) is the guess's share; return a float.",
        ),
        mistakes=(
            _plain_accuracy,
            _even_guess,
            _frequent_answer,
            _not_divided,
            _times,
            _relative_gain,
            _never_negative,
        ),
    ),
]
