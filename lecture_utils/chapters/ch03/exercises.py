"""Chapter 03: the checked exercises about learning without labels.

Each exercise holds a reference (the solution that the notebook shows), inputs to try (smallest first),
general hints that say more each time, and the usual mistakes, each with its own hint. Shapes: B batch, N
patches, P numbers in a patch, K prototypes or classes, D width of a feature.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.exercises.exercise import Exercise, mistake

State = dict[str, Tensor]
Case = tuple[Any, ...]


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- 03.1 moving average ---------------------------------------------------------------------------
def ema_update(slow: State, fast: State, momentum: float) -> State:
    """Move every floating-point tensor of `slow` a step towards `fast`; copy counters."""
    moved = {}
    for name, old in slow.items():
        new = fast[name]
        moved[name] = momentum * old + (1 - momentum) * new if old.is_floating_point() else new.clone()
    return moved


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
        n: v if slow[n].is_floating_point() else slow[n] for n, v in ema_update(slow, fast, momentum).items()
    }


@mistake("You kept the slow value whole and added a share of the fast one. The two shares have to sum to 1.")
def _added(slow: State, fast: State, momentum: float) -> State:
    return {
        n: old + (1 - momentum) * fast[n] if old.is_floating_point() else fast[n] for n, old in slow.items()
    }


# --- 03.2 random masking ---------------------------------------------------------------------------
def masking_indices(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    """From noise (B, N): kept indices (B, keep), mask (B, N), True where hidden, and restore (B, N)."""
    order = noise.argsort(dim=1)  # (B, N): place k of the shuffled list holds patch order[k]
    restore = order.argsort(dim=1)  # (B, N): patch i stands at place restore[i]: the inverse permutation
    return order[:, :keep], restore >= keep, restore


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


# --- 03.3 the masked auto-encoder's loss -----------------------------------------------------------
def mae_loss(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error to each patch's normalised pixels, over the hidden patches only."""
    # of each patch alone, (B, N, 1)
    mean, var = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
    target = (patches - mean) / (var + 1e-6).sqrt()
    error = (prediction - target).square().mean(-1)  # (B, N)
    return error[mask].mean()


def _predictions(rng: np.random.Generator) -> Iterable[Case]:
    yield torch.zeros(1, 2, 2), torch.tensor([[[0.0, 2.0], [1.0, 5.0]]]), torch.tensor([[True, False]])
    for batch, count, width in [(1, 4, 3), (2, 4, 6), (3, 5, 12)]:
        mask = torch.zeros(batch, count, dtype=torch.bool)
        mask[:, 1:] = torch.tensor(rng.random((batch, count - 1)) < 0.6)
        mask[0, 1] = True
        yield _normal(rng, batch, count, width), 0.5 + 0.3 * _normal(rng, batch, count, width), mask


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
    "You summed over the hidden patches but divided by the number of all of them. A mean over the hidden "
    "ones divides by how many are hidden."
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
    "You normalised with the mean and variance of the whole picture. Each patch uses its own: over which "
    "axis only?"
)
def _normalised_by_image(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    mean, var = patches.mean((1, 2), keepdim=True), patches.var((1, 2), keepdim=True)
    return (prediction - (patches - mean) / (var + 1e-6).sqrt()).square().mean(-1)[mask].mean()


# --- 03.4 one pair of views in DINO ----------------------------------------------------------------
def dino_pair(
    student: Tensor, teacher: Tensor, centre: Tensor, student_t: float = 0.1, teacher_t: float = 0.04
) -> Tensor:
    """Cross-entropy from the teacher's view to the student's other view: logits (B, K), centre (K,)."""
    wanted = ((teacher.detach() - centre) / teacher_t).softmax(dim=-1)  # centred, sharpened, no gradient
    return -(wanted * (student / student_t).log_softmax(dim=-1)).sum(-1).mean()


def _logits(rng: np.random.Generator) -> Iterable[Case]:
    yield torch.tensor([[0.1, 0.0]]), torch.tensor([[0.0, 0.04]]), torch.zeros(2)
    for batch, prototypes in [(1, 3), (4, 5), (3, 8)]:
        student, teacher = (0.2 * _normal(rng, batch, prototypes) for _ in range(2))
        yield student, teacher, 0.1 * _normal(rng, prototypes)


def loss_and_gradients(
    answer: Callable[..., Tensor], student: Tensor, teacher: Tensor, centre: Tensor
) -> Any:
    """Return the loss and what flows back to student and teacher: zeros where nothing does."""
    student, teacher = student.clone().requires_grad_(), teacher.clone().requires_grad_()
    loss = answer(student, teacher, centre)
    if not isinstance(loss, Tensor) or loss.ndim or not loss.requires_grad:
        return {"loss": loss}  # the comparison will say what is wrong with it
    loss.backward()
    both = (x.grad if x.grad is not None else torch.zeros_like(x) for x in (student, teacher))
    return dict(
        zip(
            ("loss", "gradient to the student", "gradient to the teacher"),
            (loss.detach(), *both),
            strict=True,
        )
    )


@mistake(
    "The loss is right, but a gradient flows back into the teacher. Only the student learns by this loss: "
    "cut the teacher's logits off."
)
def _no_stop_gradient(student: Tensor, teacher: Tensor, centre: Tensor) -> Tensor:
    wanted = ((teacher - centre) / 0.04).softmax(dim=-1)
    return -(wanted * (student / 0.1).log_softmax(dim=-1)).sum(-1).mean()


@mistake(
    "The loss is right, but no gradient reaches the student, so it cannot learn. It is the other network "
    "that must be cut off."
)
def _student_detached(student: Tensor, teacher: Tensor, centre: Tensor) -> Tensor:
    return dino_pair(student.detach(), teacher, centre) + 0 * teacher.sum()


@mistake("You did not use the centre. It is taken away from the teacher's logits before the softmax.")
def _centre_forgotten(student: Tensor, teacher: Tensor, centre: Tensor) -> Tensor:
    return dino_pair(student, teacher, torch.zeros_like(centre))


@mistake("You centred the student as well. Only the teacher is centred.")
def _centre_from_both(student: Tensor, teacher: Tensor, centre: Tensor) -> Tensor:
    return dino_pair(student - centre, teacher, centre)


@mistake("You swapped the two temperatures. The teacher is the sharper one, so it has the lower temperature.")
def _temperatures_swapped(student: Tensor, teacher: Tensor, centre: Tensor) -> Tensor:
    return dino_pair(student, teacher, centre, 0.04, 0.1)


@mistake(
    "You took a mean over the prototypes. A cross-entropy is a sum over them; the mean is taken over the "
    "batch only."
)
def _mean_over_prototypes(student: Tensor, teacher: Tensor, centre: Tensor) -> Tensor:
    return dino_pair(student, teacher, centre) / student.shape[1]


# --- 03.5 distillation -----------------------------------------------------------------------------
def distillation(student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float) -> Tensor:
    """soft · T² · KL(teacher ‖ student), both at T, + (1 - soft) · cross-entropy at temperature 1."""
    log_p = (teacher / temperature).log_softmax(dim=1)  # (B, K)
    log_q = (student / temperature).log_softmax(dim=1)
    divergence = (log_p.exp() * (log_p - log_q)).sum(1).mean()
    return soft * temperature**2 * divergence + (1 - soft) * F.cross_entropy(student, target)


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


# --- 03.6 nearest neighbours -----------------------------------------------------------------------
def knn_vote(queries: Tensor, bank: Tensor, labels: Tensor, k: int, classes: int) -> Tensor:
    """Class (Q,) of each query (Q, D): its k most similar rows of the bank (M, D) vote, by exp(s / 0.07)."""
    similarity = F.normalize(queries, dim=1) @ F.normalize(bank, dim=1).T  # (Q, M): cosines
    s, rows = similarity.topk(k, dim=1)  # (Q, k)
    votes = F.one_hot(labels[rows], classes) * (s / 0.07).exp()[..., None]  # (Q, k, K)
    return votes.sum(1).argmax(1)


def _banks(rng: np.random.Generator) -> Iterable[Case]:
    east, north, south = [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]
    yield torch.tensor([[1.0, 0.1]]), torch.tensor([east, north]), torch.tensor([0, 1]), 1, 2
    # A long vector is no better than a short one in the same direction.
    yield torch.tensor([[1.0, 0.3]]), torch.tensor([east, [5.0, 9.0], south]), torch.tensor([2, 0, 1]), 1, 3
    # Two neighbours that are far do not outvote one that is near.
    far = [[0.2, 1.0], [0.2, -1.0]]
    yield torch.tensor([[1.0, 0.0]]), torch.tensor([east, *far]), torch.tensor([1, 0, 0]), 3, 2
    for queries, bank, width, k, classes in [(2, 12, 3, 3, 3), (8, 40, 5, 5, 4), (8, 60, 6, 10, 8)]:
        labels = torch.tensor(rng.integers(0, classes, bank))
        scale = torch.tensor(rng.uniform(0.2, 5, (bank, 1)), dtype=torch.float32)
        yield _normal(rng, queries, width), scale * _normal(rng, bank, width), labels, k, classes


@mistake(
    "Long vectors win in your vote. Only the direction counts: the rows of the bank have to be of length "
    "1 as well."
)
def _lengths_kept(queries: Tensor, bank: Tensor, labels: Tensor, k: int, classes: int) -> Tensor:
    s, rows = (F.normalize(queries, dim=1) @ bank.T).topk(k, dim=1)
    return (F.one_hot(labels[rows], classes) * (s / 0.07).exp()[..., None]).sum(1).argmax(1)


@mistake("You asked the rows that are least alike. A large cosine means that two rows are alike.")
def _farthest(queries: Tensor, bank: Tensor, labels: Tensor, k: int, classes: int) -> Tensor:
    return knn_vote(-queries, bank, labels, k, classes)


@mistake(
    "Each of your neighbours has one vote. Here a near one has more to say than a far one: its vote has a "
    "weight."
)
def _unweighted(queries: Tensor, bank: Tensor, labels: Tensor, k: int, classes: int) -> Tensor:
    rows = (F.normalize(queries, dim=1) @ F.normalize(bank, dim=1).T).topk(k, dim=1).indices
    return F.one_hot(labels[rows], classes).sum(1).argmax(1)


@mistake("You asked the nearest neighbour alone. The k nearest all vote.")
def _nearest_only(queries: Tensor, bank: Tensor, labels: Tensor, k: int, classes: int) -> Tensor:
    return knn_vote(queries, bank, labels, 1, classes)


@mistake(
    "Your answer is the number of a row in the bank. Asked for is a class: what does `labels` say of that "
    "row?"
)
def _row_for_label(queries: Tensor, bank: Tensor, labels: Tensor, k: int, classes: int) -> Tensor:
    return (F.normalize(queries, dim=1) @ F.normalize(bank, dim=1).T).argmax(1)


EXERCISES = [
    Exercise(
        "03.1",
        "One step of a moving average",
        ema_update,
        _states,
        difficulty=1,
        minutes=8,
        hints=(
            "The slow model keeps the share `momentum` of itself; how much of the fast one comes in?",
            "momentum 1 never moves, momentum 0 copies: momentum * slow + (1 - momentum) * fast, for each "
            "name.",
            "Whole numbers, such as batch norm's count of batches, have no average: where `not "
            "slow[name].is_floating_point()`, take the fast model's.",
        ),
        mistakes=(_swapped, _counter_averaged, _counter_kept, _added),
    ),
    Exercise(
        "03.2",
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
        mistakes=(_order_for_restore, _mask_shuffled, _mask_inverted, _sorted_across_the_batch),
    ),
    Exercise(
        "03.3",
        "The loss of a masked auto-encoder",
        mae_loss,
        _predictions,
        difficulty=2,
        minutes=10,
        hints=(
            "The target is each patch minus its own mean, divided by its own standard deviation: "
            "statistics over the last axis, with keepdim=True.",
            "patches.var(-1, keepdim=True) is PyTorch's variance (divided by n - 1); add 1e-6 before the "
            "root.",
            "Average the squared error over a patch's numbers, (B, N), and then over the hidden patches "
            "alone: error[mask].mean().",
        ),
        mistakes=(
            _over_all_patches,
            _over_visible_patches,
            _divided_by_all,
            _plain_pixels,
            _normalised_by_image,
        ),
    ),
    Exercise(
        "03.4",
        "DINO's loss for one pair of views",
        dino_pair,
        _logits,
        difficulty=3,
        minutes=12,
        hints=(
            "What the teacher wants is softmax((teacher - centre) / teacher_t), over the last axis. The "
            "student is not centred.",
            "Cross-entropy: minus the sum over prototypes of wanted * log_softmax(student / student_t), "
            "then the mean over the batch.",
            "The teacher gets no gradient. Say so where you use its logits: teacher.detach().",
        ),
        mistakes=(
            _no_stop_gradient,
            _student_detached,
            _centre_forgotten,
            _centre_from_both,
            _temperatures_swapped,
            _mean_over_prototypes,
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
        ),
    ),
    Exercise(
        "03.6",
        "Ask the nearest neighbours",
        knn_vote,
        _banks,
        difficulty=2,
        minutes=12,
        hints=(
            "Make every row of queries and bank of length 1 (F.normalize): then the matrix product holds "
            "cosines.",
            "similarity.topk(k, dim=1) gives the k largest similarities of each query, and their rows in "
            "the bank.",
            "Each neighbour votes for its label with weight exp(similarity / 0.07). "
            "F.one_hot(labels[rows], classes) is (Q, k, K): weight it, sum over the neighbours, take the "
            "largest.",
        ),
        mistakes=(_lengths_kept, _farthest, _unweighted, _nearest_only, _row_for_label),
    ),
]
