"""Real weights for our CLIP: those of transformers' `CLIPModel`, tensor by tensor.

Nothing is computed anew. The tokenizer is the library's: our model gets the ids that it makes.

Shapes: B batch, N tokens, D width of the joint space.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from lecture_utils.hub import cache
from lecture_utils.hub import transformers as hub
from lecture_utils.multimodal.clip.clip import CLIP, check_texts
from lecture_utils.multimodal.clip.image_encoder import ViTEncoder
from lecture_utils.multimodal.clip.quick_gelu import QuickGELU
from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from lecture_utils.ops.checks import check_images

# The mean and spread of the paper's pictures, as its code and the library's processor have them.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
ACTIVATIONS: dict[str, type[nn.Module]] = {"quick_gelu": QuickGELU, "gelu": nn.GELU}
OLD_END = 2  # configurations from before July 2023 give this, and mean the highest id
EPS = 1e-5
LAYER = {"layer_norm1": "norm1", "layer_norm2": "norm2", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"} | {
    f"self_attn.{theirs}_proj": f"attention.to_{ours}"
    for theirs, ours in (("q", "query"), ("k", "key"), ("v", "value"), ("out", "output"))
}
NAMES = {
    "logit_scale": "log_scale",
    "visual_projection.weight": "image_encoder.projection.weight",
    "text_projection.weight": "text_encoder.projection.weight",
    "vision_model.embeddings.class_embedding": "image_encoder.class_token",
    "vision_model.embeddings.patch_embedding.weight": "image_encoder.embed.weight",
    "vision_model.embeddings.position_embedding.weight": "image_encoder.position",
    "text_model.embeddings.token_embedding.weight": "text_encoder.embed.weight",
    "text_model.embeddings.position_embedding.weight": "text_encoder.position",
}
NORMS = {
    "vision_model.pre_layrnorm": "image_encoder.norm_before",
    "vision_model.post_layernorm": "image_encoder.norm",
    "text_model.final_layer_norm": "text_encoder.norm",
}


@dataclass(frozen=True)
class Pretrained:
    """A trained CLIP in our code, with its library's tokenizer."""

    clip: CLIP
    tokenizer: Any

    def images(self, images: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1], resized to the model's size → (B, D) of unit length."""
        side = int(self.clip.image_encoder.image)  # type: ignore[arg-type]
        check_images(images, 3, unit_range=True)
        if images.shape[-2:] != (side, side):
            images = F.interpolate(
                images, (side, side), mode="bicubic", antialias=True, align_corners=False
            ).clamp(0, 1)
        return self.clip.encode_image(images)

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Texts → (B, D) of unit length; the end of one that is too long is cut off."""
        check_texts(texts)
        made = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.clip.length, return_tensors="pt"
        )
        return self.clip.encode_text(made["input_ids"])


def pretrained(name: str = "openai/clip-vit-base-patch32") -> Pretrained | None:
    """Load a CLIP that others trained on photographs, and run it in our code.

    Parameters
    ----------
    name : str
        On the hub, or a folder that `save_pretrained` wrote, with its tokenizer.

    Returns
    -------
    Pretrained or None
        None when it is not to be had; one printed line says why and what to do.
    """
    theirs = hub._load(name, "CLIPModel")
    if theirs is None:
        return None
    import transformers

    folder = name if Path(name).is_dir() else hub._cached(name)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder or name, local_files_only=folder is not None
        )
    except Exception as error:  # a file that is missing, damaged, or of another library's version
        cache.tell(f"The tokenizer of {name} could not be loaded ({type(error).__name__}).")
        return None
    ours = from_transformers(theirs)
    if tokenizer.eos_token_id != ours.text_encoder.end:  # without its files the library makes an empty one
        cache.tell(f"The tokenizer of {name} is missing, or of another model.")
        return None
    return Pretrained(ours, tokenizer)


def from_transformers(theirs: Any) -> CLIP:
    """Make our CLIP with the weights of one of transformers'; their outputs are equal.

    Parameters
    ----------
    theirs : transformers.CLIPModel
        For example `openai/clip-vit-base-patch32`.

    Returns
    -------
    CLIP
        In evaluation mode. It takes square pictures of the model's size in [0, 1], which it normalises by the
        paper's mean and spread itself, and the library tokenizer's ids.

    Raises
    ------
    ValueError
        For an activation, or an ε of the layer norms, that ours has not.
    """
    text, vision = theirs.config.text_config, theirs.config.vision_config
    for part in (text, vision):
        if part.hidden_act not in ACTIVATIONS or part.layer_norm_eps != EPS:
            got = f"{part.hidden_act} and ε {part.layer_norm_eps}"
            raise ValueError(f"CLIP weights: got {got}, want {' or '.join(ACTIVATIONS)} and ε {EPS}")
    out = theirs.config.projection_dim
    ours = CLIP(
        ViTEncoder(
            image=vision.image_size,
            patch=vision.patch_size,
            in_channels=vision.num_channels,
            out=out,
            **sizes(vision),
        ),
        TextEncoder(
            vocabulary=text.vocab_size,
            length=text.max_position_embeddings,
            end=text.vocab_size - 1 if text.eos_token_id == OLD_END else text.eos_token_id,
            out=out,
            **sizes(text),
        ),
        mean=MEAN,
        std=STD,
    )
    state = {our_name(name): value for name, value in theirs.state_dict().items()}
    ours.load_state_dict(state | {"merges": ours.merges})
    return ours.eval()


def sizes(part: Any) -> dict[str, Any]:
    """What both encoders' configurations have in common, in our words."""
    return {
        "width": part.hidden_size,
        "heads": part.num_attention_heads,
        "layers": part.num_hidden_layers,
        "hidden": part.intermediate_size,
        "activation": ACTIVATIONS[part.hidden_act],
    }


def our_name(name: str) -> str:
    """Translate the name of one tensor."""
    if name in NAMES:
        return NAMES[name]
    owner, _, kind = name.rpartition(".")
    if owner in NORMS:
        return f"{NORMS[owner]}.{kind}"
    side, _, _, number, part = owner.split(".", 4)  # vision_model.encoder.layers.0.self_attn.q_proj
    encoder = {"vision_model": "image_encoder", "text_model": "text_encoder"}[side]
    return f"{encoder}.layers.{number}.{LAYER[part]}.{kind}"
