"""X-InstructBLIP (S14.6): each sense has a Q-Former of its own into one frozen language model.

A. Panagopoulou, L. Xue, N. Yu, J. Li, D. Li, S. Joty, R. Xu, S. Savarese, C. Xiong and J. C. Niebles, ECCV
2024, section 3 and figure 2: encoders and language model are frozen; each sense's instruction-aware Q-Former
and projection are trained alone, on that sense's own data; before a sense's queries stands a cue that names
it. No example ever has two senses at once, and yet both may be given in one prompt.

Shapes: B batch, P features of width D_in, Q queries, N tokens of text, T of instruction, K of a cue, D_lm
the language model's width, V its vocabulary.
"""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP
from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.ops.checks import check_choice, check_ids, check_tensor


class XInstructBLIP(nn.Module):
    """Several senses that speak to one language model.

    Parameters
    ----------
    lm : LanguageModel
        Its weights are frozen, in place. It is no submodule: neither an optimiser nor a weight file has it.
    qformers : mapping of str to QFormer
        One for each sense, with the width of that sense's features.
    cues : mapping of str to Tensor, optional
        For each sense the ids (K,) of what is said before its queries, such as "sound :".

    Raises
    ------
    ValueError
        For no sense, or a cue of an unknown one; when called, for an unknown sense, none, or features and
        ids that do not fit.
    """

    def __init__(
        self,
        lm: LanguageModel,
        qformers: Mapping[str, QFormer],
        cues: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        if not qformers:
            raise ValueError("X-InstructBLIP: got no sense, want a Q-Former for each of one or more")
        self.senses = nn.ModuleDict({name: InstructBLIP(lm, one) for name, one in qformers.items()})
        self.cues = {name: self.checked(name, cue, lm) for name, cue in (cues or {}).items()}

    @property
    def lm(self) -> LanguageModel:
        """The frozen language model."""
        return self.sense(next(iter(self.senses))).lm

    def sense(self, name: str) -> InstructBLIP:
        """One sense alone: its Q-Former and projection, with the language model."""
        check_choice(name, "sense", *self.senses)
        return cast(InstructBLIP, self.senses[name])

    def checked(self, name: str, cue: Tensor, lm: LanguageModel) -> Tensor:
        """Return a cue's ids (K,); ValueError for an unknown sense or what is no token."""
        check_choice(name, "cue", *self.senses)
        check_tensor(cue, "cue", "K", kind="int", some=True)
        check_ids(cue, lm.vocabulary, name="cue")
        return cue

    def forward(self, given: Mapping[str, Tensor], ids: Tensor, instruction: Tensor | None = None) -> Tensor:
        """Each sense's features (B, P, D_in), text (B, N), instruction (B, T) → logits (B, N, V)."""
        prompt = self.soft_prompt(given, instruction)  # (B, …, D_lm)
        return self.sense(next(iter(given))).read(prompt, ids, KVCache())

    def soft_prompt(self, given: Mapping[str, Tensor], instruction: Tensor | None = None) -> Tensor:
        """Cue and queries of each sense, one after the other as they are given: (B, Σ (K + Q), D_lm)."""
        if not given:
            raise ValueError("given: got no sense, want the features of one or more")
        parts = []
        for name, features in given.items():
            queries = self.sense(name).soft_prompt(features, instruction)  # (B, Q, D_lm)
            if name in self.cues:
                cue = self.lm.token(self.cues[name].to(queries.device))  # (K, D_lm)
                parts.append(cue.expand(len(queries), -1, -1))
            parts.append(queries)
        return torch.cat(parts, dim=1)
