"""Our weights in classes of `diffusers` and `transformers` that are laid out alike, S16.2, S16.3, S16.4.

`clip_weights` goes the other way, and so does `from_unet`. Nothing is computed anew: what comes out answers
as what went in does.

Shapes: L tokens of a sentence, D width.
"""

import re
from typing import Any

import torch
from torch import Tensor

from lecture_utils.generative.diffusion.unet import ConditionalUNet, Stage
from lecture_utils.generative.unclip.prior import DiffusionPrior
from lecture_utils.generative.unclip.prior_transformer import PriorTransformer
from lecture_utils.hub.clip_weights import LAYER
from lecture_utils.multimodal.clip.text_encoder import TextEncoder

# The U-Net of Stable Diffusion 1.5, as its configuration file has it (Rombach et al. 2022, and their code).
STABLE_DIFFUSION: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": (*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,  # so it is named there: it is the number of heads
}
UNET = (
    (r"^enter\.", "conv_in."),
    (r"^norm\.", "conv_norm_out."),
    (r"^leave\.", "conv_out."),
    (r"^embed\.first", "time_embedding.linear_1"),
    (r"^embed\.second", "time_embedding.linear_2"),
    (r"^(down|up)\.(\d+)\.(\d+)\.residual", r"\1_blocks.\2.resnets.\3"),
    (r"^(down|up)\.(\d+)\.(\d+)\.transformer", r"\1_blocks.\2.attentions.\3"),
    (r"^shrink\.(\d+)", r"down_blocks.\1.downsamplers.0"),
    (r"^grow\.(\d+)", r"up_blocks.\1.upsamplers.0"),
    (r"^middle\.residual", "mid_block.resnets.0"),
    (r"^middle\.transformer", "mid_block.attentions.0"),
    (r"^middle_end", "mid_block.resnets.1"),
    (r"to_step", "time_emb_proj"),
    (r"shortcut", "conv_shortcut"),
    (r"\.enter\.", ".proj_in."),
    (r"\.leave\.", ".proj_out."),
    (r"\.block\.", ".transformer_blocks.0."),
    (r"look_around", "attn1"),
    (r"look_at_context", "attn2"),
    (r"to_query", "to_q"),
    (r"to_key", "to_k"),
    (r"to_value", "to_v"),
    (r"to_output", "to_out.0"),
    (r"think\.expand", "ff.net.0.proj"),
    (r"think\.shrink", "ff.net.2"),
)
PRIOR = (
    (r"^embed_word", "encoder_hidden_states_proj"),
    (r"^embed_text", "embedding_proj"),
    (r"^embed_noised", "proj_in"),
    (r"^embed_step\.first", "time_embedding.linear_1"),
    (r"^embed_step\.second", "time_embedding.linear_2"),
    (r"^norm", "norm_out"),
    (r"^leave", "proj_to_clip_embeddings"),
    (r"^last", "prd_embedding"),
    (r"^position", "positional_embedding"),
    (r"^layers\.(\d+)\.norm2", r"transformer_blocks.\1.norm3"),
    (r"^layers\.", "transformer_blocks."),
    (r"attention\.to_query", "attn1.to_q"),
    (r"attention\.to_key", "attn1.to_k"),
    (r"attention\.to_value", "attn1.to_v"),
    (r"attention\.to_output", "attn1.to_out.0"),
    (r"mlp\.fc1", "ff.net.0.proj"),
    (r"mlp\.fc2", "ff.net.2"),
)
TEXT = {f"layers.0.{ours}": f"encoder.layers.0.{theirs}" for theirs, ours in LAYER.items()} | {
    "embed": "embeddings.token_embedding",
    "position": "embeddings.position_embedding.weight",
    "norm": "final_layer_norm",
}


def to_text_encoder(text: TextEncoder, pad: int) -> Any:
    """Return transformers' `CLIPTextModel`, whose last hidden state is our tokens after the last norm."""
    import transformers

    layer: Any = text.layers[0]
    config = transformers.CLIPTextConfig(
        vocab_size=text.vocabulary, max_position_embeddings=text.length, bos_token_id=text.end - 1,
        eos_token_id=text.end, pad_token_id=pad, hidden_size=text.norm.normalized_shape[0],
        intermediate_size=layer.mlp.fc1.out_features, num_hidden_layers=len(text.layers),
        num_attention_heads=layer.attention.heads, hidden_act="gelu",
    )  # fmt: skip
    theirs = transformers.CLIPTextModel(config)
    wanted = theirs.state_dict()
    front = "text_model." if any(name.startswith("text_model.") for name in wanted) else ""
    state = {front + their_text_name(name): value for name, value in text.state_dict().items()}
    state.pop(f"{front}projection", None)  # into the joint space: no pipeline needs it
    buffers = {name: value for name, value in wanted.items() if name.endswith("position_ids")}
    theirs.load_state_dict(state | buffers)
    return theirs.eval()


def their_text_name(name: str) -> str:
    """Translate the name of one tensor of our text encoder."""
    if name == "projection.weight":
        return "projection"
    if name in TEXT:
        return TEXT[name]
    owner, _, kind = name.rpartition(".")
    if owner in TEXT:
        return f"{TEXT[owner]}.{kind}"
    _, number, part = owner.split(".", 2)  # layers.1.attention.to_query
    return f"{TEXT[f'layers.0.{part}'].replace('.0.', f'.{number}.', 1)}.{kind}"


def to_unet(net: ConditionalUNet) -> Any:
    """Return diffusers' `UNet2DConditionModel` with our weights: the same outputs, its steps being ours - 1.

    Raises
    ------
    ValueError
        For a network without a context, for which the library has another class.
    """
    import diffusers

    if net.context is None:
        raise ValueError("U-Net: got none of a context, want one: the library's class looks at tokens")
    middle = net.middle
    assert isinstance(middle, Stage) and middle.transformer is not None
    first: Any = net.down[0]
    looks = [stops[0].transformer is not None for stops in net.down]  # type: ignore[index]
    theirs: Any = diffusers.UNet2DConditionModel(
        in_channels=net.enter.in_channels,
        out_channels=net.leave.out_channels,
        block_out_channels=net.widths,
        down_block_types=tuple("CrossAttnDownBlock2D" if look else "DownBlock2D" for look in looks),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=tuple("CrossAttnUpBlock2D" if look else "UpBlock2D" for look in looks[::-1]),
        layers_per_block=len(first),
        norm_num_groups=net.norm.num_groups,
        attention_head_dim=middle.transformer.block.look_around.heads,  # so it is named there
        cross_attention_dim=net.context,
        resnet_time_scale_shift="scale_shift" if first[0].residual.scale_shift else "default",
    )
    theirs.load_state_dict({renamed(name, UNET): value for name, value in net.state_dict().items()})
    return theirs.eval()


def from_unet(theirs: Any) -> ConditionalUNet:
    """Return our network with the weights of diffusers' `UNet2DConditionModel`, as of Stable Diffusion 1.5.

    Raises
    ------
    ValueError
        For one with parts that ours has not: its tensors are other ones.
    """
    config = theirs.config
    ours = ConditionalUNet(
        config.in_channels,
        config.block_out_channels,
        attention=tuple(kind == "CrossAttnDownBlock2D" for kind in config.down_block_types),
        context=config.cross_attention_dim,
        blocks=config.layers_per_block,
        heads=config.attention_head_dim,
        groups=config.norm_num_groups,
        scale_shift=config.resnet_time_scale_shift == "scale_shift",
        out_channels=config.out_channels,
    )
    state = theirs.state_dict()
    names = {name: renamed(name, UNET) for name in ours.state_dict()}
    other = {name for name, value in ours.state_dict().items() if _shape(state, names[name]) != value.shape}
    if other or set(names.values()) != set(state):
        odd = sorted(set(state) - set(names.values())) or sorted(other)
        raise ValueError(f"U-Net: got parts that ours has not ({odd[0]}), want one as Stable Diffusion's")
    ours.load_state_dict({name: state[their] for name, their in names.items()})
    return ours.eval()


def _shape(state: dict[str, Tensor], name: str) -> torch.Size | None:
    return state[name].shape if name in state else None


def to_prior(prior: DiffusionPrior) -> Any:
    """Return diffusers' `PriorTransformer` with our weights, and with mean and deviation of embeddings.

    Raises
    ------
    ValueError
        For another network, or words of another width than the embeddings', which theirs has not.
    """
    import diffusers

    net = prior.net
    if not isinstance(net, PriorTransformer) or net.words != net.dim:
        raise ValueError("prior: got another network or width of words, want a PriorTransformer of one width")
    layer: Any = net.layers[0]
    heads, width = layer.attention.heads, net.norm.normalized_shape[0]
    theirs: Any = diffusers.PriorTransformer(
        num_attention_heads=heads, attention_head_dim=width // heads, num_layers=len(net.layers),
        embedding_dim=net.dim, num_embeddings=net.length, additional_embeddings=4,
    )  # fmt: skip
    state: dict[str, Tensor] = {renamed(name, PRIOR): value for name, value in net.state_dict().items()}
    state["prd_embedding"] = net.last[None, None]
    state["positional_embedding"] = net.position[None]
    theirs.load_state_dict(state | {"clip_mean": prior.mean[None], "clip_std": prior.std[None]})
    return theirs.eval()


def renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    """Translate the name of one tensor, by all rules in turn."""
    for ours, theirs in rules:
        name = re.sub(ours, theirs, name)
    return name
