"""LLaVA of transformers with the weights of ours, and GPT-2 where it usually has a Llama."""

from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.multimodal.llava.llava import LLaVA
from tests.multimodal_twins import gpt2_twin

PICTURE = 0  # the id that stands where the picture's tokens go; no text of the tests has it


class SeenAlready(nn.Module):
    """A vision tower that is handed what an eye saw."""

    def forward(self, grid: Tensor, **options: object) -> object:
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        return BaseModelOutputWithPooling(last_hidden_state=grid, hidden_states=(grid,))


class Twin:
    """Called as ours is: logits (B, N, V) of what follows each token of text."""

    def __init__(self, ours: LLaVA) -> None:
        transformers = pytest.importorskip("transformers")
        gpt2, layers = gpt2_twin(ours.lm), ours.projection.layers
        config = transformers.LlavaConfig(
            text_config=gpt2.config,
            vision_config=transformers.CLIPVisionConfig(
                hidden_size=ours.projection.image_dim, intermediate_size=4, num_hidden_layers=1,
                num_attention_heads=1, image_size=8, patch_size=4,
            ),
            image_token_index=PICTURE, projector_hidden_act="gelu", vision_feature_layer=-1,
            vision_feature_select_strategy="full",
        )  # fmt: skip

        class Untied(transformers.LlavaForConditionalGeneration):
            _tied_weights_keys: ClassVar = {}  # it looks for a Llama's table of tokens

        self.model = Untied(config).eval().to(ours.lm.token.weight.dtype)
        self.model.model.language_model = gpt2.transformer.to(ours.lm.token.weight.dtype)
        self.model.model.vision_tower = SeenAlready()
        with torch.no_grad():
            self.model.lm_head.weight.copy_(ours.lm.token.weight)
            projector = self.model.model.multi_modal_projector
            projector.linear_1.load_state_dict(layers[0].state_dict())
            if len(layers) == 1:  # LLaVA of 2023 has one matrix
                projector.act = projector.linear_2 = nn.Identity()
            else:
                projector.linear_2.load_state_dict(layers[2].state_dict())

    def with_picture(self, ids: Tensor, p: int, fill: int = PICTURE) -> Tensor:
        """The start token, P times `fill`, then the text: (B, P + N)."""
        return torch.cat([ids[:, :1], ids.new_full((len(ids), p), fill), ids[:, 1:]], dim=1)

    def __call__(self, grid: Tensor, ids: Tensor) -> Tensor:
        whole = self.model(input_ids=self.with_picture(ids, grid.shape[1]), pixel_values=grid).logits
        return whole[:, grid.shape[1] :]

    def loss(self, grid: Tensor, ids: Tensor, labels: Tensor) -> Tensor:
        """Of labels (B, N) that stand where the words stand: it shifts them itself."""
        p = grid.shape[1]
        return self.model(
            input_ids=self.with_picture(ids, p),
            pixel_values=grid,
            labels=self.with_picture(labels, p, fill=-100),
        ).loss


def llava_twin(ours: LLaVA) -> Twin:
    """Make it."""
    return Twin(ours)
