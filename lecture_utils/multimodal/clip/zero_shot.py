"""Zero-shot classification and tagging with CLIP (S13.4): classes are sentences, found by their nearness.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, section
3.1.2 (a classifier made of text) and 3.1.4 (templates, and their ensemble in the space of embeddings).

Simplified: 1 to 6 templates where the paper has 80; a tag is a word whose cosine similarity passes a
threshold of its own, found on validation pictures.

Shapes: N pictures, K classes or words, T templates, D the joint space.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.ops.checks import check_images, check_number, check_tensor

TEMPLATES = (
    "a photo of a {}",
    "a picture of a {}",
    "there is a {}",
    "i see a {}",
    "look at a {}",
    "this is a {}",
)


def fill(template: str, name: str) -> str:
    """Put a name into a template such as "a photo of a {}"; before a vowel "a {}" becomes "an {}".

    Raises
    ------
    ValueError
        For an empty name, or a template without one "{}".
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"names: got {name!r}, want a word or several")
    if not isinstance(template, str) or template.count("{}") != 1:
        raise ValueError(
            f"templates: got {template!r}, want a text with one {{}}, such as 'a photo of a {{}}'"
        )
    before, after = template.split("{}")
    if name[0] in "aeiou" and (before == "a " or before.endswith(" a ")):
        before = before[:-1] + "n "
    return before + name + after


def class_embeddings(clip: CLIP, names: Sequence[str], templates: Sequence[str] = TEMPLATES[:1]) -> Tensor:
    """Make a classifier of words: of each class the mean of its sentences, again of unit length.

    Parameters
    ----------
    clip : CLIP
    names : sequence of K str
        Such as "star" or "red star".
    templates : sequence of T str
        Each with one "{}". ``("{}",)`` is the bare word.

    Returns
    -------
    Tensor
        (K, D), of unit length.

    Raises
    ------
    ValueError
        For no names or templates, a single text in their place, or what `fill` refuses.
    """
    _check_texts(names, "names")
    _check_texts(templates, "templates")
    sentences = [fill(template, name) for name in names for template in templates]
    embedded = clip.texts(sentences).unflatten(0, (len(names), len(templates)))  # (K, T, D)
    return F.normalize(embedded.mean(dim=1), dim=-1)  # (K, D): averaged as embeddings, not as probabilities


def zero_shot(clip: CLIP, images: Tensor, embeddings: Tensor) -> Tensor:
    """Score pictures against classes: cosine similarity times the model's logit scale.

    Parameters
    ----------
    clip : CLIP
    images : Tensor
        (N, 3, H, W) in [0, 1].
    embeddings : Tensor
        (K, D), from `class_embeddings`.

    Returns
    -------
    Tensor
        (N, K) logits: ``softmax(-1)`` gives probabilities, ``argmax(-1)`` the answer.
    """
    return clip.log_scale.exp() * similarity(clip, images, embeddings)


def similarity(clip: CLIP, images: Tensor, embeddings: Tensor) -> Tensor:
    """Cosine similarity of pictures (N, 3, H, W) and classes (K, D), (N, K) in [-1, 1]."""
    check_images(images, 3, unit_range=True)
    _check_unit(embeddings)
    return clip.encode_image(images) @ embeddings.T  # (N, K)


def tags(clip: CLIP, images: Tensor, embeddings: Tensor, thresholds: float | Tensor) -> Tensor:
    """Say which words are true of each picture: none, one or several.

    A softmax would force one answer; here each word is judged alone, by its own threshold, because words
    differ in how similar they are to pictures in general.

    Parameters
    ----------
    clip, images, embeddings
        As for `zero_shot`.
    thresholds : float or Tensor
        Cosine similarity from which a word counts: one for all, or (K,); see `metrics.retrieval.thresholds`.

    Returns
    -------
    Tensor
        (N, K) bool.
    """
    _check_unit(embeddings)
    if isinstance(thresholds, Tensor) and thresholds.ndim:
        check_tensor(thresholds, "thresholds", len(embeddings), finite=True)
    else:
        check_number(thresholds, "thresholds")
    return similarity(clip, images, embeddings) >= thresholds


def _check_texts(texts: Sequence[str], name: str) -> None:
    if isinstance(texts, str) or not isinstance(texts, Sequence) or len(texts) == 0:
        raise ValueError(f"{name}: got {texts!r}, want a list of one text or more")


def _check_unit(embeddings: Tensor) -> None:
    check_tensor(embeddings, "embeddings", "K", "D", some=True)
    length = embeddings.norm(dim=-1)
    if not bool(((length - 1).abs() < 1e-3).all()):
        low, high = float(length.min()), float(length.max())
        raise ValueError(f"embeddings: got lengths from {low:.3g} to {high:.3g}, want 1: use F.normalize")
