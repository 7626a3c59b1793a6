"""The lab of chapter 03: write a step of DINO, and find out why a colleague's run collapsed.

M. Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, algorithm 1 and
section 5.3 (collapse). The network is the tiny one of `collapse.py`, trained in seconds.

Shapes: V views, B pictures of a batch, K prototypes.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch03.solutions import dino_loss, ema_update
from lecture_utils.exercises.exercise import Exercise, Lab, mistake

Case = tuple[Any, ...]


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- step 1: one training step ---------------------------------------------------------------------
def dino_step(
    student: nn.Module,
    teacher: nn.Module,
    centre: Tensor,
    optimizer: torch.optim.Optimizer,
    large: Sequence[Tensor],
    small: Sequence[Tensor],
    momentum: float,
) -> tuple[float, Tensor]:
    """One step of DINO on large and small views, each (B, …): the loss, and the new centre (K,)."""
    said = [student(view) for view in (*large, *small)]
    with torch.no_grad():
        wanted = [teacher(view) for view in large]  # the teacher sees the large views only
    loss = dino_loss(said, wanted, centre)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    teacher.load_state_dict(ema_update(teacher.state_dict(), student.state_dict(), momentum))
    mean = torch.cat(wanted).mean(0)
    return loss.item(), ema_update({"centre": centre}, {"centre": mean}, 0.9)["centre"]


def _situations(rng: np.random.Generator) -> Iterable[Case]:
    start = torch.tensor([[0.2, 0.0], [0.0, 0.1]])
    yield start, torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), 2, torch.zeros(2), 0.9
    yield start, torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 1.0]]]), 2, torch.tensor([0.1, 0.0]), 0.5
    for prototypes, width, views, batch, momentum in (
        (3, 2, 2, 3, 0.99),
        (4, 3, 4, 2, 0.8),
        (5, 3, 3, 4, 0.0),
    ):
        weight = 0.2 * _normal(rng, prototypes, width)
        yield weight, _normal(rng, views, batch, width), 2, 0.05 * _normal(rng, prototypes), momentum


def two_steps(
    answer: Callable[..., Any], weight: Tensor, views: Tensor, large: int, centre: Tensor, momentum: float
) -> Any:
    """Take two steps with an answer: the student is x ↦ weight x, the teacher its double, SGD at rate 0.1.

    Of the views (V, B, width) the first `large` are large ones. Returned is what changed.
    """
    student, teacher = (nn.Linear(weight.shape[1], len(weight), bias=False) for _ in range(2))
    with torch.no_grad():
        student.weight.copy_(weight)
        teacher.weight.copy_(2 * weight)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    losses = []
    for _ in range(2):
        made = answer(
            student, teacher, centre.clone(), optimizer, list(views[:large]), list(views[large:]), momentum
        )
        if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], Tensor)):
            return made  # the comparison will say what is wrong with it
        centre = made[1]
        losses.append(made[0])
    return {
        "the two losses": losses,
        "student": student.weight.detach(),
        "teacher": teacher.weight.detach(),
        "centre": centre,
        "gradient left in the teacher": torch.zeros_like(weight)
        if teacher.weight.grad is None
        else teacher.weight.grad,
    }


def _step(
    slip: str,
    student: nn.Module,
    teacher: nn.Module,
    centre: Tensor,
    optimizer: torch.optim.Optimizer,
    large: Sequence[Tensor],
    small: Sequence[Tensor],
    momentum: float,
) -> Any:
    """A step with one slip in it."""
    said = [student(view) for view in (*large, *small)]
    wanted = [
        teacher(view).detach()
        for view in (*large, *small)[: None if slip == "teacher sees all" else len(large)]
    ]
    whose = {"centre of the student": said, "centre of its large views": said[: len(large)]}
    mean = torch.cat(whose.get(slip, wanted)).detach().mean(0)
    keeps = {"centre jumps": 0.1, "centre as slow as the teacher": momentum}.get(slip, 0.9)
    moved = keeps * centre + (1 - keeps) * mean
    loss = dino_loss(said, wanted, moved if slip == "centre first" else centre)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    if slip != "gradients kept":
        optimizer.zero_grad()
    loss.backward()
    if slip != "student stands":
        optimizer.step()
    new = before if slip == "follows too early" else student.state_dict()
    share = 1 - momentum if slip == "teacher jumps" else momentum
    if slip != "teacher stands":
        teacher.load_state_dict(ema_update(teacher.state_dict(), new, share))
    return loss.item(), centre if slip == "centre stands" else moved


@mistake(
    "The first step is right, the second is not: gradients add up until somebody clears them. What does the "
    "optimiser offer for that?"
)
def _gradients_kept(*step: Any) -> Any:
    return _step("gradients kept", *step)


@mistake(
    "Your teacher follows the student as it was before its step, so it is always one step late. The "
    "optimiser goes first."
)
def _follows_too_early(*step: Any) -> Any:
    return _step("follows too early", *step)


@mistake(
    "Your teacher answered the small views too. It sees only the large ones: from a corner the student has "
    "to say what the teacher says of the whole."
)
def _teacher_sees_all(*step: Any) -> Any:
    return _step("teacher sees all", *step)


@mistake(
    "Your centre follows the student's logits. It is the teacher's favourite that has to be taken down, so "
    "its own logits are averaged."
)
def _centre_of_the_student(*step: Any) -> Any:
    return _step("centre of the student", *step)


@mistake(
    "You moved the centre before you used it. This batch is judged with the old centre; the new one is for "
    "the next."
)
def _centre_first(*step: Any) -> Any:
    return _step("centre first", *step)


@mistake("Your centre never moves: what you return is the one that came in.")
def _centre_stands(*step: Any) -> Any:
    return _step("centre stands", *step)


@mistake("Your centre jumps nearly the whole way to this batch's mean. It keeps nine tenths of itself.")
def _centre_jumps(*step: Any) -> Any:
    return _step("centre jumps", *step)


@mistake(
    "Your centre is the mean of what the *student* says of the large views. It is there to take the "
    "teacher's "
    "own favourite down: average the teacher's logits."
)
def _centre_of_its_large_views(*step: Any) -> Any:
    return _step("centre of its large views", *step)


@mistake(
    "Your centre moves by `momentum`, as the teacher does. That number is the teacher's alone; the centre "
    "always keeps 0.9 of itself."
)
def _centre_as_slow(*step: Any) -> Any:
    return _step("centre as slow as the teacher", *step)


@mistake("Your teacher never moves. After the optimiser's step it follows the student.")
def _teacher_stands(*step: Any) -> Any:
    return _step("teacher stands", *step)


@mistake(
    "Your teacher jumps nearly the whole way to the student. `momentum` is the share that it keeps of itself."
)
def _teacher_jumps(*step: Any) -> Any:
    return _step("teacher jumps", *step)


@mistake("The loss is there, but the student's weights have not moved: nobody took the step.")
def _student_stands(*step: Any) -> Any:
    return _step("student stands", *step)


# --- step 2: all views in one batch, with a fault --------------------------------------------------
def stacked_loss_faulty(student: Tensor, teacher: Tensor, centre: Tensor, views: int) -> Tensor:
    """DINO's loss of logits (V·B, K): the views of a batch lie one below the other, first all of view 1."""
    wanted = ((teacher.detach() - centre) / 0.04).softmax(dim=-1)  # (V·B, K)
    said = (student / 0.1).log_softmax(dim=-1)
    wanted, said = (x.view(-1, views, x.shape[1]) for x in (wanted, said))  # (B, V, K) each
    loss = -torch.einsum("bik,bjk->bij", wanted, said).mean(0)  # (V, V): teacher's view i, student's j
    return loss[~torch.eye(views, dtype=torch.bool)].mean()


def stacked_loss(student: Tensor, teacher: Tensor, centre: Tensor, views: int) -> Tensor:
    """DINO's loss of logits (V·B, K): the views of a batch lie one below the other, first all of view 1."""
    wanted = ((teacher.detach() - centre) / 0.04).softmax(dim=-1)  # (V·B, K)
    said = (student / 0.1).log_softmax(dim=-1)
    wanted, said = (x.view(views, -1, x.shape[1]) for x in (wanted, said))  # (V, B, K): view first
    loss = -torch.einsum("ibk,jbk->bij", wanted, said).mean(0)  # (V, V): teacher's view i, student's j
    return loss[~torch.eye(views, dtype=torch.bool)].mean()


def _stacks(rng: np.random.Generator) -> Iterable[Case]:
    one = torch.tensor([[0.1, 0.0], [0.0, 0.1]])
    yield one, one.clone(), torch.zeros(2), 2  # one picture, two views
    yield 0.2 * _normal(rng, 4, 3), 0.2 * _normal(rng, 4, 3), torch.zeros(3), 2  # two pictures, two views
    for views, batch, prototypes in ((2, 3, 4), (3, 2, 3), (3, 4, 5)):
        both = (0.2 * _normal(rng, views * batch, prototypes) for _ in range(2))
        yield *both, 0.05 * _normal(rng, prototypes), views


def _pairs(
    student: Tensor, teacher: Tensor, centre: Tensor, views: int, *, same: bool = False, detach: bool = True
) -> Tensor:
    """Loss (V, V) of each of the teacher's views with each of the student's, or all but equal pairs."""
    teacher = teacher.detach() if detach else teacher
    wanted = ((teacher - centre) / 0.04).softmax(-1).view(views, -1, student.shape[1])
    said = (student / 0.1).log_softmax(-1).view(views, -1, student.shape[1])
    loss = -torch.einsum("ibk,jbk->bij", wanted, said).mean(0)
    return loss if same else loss[~torch.eye(views, dtype=torch.bool)]


@mistake(
    "Two rows that lie side by side in the batch are still taken for two views of one picture. Write down, "
    "for two pictures, which picture and view each row of the batch is."
)
def _as_it_was(student: Tensor, teacher: Tensor, centre: Tensor, views: int) -> Tensor:
    return stacked_loss_faulty(student, teacher, centre, views)


@mistake(
    "Teacher and student are taken apart in two different ways, so row i of one is another picture than row "
    "i of the other. Mend both."
)
def _only_one_mended(student: Tensor, teacher: Tensor, centre: Tensor, views: int) -> Tensor:
    wanted = ((teacher.detach() - centre) / 0.04).softmax(-1).view(views, -1, student.shape[1])
    said = (student / 0.1).log_softmax(-1).view(-1, views, student.shape[1])
    loss = -torch.einsum("ibk,bjk->bij", wanted, said).mean(0)
    return loss[~torch.eye(views, dtype=torch.bool)].mean()


@mistake(
    "Now the student is also asked for the very view that the teacher saw. Those pairs, on the diagonal, do "
    "not count: that part was right."
)
def _diagonal_too(student: Tensor, teacher: Tensor, centre: Tensor, views: int) -> Tensor:
    return _pairs(student, teacher, centre, views, same=True).mean()


@mistake("The pairs are right, but they are summed. The loss is the mean over all pairs that count.")
def _summed(student: Tensor, teacher: Tensor, centre: Tensor, views: int) -> Tensor:
    return _pairs(student, teacher, centre, views).sum()


@mistake(
    "Every picture is compared with every other one of the batch, so the student still has to say the same "
    "of different pictures. Only the views of one picture belong together."
)
def _all_pictures(student: Tensor, teacher: Tensor, centre: Tensor, views: int) -> Tensor:
    wanted = ((teacher.detach() - centre) / 0.04).softmax(-1).view(views, -1, student.shape[1])
    said = (student / 0.1).log_softmax(-1).view(views, -1, student.shape[1])
    loss = -torch.einsum("iak,jbk->abij", wanted, said).mean((0, 1))
    return loss[~torch.eye(views, dtype=torch.bool)].mean()


@mistake(
    "Your teacher is not centred any more. That line of the colleague's was right: the fault is below it."
)
def _centre_lost(student: Tensor, teacher: Tensor, centre: Tensor, views: int) -> Tensor:
    return stacked_loss(student, teacher, torch.zeros_like(centre), views)


@mistake(
    "You set the pairs of equal views to 0 and still divide by their number. They do not count at all, so "
    "the "
    "mean runs over the others alone."
)
def _diagonal_counted(student: Tensor, teacher: Tensor, centre: Tensor, views: int) -> Tensor:
    return _pairs(student, teacher, centre, views).sum() / views**2


# --- step 3: one number for every collapse ---------------------------------------------------------
def distinct_answers(logits: Tensor) -> float:
    """Effective number of different answers among softmax(logits (N, K)): exp(H(mean answer) - mean H).

    1 if all pictures get one and the same answer, whatever it is; N if each gets a prototype of its own.
    """
    p = logits.softmax(dim=1)  # (N, K)
    mean = p.mean(dim=0, keepdim=True)  # (1, K)
    of_mean, of_each = (-torch.special.xlogy(x, x).sum(1).mean() for x in (mean, p))
    return (of_mean - of_each).exp().item()


def _said(rng: np.random.Generator) -> Iterable[Case]:
    sure = 200.0
    yield (torch.zeros(2, 3),)  # even answers: 1
    yield (torch.tensor([[sure, 0.0, 0.0], [sure, 0.0, 0.0]]),)  # one prototype for all: 1
    yield (torch.tensor([[1.0, 1.0, -1.0], [1.0, 1.0, -1.0]]),)  # neither, and still the same: 1
    yield (torch.tensor([[sure, 0.0, 0.0], [0.0, sure, 0.0]]),)  # two answers: 2
    yield (sure * torch.eye(4)[[0, 1, 1, 1]],)  # two, of which one is rare: fewer than 2
    yield (torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 3.0]]),)
    for number, prototypes, scale in ((5, 4, 1.0), (8, 6, 3.0), (20, 8, 0.3)):
        yield (scale * _normal(rng, number, prototypes),)


def _entropy(p: Tensor) -> Tensor:
    return -torch.special.xlogy(p, p).sum(-1)


@mistake(
    "You count how many prototypes a single picture's answer spreads over. That is large for even answers, "
    "which are a collapse. What would it be for the *mean* answer?"
)
def _spread_of_each(logits: Tensor) -> float:
    return _entropy(logits.softmax(1)).mean().exp().item()


@mistake(
    "You count how many prototypes are in use over all pictures. That is large where every picture spreads "
    "over all of them, which is a collapse too. What must be taken off?"
)
def _in_use(logits: Tensor) -> float:
    return _entropy(logits.softmax(1).mean(0)).exp().item()


@mistake(
    "You count the prototypes that come first for some picture. Rare ones count as much as frequent ones "
    "then, and answers that are all but even count as different."
)
def _favourites(logits: Tensor) -> float:
    return float(len(logits.argmax(1).unique()))


@mistake(
    "The difference of the two entropies is what is needed, but in nats, so a collapse gives 0. An effective "
    "number is its exponential."
)
def _in_nats(logits: Tensor) -> float:
    p = logits.softmax(1)
    return (_entropy(p.mean(0)) - _entropy(p).mean()).item()


@mistake(
    "You averaged the logits and took the softmax of that. The mean answer is the mean of the probabilities."
)
def _mean_of_logits(logits: Tensor) -> float:
    return (_entropy(logits.mean(0).softmax(0)) - _entropy(logits.softmax(1)).mean()).exp().item()


@mistake("The two entropies are the wrong way round: the mean answer is never the sharper one.")
def _turned_round(logits: Tensor) -> float:
    return 1 / distinct_answers(logits)


@mistake(
    "One of your answers is nan: a probability of 0 times its logarithm. In an entropy that counts as 0."
)
def _nan(logits: Tensor) -> float:
    p = logits.softmax(1)
    mean = p.mean(0)
    return (-(mean * mean.log()).sum() + (p * p.log()).sum(1).mean()).exp().item()


@mistake(
    "You divided the two entropies, which is nan where no answer has any. Entropies are logarithms of "
    "numbers: "
    "a ratio of numbers is a difference of entropies."
)
def _ratio(logits: Tensor) -> float:
    p = logits.softmax(1)
    return (_entropy(p.mean(0)) / _entropy(p).mean()).item()


@mistake(
    "You measured in bits (log2) and took exp of it. The two have to belong together: exp with natural "
    "logarithms, or a power of 2 with bits."
)
def _bits_and_exp(logits: Tensor) -> float:
    return distinct_answers(logits) ** (1 / float(np.log(2)))


# --- the three steps -------------------------------------------------------------------------------
STEP_1 = Exercise(
    "03.L1",
    "One training step of DINO",
    dino_step,
    _situations,
    difficulty=3,
    minutes=15,
    hints=(
        "In this order: the student answers all views, the teacher the large ones without gradients; the "
        "loss; the optimiser's step; then the teacher follows, and last the centre.",
        "You have written two of the parts: dino_loss(said, wanted, centre), and ema_update, which takes and "
        "returns states: teacher.load_state_dict(ema_update(teacher.state_dict(), …)).",
        "The new centre keeps 0.9 of the old one and takes 0.1 of the mean of the teacher's logits over all "
        "large views and the batch: torch.cat(wanted).mean(0).",
    ),
    mistakes=(
        _gradients_kept,
        _follows_too_early,
        _teacher_sees_all,
        _centre_of_the_student,
        _centre_first,
        _centre_stands,
        _centre_jumps,
        _centre_of_its_large_views,
        _centre_as_slow,
        _teacher_stands,
        _teacher_jumps,
        _student_stands,
    ),
    use=two_steps,
)
STEP_2 = Exercise(
    "03.L2",
    "The fast version collapses",
    stacked_loss,
    _stacks,
    difficulty=2,
    minutes=12,
    hints=(
        "With one picture in the batch the fast version is right, with two it is not. So look for the line "
        "in which the pictures of a batch are told apart.",
        "Give the rows names. Two pictures a and b, two views: the batch is a1, b1, a2, b2. What does "
        "x.view(-1, 2, K) make of that, and what should stand together?",
        "The batch has the views outside and the pictures inside, so it is x.view(views, -1, K) that takes "
        "it apart; then the einsum gets 'ibk,jbk->bij'.",
    ),
    mistakes=(
        _as_it_was,
        _only_one_mended,
        _diagonal_too,
        _diagonal_counted,
        _summed,
        _all_pictures,
        _centre_lost,
    ),
)
STEP_3 = Exercise(
    "03.L3",
    "One number for every collapse",
    distinct_answers,
    _said,
    difficulty=3,
    minutes=12,
    hints=(
        "You have two entropies: that of the mean answer, and the mean of the answers' entropies. Write down "
        "both for each kind of collapse, and for the case in which each picture has its own prototype.",
        "In every collapse the two are equal; the more the answers differ, the further the first is above "
        "the second. A difference of entropies in nats becomes a number of things by exp.",
        "p = logits.softmax(1), mean = p.mean(0); torch.special.xlogy(p, p) is p log p with 0 log 0 = 0. The "
        "answer is exp(entropy of mean - mean of entropies), as a float.",
    ),
    mistakes=(
        _spread_of_each,
        _in_use,
        _favourites,
        _in_nats,
        _mean_of_logits,
        _turned_round,
        _ratio,
        _bits_and_exp,
        _nan,
    ),
)
LAB = Lab("03.L", "A step of DINO, and why it collapsed", (STEP_1, STEP_2, STEP_3))
