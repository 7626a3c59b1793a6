"""Concept units (S13.8): numbers of a joint space that answer to one concept, whichever sense it comes by.

R. Quian Quiroga et al., "Explicit Encoding of Multimodal Percepts by Single Neurons in the Human Brain",
Current Biology 2009: cells that answer to a person's picture, written name and spoken name alike. G. Goh et
al., "Multimodal Neurons in Artificial Neural Networks", Distill 2021: the same question asked of CLIP.

How well a unit tells a concept is the chance that it answers more strongly to an example of the concept than
to one without: the area under its ROC curve, from which 1/2 is what a blind unit has. A unit of the joint
space is a *concept unit* as far as it does so in both senses at once.

CLIP's loss does not change when both encoders' outputs are turned together, so nothing in it asks for units
that stand for concepts. `random_turn` says how well arbitrary directions of the same space would do.

Shapes: N examples of one sense (pictures), M of another (sentences), D units, K concepts.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_sizes, check_tensor, check_wholes


def roc_area(answers: Tensor, has: Tensor) -> Tensor:
    """Chance that a unit answers more strongly with the concept than without (ties count half).

    By ranks (Mann and Whitney 1947): the mean rank of the examples with the concept, less the least that it
    could be, over the number of those without.

    Parameters
    ----------
    answers : Tensor
        (N, D), finite.
    has : Tensor
        (N, K) bool: which example has which concept. Each concept needs examples with and without it.

    Returns
    -------
    Tensor
        (K, D) in [0, 1].

    Raises
    ------
    ValueError
        For shapes or types that do not fit, or a concept that all or no examples have.
    """
    check_examples(answers, has, "answers")
    ranks = mean_ranks(answers)  # (N, D), from 1
    chosen = has.to(ranks.dtype)  # (N, K)
    positive = chosen.sum(0)[:, None]  # (K, 1)
    negative = len(has) - positive
    return (chosen.T @ ranks - positive * (positive + 1) / 2) / (positive * negative)  # (K, D)


def mean_ranks(values: Tensor) -> Tensor:
    """Rank each column of (N, D) from 1, equal values all with the mean of their places; float64."""
    check_tensor(values, "values", "N", "D", finite=True, some=True)
    ordered = values.T.contiguous().sort(dim=1).values  # (D, N)
    column = values.T.contiguous()
    below = torch.searchsorted(ordered, column, right=False)  # how many are less
    upto = torch.searchsorted(ordered, column, right=True)  # how many are not greater
    return ((below + 1 + upto) / 2).T.double()


def selectivity(images: Tensor, image_has: Tensor, texts: Tensor, text_has: Tensor) -> Tensor:
    """Score each unit for each concept by the sense in which it does worse.

    Parameters
    ----------
    images, texts : Tensor
        (N, D) and (M, D): the same D units, answering to examples of two senses.
    image_has, text_has : Tensor
        (N, K) and (M, K) bool.

    Returns
    -------
    Tensor
        (K, D) in [-1, 1]: 1 tells the concept without error in both senses, 0 is blind in one of them, and
        below 0 it answers the wrong way round in one.

    Raises
    ------
    ValueError
        As `roc_area`, or for other numbers of units or concepts in the two senses.
    """
    check_examples(images, image_has, "images")
    check_examples(texts, text_has, "texts")
    if images.shape[1] != texts.shape[1] or image_has.shape[1] != text_has.shape[1]:
        got = f"{images.shape[1]} and {texts.shape[1]} units, {image_has.shape[1]} and {text_has.shape[1]}"
        raise ValueError(f"selectivity: got {got} concepts, want the same in both senses")
    areas = torch.stack([roc_area(images, image_has), roc_area(texts, text_has)])  # (2, K, D)
    return 2 * areas.amin(0) - 1  # the worse of the two senses, from chance 0 to 1


def random_turn(dim: int, *, seed: int = 0) -> Tensor:
    """Return a random rotation (D, D) of the space, evenly distributed (Mezzadri 2007); float32."""
    check_sizes("random turn", dim=dim)
    random = torch.Generator().manual_seed(seed)
    q, r = torch.linalg.qr(torch.randn(dim, dim, generator=random, dtype=torch.float64))
    q = q * r.diagonal().sign()  # QR alone favours some rotations
    if torch.linalg.det(q) < 0:
        q[:, 0] = -q[:, 0]
    return q.float()


def silenced(embeddings: Tensor, units: list[int], level: Tensor | None = None) -> Tensor:
    """Hold some units at one level, and bring the vectors back to length 1.

    Parameters
    ----------
    embeddings : Tensor
        (N, D).
    units : list of int
        Which of the D; none leaves all as it was.
    level : Tensor, optional
        (D,), what they are held at, such as their mean over other examples; 0 where none is given.

    Raises
    ------
    ValueError
        For a unit that is not there, or shapes that do not fit.
    """
    check_tensor(embeddings, "embeddings", "N", "D", finite=True, some=True)
    dim = embeddings.shape[1]
    if units:
        check_wholes(units, "units", least=0)
        check_number(max(units), "units", 0, dim - 1)
    if level is None:
        level = embeddings.new_zeros(dim)
    check_tensor(level, "level", dim, finite=True)
    held = embeddings.clone()
    held[:, units] = level[units].to(embeddings.dtype)
    return torch.nn.functional.normalize(held, dim=1)


def check_examples(answers: Tensor, has: Tensor, name: str) -> None:
    """Raise ValueError unless answers (N, D) and concepts (N, K) fit, each concept with and without."""
    check_tensor(answers, name, "N", "D", finite=True, some=True)
    check_tensor(has, f"{name}, has", len(answers), "K", kind="bool", some=True)
    count = has.sum(0)
    if bool(((count == 0) | (count == len(has))).any()):
        got = f"concepts with {sorted(count.tolist())} of {len(has)} examples"
        raise ValueError(f"{name}, has: got {got}, want each with some and without some")
