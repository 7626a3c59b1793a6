"""Talking with LLaVA about a picture (S14.4): the picture is read once, then turn by turn.

H. Liu et al., "Visual Instruction Tuning", NeurIPS 2023, section 5.1 and table 3. What was read and said
stays in a cache of keys and values: a turn costs its own words only.

Simplified: the likeliest word is said (greedy).

Shapes: B pictures, N tokens of text, M tokens said, P tokens of a picture, F width of the eye's tokens.
"""

import torch
from torch import Tensor

from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.multimodal.llava.llava import LLaVA
from lecture_utils.ops.checks import (
    check_finite,
    check_ids,
    check_sizes,
    check_tensor,
    check_tokens,
    check_whole,
)


@torch.no_grad()
def say(lm: LanguageModel, logits: Tensor, cache: KVCache, steps: int, end: int) -> Tensor:
    """Say the likeliest word again and again, until all have ended, or for so many steps.

    Parameters
    ----------
    lm : LanguageModel
    logits : Tensor
        (B, V), of the first word.
    cache : KVCache
        What was read so far; it grows by all that is said, but the last.
    steps, end : int
        Words at most, and the token that ends a sequence; what follows it is filled with it.

    Returns
    -------
    Tensor
        (B, M) int64, M ≤ steps.
    """
    check_tensor(logits, "logits", "B", lm.vocabulary, some=True, finite=True)
    check_sizes("say", steps=steps)
    check_ids(torch.tensor(check_whole(end, "end", 0)), lm.vocabulary, name="end")
    said = [logits.argmax(dim=1)]  # (B,)
    while len(said) < steps and not bool((said[-1] == end).all()):
        new = lm(said[-1][:, None], cache)[:, -1].argmax(dim=1)
        said.append(new.masked_fill(said[-1] == end, end))
    return torch.stack(said, dim=1)


@torch.no_grad()
def reply(model: LLaVA, grid: Tensor, ids: Tensor, *, steps: int, end: int) -> Tensor:
    """Reply to one text about each picture: grid (B, P, F), ids (B, N) → (B, M) int64."""
    cache = KVCache()
    logits = model(grid, ids, cache)[:, -1]
    return say(model.lm, logits, cache, steps, end)


class Chat:
    """A talk about one picture, of as many turns as the language model has places for.

    Parameters
    ----------
    model : LLaVA
        In evaluation mode.
    grid : Tensor
        (1, P, F), what the eye saw.

    Attributes
    ----------
    cache : KVCache
        All that was read and said.

    Raises
    ------
    ValueError
        For more than one picture; when asked, for texts that do not fit any more.
    """

    def __init__(self, model: LLaVA, grid: Tensor) -> None:
        check_tokens(grid, model.projection.image_dim, batch=1, name="grid")
        check_finite(grid, "grid")
        self.model, self.tokenizer, self.cache = model, model.lm.tokenizer, KVCache()
        start = torch.tensor([[self.tokenizer.start]], device=grid.device)
        with torch.no_grad():
            model(grid, start, self.cache)

    @torch.no_grad()
    def ask(self, prompt: str, *, steps: int = 64) -> str:
        """Read one prompt more, such as " user : what is red ? assistant :", and answer it."""
        read = self.tokenizer.encode(prompt)
        if not read:
            raise ValueError(f"prompt: got {prompt!r}, want one word or more")
        check_sizes("chat", steps=steps)
        left = self.model.lm.length - len(self.cache) - len(read)
        if left < 1:
            raise ValueError(
                f"prompt: got {len(read)} tokens after {len(self.cache)}, want room for an answer in "
                f"{self.model.lm.length}"
            )
        device = self.model.lm.token.weight.device
        logits = self.model.lm(torch.tensor([read], device=device), self.cache)[:, -1]
        end = self.tokenizer.end
        said = say(self.model.lm, logits, self.cache, min(steps, left), end)[0]
        if len(self.cache) < self.model.lm.length:  # the last word has been said, but not yet read
            self.model.lm(said[None, -1:], self.cache)
        return self.tokenizer.decode(said)
