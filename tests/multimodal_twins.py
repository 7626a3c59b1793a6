"""Models of transformers with the weights of ours."""

import pytest
import torch
from torch import nn

from lecture_utils.multimodal.language_model import LanguageModel


def gpt2_twin(ours: LanguageModel) -> nn.Module:
    """GPT2LMHeadModel with our weights; its linear layers keep theirs the other way round."""
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=ours.vocabulary, n_positions=ours.length, n_embd=ours.dim, n_layer=len(ours.layers),
        n_head=ours.layers[0].attention.heads, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    theirs = transformers.GPT2LMHeadModel(config).eval()
    body = theirs.transformer
    with torch.no_grad():
        body.wte.weight.copy_(ours.token.weight)
        body.wpe.weight.copy_(ours.position.weight)
        body.ln_f.load_state_dict(ours.norm.state_dict())
        for mine, other in zip(ours.layers, body.h, strict=True):
            parts = mine.attention.to_query, mine.attention.to_key, mine.attention.to_value
            other.attn.c_attn.weight.copy_(torch.cat([p.weight for p in parts]).T)
            other.attn.c_attn.bias.copy_(torch.cat([p.bias for p in parts]))
            pairs = (
                (mine.attention.to_output, other.attn.c_proj),
                (mine.mlp.fc1, other.mlp.c_fc),
                (mine.mlp.fc2, other.mlp.c_proj),
            )
            for linear, turned in pairs:
                turned.weight.copy_(linear.weight.T)
                turned.bias.copy_(linear.bias)
            other.ln_1.load_state_dict(mine.norm1.state_dict())
            other.ln_2.load_state_dict(mine.norm2.state_dict())
    return theirs


@torch.no_grad()
def perceiver_twin(ours: nn.Module) -> nn.Module:
    """Transformers' resampler (that of IDEFICS, an open Flamingo) with our weights; it has a ReLU."""
    pytest.importorskip("transformers")
    from transformers.models.idefics.configuration_idefics import IdeficsConfig
    from transformers.models.idefics.perceiver import IdeficsPerceiverResampler

    config = IdeficsConfig(
        vision_config={"embed_dim": ours.dim}, perceiver_config={"qk_layer_norms_perceiver": False}
    )
    heads = ours.layers[0].attention.heads
    shape = (ours.dim, len(ours.layers), heads, ours.dim // heads, len(ours.latents))
    theirs = IdeficsPerceiverResampler(config, *shape).eval()
    theirs.latents.copy_(ours.latents)
    theirs.layer_norm.load_state_dict(ours.norm.state_dict())
    for mine, (attention, mlp) in zip(ours.layers, theirs.blocks, strict=True):
        attention.context_layer_norm.load_state_dict(mine.norm_x.state_dict())
        attention.latents_layer_norm.load_state_dict(mine.norm_latents.state_dict())
        attention.q_proj.weight.copy_(mine.attention.to_query.weight)
        attention.k_proj.weight.copy_(mine.attention.to_key.weight)
        attention.v_proj.weight.copy_(mine.attention.to_value.weight)
        attention.output_proj.weight.copy_(mine.attention.to_output.weight)
        mlp.ln.load_state_dict(mine.norm_mlp.state_dict())
        mlp.fc.weight.copy_(mine.mlp.fc1.weight)
        mlp.c_proj.weight.copy_(mine.mlp.fc2.weight)
    return theirs
