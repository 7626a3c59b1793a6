"""A sentence, and boxes if there are any, as the context of a diffusion model, S16.3.

R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022, section 3.3: a
domain-specific encoder τ makes tokens of the condition, at which the U-Net's pixels look. As in Stable
Diffusion, τ is CLIP's text encoder (S13.4), frozen, read before its pooling: each token after the last norm.

What stands for "nothing told" is the empty sentence, so that no token of its own has to be learnt, and places
without a box. Sentences are padded to one length, and pixels look at the padding too: behind the causal mask
each of its tokens has read the whole sentence.

Shapes: B batch, L tokens of a sentence, K places for boxes, N = L + K, D width.
"""

import torch
from torch import Tensor, nn

from lecture_utils.generative.diffusion.guidance import drop_condition
from lecture_utils.generative.diffusion.layout import ABSENT, BoxTokens
from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from lecture_utils.ops.checks import check_ids, check_sizes, check_tensor


class Prompt(nn.Module):
    """Ids of sentences (B, L), boxes (B, K, 4) and their classes (B, K) → context (B, N, D).

    Parameters
    ----------
    text : TextEncoder
        It takes no gradients from here on.
    empty : Tensor, (L,) int64
        Ids of the empty sentence: start, end, padding. Its length is that of all sentences.
    boxes : BoxTokens, optional
        Without it, there is no second condition.
    places : int
        K.

    Raises
    ------
    ValueError
        For ids that are none of the encoder's, or box tokens of another width; when called, for sentences of
        another length, or boxes where there are none.
    """

    empty: Tensor

    def __init__(
        self, text: TextEncoder, empty: Tensor, boxes: BoxTokens | None = None, *, places: int = 1
    ) -> None:
        super().__init__()
        check_tensor(empty, "empty", "L", kind="int", some=True)
        text.check(empty[None])
        check_sizes("prompt", places=places)
        self.text = text.requires_grad_(False).eval()
        self.boxes, self.places = boxes, places if boxes is not None else 0
        self.register_buffer("empty", empty.clone(), persistent=False)
        width = text.norm.normalized_shape[0]
        if boxes is not None and boxes.mlp[-1].out_features != width:
            got = f"box tokens of width {boxes.mlp[-1].out_features}"
            raise ValueError(f"boxes: got {got}, want {width}, that of the sentence's")

    def forward(
        self,
        ids: Tensor,
        boxes: Tensor | None = None,
        class_id: Tensor | None = None,
        dropped: Tensor | None = None,
    ) -> Tensor:
        """Return the context; where `dropped` (B,) bool, that of the empty sentence without boxes.

        Boxes are shares of the sides; None means none, as does a class of -1.
        """
        self.check(ids, boxes, class_id)
        context = self.sentence(ids)  # (B, L, D)
        if self.boxes is not None:
            if boxes is None or class_id is None:
                boxes, class_id = self.no_boxes(len(ids), context)
            context = torch.cat([context, self.boxes(boxes, class_id)], dim=1)  # (B, L + K, D)
        return context if dropped is None else drop_condition(context, self.null(), dropped)

    @torch.no_grad()
    def sentence(self, ids: Tensor) -> Tensor:
        """Return the text encoder's tokens after its last norm, (B, L) → (B, L, D)."""
        return self.text.norm(self.text.tokens(ids))

    def null(self) -> Tensor:
        """Return the context (N, D) of nothing told."""
        return self(self.empty[None])[0]

    def no_boxes(self, batch: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return corners (B, K, 4) and classes (B, K) of places without a box."""
        corners = like.new_zeros(batch, self.places, 4)
        return corners, torch.full((batch, self.places), ABSENT, device=like.device)

    def check(self, ids: Tensor, boxes: Tensor | None, class_id: Tensor | None) -> None:
        """Raise ValueError unless sentences and boxes fit."""
        check_ids(ids, self.text.vocabulary, name="ids")
        check_tensor(ids, "ids", "B", len(self.empty), kind="int")
        if (boxes is None) != (class_id is None):
            raise ValueError("boxes: got boxes or classes alone, want both or neither")
        if boxes is not None and self.boxes is None:
            raise ValueError("boxes: got some, want none: the model was made without box tokens")
        if class_id is not None:
            check_tensor(class_id, "class_id", len(ids), self.places, kind="int")
