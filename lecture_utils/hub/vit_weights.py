"""Real weights for our ViT: torchvision's vision transformers, tensor by tensor.

torchvision keeps queries, keys and values in one matrix and calls the rest by other names; nothing is
computed anew.

Shapes: D model width.
"""

from torch import Tensor
from torchvision.models import VisionTransformer

from lecture_utils.backbones.vit import ViT


def from_torchvision(theirs: VisionTransformer) -> ViT:
    """Make our ViT with the weights of one of torchvision's; their outputs are equal.

    Parameters
    ----------
    theirs : torchvision.models.VisionTransformer
        For example what `torchvision.models.vit_b_16` returns: with one linear layer as its head.

    Returns
    -------
    ViT
        In evaluation mode.
    """
    state, first = theirs.state_dict(), theirs.encoder.layers[0]
    depth = len(theirs.encoder.layers)
    ours = ViT(
        image=theirs.image_size,
        patch=theirs.patch_size,
        dim=theirs.hidden_dim,
        heads=first.num_heads,
        hidden=theirs.mlp_dim,
        layers=depth,
        classes=theirs.heads.head.out_features,
    )
    ours.load_state_dict(renamed(state, depth, theirs.hidden_dim))
    return ours.eval()


def renamed(state: dict[str, Tensor], layers: int, dim: int) -> dict[str, Tensor]:
    """Give torchvision's tensors our names; the joint projection (3D, D) is cut in three."""
    names = {
        "class_token": "class_token",
        "position": "encoder.pos_embedding",
        "embed.projection.weight": "conv_proj.weight",
        "embed.projection.bias": "conv_proj.bias",
        **{f"norm.{k}": f"encoder.ln.{k}" for k in ("weight", "bias")},
        **{f"head.{k}": f"heads.head.{k}" for k in ("weight", "bias")},
    }
    ours = {mine: state[other] for mine, other in names.items()}
    for i in range(layers):
        base = f"encoder.layers.encoder_layer_{i}"
        for k in ("weight", "bias"):
            projections = state[f"{base}.self_attention.in_proj_{k}"].split(dim)
            for part, tensor in zip(("query", "key", "value"), projections, strict=True):
                ours[f"layers.{i}.attention.to_{part}.{k}"] = tensor
            ours[f"layers.{i}.attention.to_output.{k}"] = state[f"{base}.self_attention.out_proj.{k}"]
            pairs = {"norm1": "ln_1", "norm2": "ln_2", "mlp.fc1": "mlp.0", "mlp.fc2": "mlp.3"}
            ours |= {f"layers.{i}.{mine}.{k}": state[f"{base}.{other}.{k}"] for mine, other in pairs.items()}
    return ours
