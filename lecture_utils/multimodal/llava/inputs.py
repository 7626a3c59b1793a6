"""What LLaVA's language model reads, and on which words its loss is (S14.4).

H. Liu et al., "Visual Instruction Tuning", NeurIPS 2023, section 4: the picture's tokens stand among the
embeddings of words, as if they were some, and the loss (equation 3) is on what the assistant says alone.

Shapes: B batch, N tokens of text, P tokens of a picture, D width of the language model.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_classes, check_tensor, check_tokens

IGNORE = -100  # a target on which there is no loss: what PyTorch's cross-entropy passes over


def llava_inputs(
    image: Tensor, embed: Callable[[Tensor], Tensor], ids: Tensor, answer: Tensor
) -> tuple[Tensor, Tensor]:
    """Put a picture behind the start token of a text; ask for each token of the answer, one place before it.

    Parameters
    ----------
    image : Tensor
        (B, P, D), from the projection.
    embed : callable
        The language model's table: ids (B, N) → (B, N, D).
    ids : Tensor
        (B, N) int64: the start token, then prompts and answers.
    answer : Tensor
        (B, N) bool, which of them the assistant says.

    Returns
    -------
    x : Tensor
        (B, P + N, D), for `LanguageModel.from_embeddings`.
    target : Tensor
        (B, P + N) int64: the id that should follow each place where it is one of an answer's, else IGNORE.

    Raises
    ------
    ValueError
        For other shapes and types, or an answer that begins with the start token.
    """
    check_tokens(image, name="image tokens")
    check_tensor(ids, "ids", len(image), "N", kind="int", some=True)
    check_classes(ids, "ids", *ids.shape)
    check_tensor(answer, "answer", *ids.shape, kind="bool")
    if bool(answer[:, 0].any()):
        raise ValueError("answer: got the start token among its words, want it before all that is said")
    words = embed(ids)  # (B, N, D)
    check_tensor(words, "embed(ids)", *ids.shape, image.shape[2])
    x = torch.cat([words[:, :1], image, words[:, 1:]], dim=1)  # (B, P + N, D): start, picture, text
    target = torch.full(x.shape[:2], IGNORE, device=ids.device)
    asked = ids.masked_fill(~answer, IGNORE)
    target[:, image.shape[1] : -1] = asked[:, 1:]  # each word is asked for one place before it stands
    return x, target


def insert_picture(words: Tensor, picture: Tensor, at: int | Tensor = 1) -> tuple[Tensor, Tensor]:
    """Put a picture's tokens behind the first `at` words of each row.

    Parameters
    ----------
    words : Tensor
        (B, N, D), embedded.
    picture : Tensor
        (B, P, D), projected.
    at : int or Tensor
        0 to N, or (B,) int64, for each row its own: 1 is behind the start token, N behind all words.

    Returns
    -------
    x : Tensor
        (B, N + P, D).
    before : Tensor
        (B, N) int64: from which place of `x` the word *after* each word is said. That is the word's own
        place; for the last word before the picture it is the picture's last.

    Raises
    ------
    ValueError
        For other shapes, or a place outside the text.
    """
    check_tokens(words, name="words")
    check_tokens(picture, words.shape[2], batch=len(words), name="picture")
    batch, n, p = *words.shape[:2], picture.shape[1]
    at = torch.as_tensor(at, device=words.device)
    check_classes(at, "at", *([batch] if at.ndim else []), classes=n + 1)
    at = at.expand(batch)[:, None]  # (B, 1)
    slot = torch.arange(n + p, device=words.device)[None]  # (1, N + P)
    inside = (slot >= at) & (slot < at + p)  # (B, N + P): where the picture is
    source = torch.where(inside, n + slot - at, torch.where(slot < at, slot, slot - p))
    both = torch.cat([words, picture], dim=1)  # (B, N + P, D): the picture still behind all words
    x = both.gather(1, source[:, :, None].expand_as(both))
    word = torch.arange(n, device=words.device)[None]  # (1, N)
    return x, word + p * (word + 1 >= at)
