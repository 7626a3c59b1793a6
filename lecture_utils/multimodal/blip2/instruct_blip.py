"""InstructBLIP (S14.5): the instruction enters the Q-Former too, so that the queries know what to look for.

W. Dai et al., "InstructBLIP: Towards General-purpose Vision-Language Models with Instruction Tuning", NeurIPS
2023, section 2.3 and figure 3. Queries and instruction share the Q-Former's self-attention and see each other
(the mask of matching); what becomes of the instruction's own tokens is thrown away. As before, the language
model reads the queries and then the instruction, and stays frozen; Q-Former and projection are trained.

Shapes: B batch, P features of width D_in, Q queries, N tokens of text, T of instruction, D_lm the language
model's width, V its vocabulary.
"""

from torch import Tensor

from lecture_utils.multimodal.blip2.blip2 import BLIP2
from lecture_utils.multimodal.language_model import KVCache


class InstructBLIP(BLIP2):
    """BLIP-2 whose queries read the instruction; parameters and errors are `BLIP2`'s."""

    def forward(self, features: Tensor, ids: Tensor, instruction: Tensor | None = None) -> Tensor:
        """Features (B, P, D_in), text (B, N), instruction (B, T) → the text's logits (B, N, V).

        Without an instruction it is BLIP-2, whose queries look for nothing in particular.
        """
        return self.read(self.soft_prompt(features, instruction), ids, KVCache())

    def soft_prompt(self, features: Tensor, instruction: Tensor | None = None) -> Tensor:
        """Features (B, P, D_in) as an instruction (B, T) makes the queries see them: (B, Q, D_lm)."""
        return self.projection(self.qformer(features, instruction, "matching"))
