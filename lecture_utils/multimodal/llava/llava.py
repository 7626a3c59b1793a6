"""LLaVA (S14.4): a language model that reads a picture as if it were a sentence in a foreign tongue.

H. Liu, C. Li, Q. Wu and Y. J. Lee, "Visual Instruction Tuning", NeurIPS 2023, section 4 and figure 1. An eye
that stays frozen sees a grid of tokens, `projection` turns them into the language model's, which reads them
among the words. Stage 1 trains the projection alone (`align_only`), stage 2 the language model too.

Simplified: the eye is no part of this module, which takes what it saw; one picture a talk.

Shapes: B batch, N tokens of text, P tokens of a picture, F width of the eye's tokens, D of the language
model, V vocabulary.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.multimodal.llava.inputs import IGNORE, insert_picture
from lecture_utils.multimodal.llava.projection import Projection
from lecture_utils.ops.checks import check_ids, check_tensor


class LLaVA(nn.Module):
    """A language model and the projection that lets it see.

    Parameters
    ----------
    lm : LanguageModel
        It becomes a part of this model, and stage 2 changes it: hand over a copy where others need it.
    image_dim : int
        F.
    layers : {1, 2}
        Of the projection: one matrix (LLaVA), or an MLP (LLaVA-1.5).
    cells : (int, int), optional
        Rows and columns of the eye's grid, where its tokens do not know their place.

    Raises
    ------
    ValueError
        For sizes that `Projection` refuses; when called, for tokens and ids that do not fit.
    """

    def __init__(
        self, lm: LanguageModel, image_dim: int, *, layers: int = 1, cells: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.projection = Projection(image_dim, lm.dim, layers=layers, cells=cells)
        self.lm = lm

    def forward(
        self,
        grid: Tensor,
        ids: Tensor,
        cache: KVCache | None = None,
        *,
        at: int | Tensor = 1,
    ) -> Tensor:
        """Read a picture and a text; return the logits of what follows each word.

        Parameters
        ----------
        grid : Tensor
            (B, P, F), what the eye saw.
        ids : Tensor
            (B, N) int64, the start token first.
        cache : KVCache, optional
            Empty; it grows by all P + N tokens, and more words can be read by `lm(ids, cache)`.
        at : int or Tensor
            How many words stand before the picture, 1 or (B,) for each row its own.

        Returns
        -------
        Tensor
            (B, N, V): the word after each; of the last word before the picture, what is said after both.
        """
        check_tensor(ids, "ids", len(grid), "N", kind="any", some=True)
        check_ids(ids, self.lm.vocabulary)
        if cache is not None and len(cache):
            raise ValueError(f"cache: got {len(cache)} tokens, want none: the picture is read once")
        picture = self.projection(grid)  # (B, P, D): H_v = W Z_v, equation 1
        words = self.lm.token(ids)  # (B, N, D): H_q
        x, before = insert_picture(words, picture, at)  # (B, N + P, D)
        logits = self.lm.from_embeddings(x, cache)  # (B, N + P, V)
        return logits.gather(1, before[:, :, None].expand(-1, -1, logits.shape[2]))  # (B, N, V)

    def align_only(self) -> "LLaVA":
        """Stage 1: the language model is frozen, the projection learns."""
        self.lm.requires_grad_(False)
        self.projection.requires_grad_(True)
        return self

    def tune_all(self) -> "LLaVA":
        """Stage 2: the projection and the language model learn."""
        return self.requires_grad_(True)


def answer_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of what the assistant says, equation 3.

    Parameters
    ----------
    logits : Tensor
        (B, N, V), what follows each word.
    target : Tensor
        (B, N) int64, the word that should, or IGNORE.

    Raises
    ------
    ValueError
        For other shapes, ids out of range, or where nothing is asked for.
    """
    check_tensor(logits, "logits", "B", "N", "V", some=True)
    check_tensor(target, "target", *logits.shape[:2], kind="int")
    asked = target[target != IGNORE]
    if not len(asked):
        raise ValueError("target: got IGNORE everywhere, want at least one word to say")
    check_ids(asked, logits.shape[2], name="target")
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=IGNORE)
