"""Our own networks as parts that a pipeline of `diffusers` takes in the place of its own.

The library asks little of a part: a configuration, a call with its names, and to be saved and read. Imported
by `hub.diffusion_pipelines`, only where the library is installed.

Shapes: B batch, Z × h × w code, N context tokens of width D.
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder
from lecture_utils.generative.diffusion.resnet_blocks import Downsample
from lecture_utils.generative.diffusion.slim_unet import SlimUNet


class OwnUNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """`SlimUNet` where a pipeline expects a `UNet2DConditionModel`.

    Two differences are bridged: the library counts steps from 0, and to its context come tokens of our own
    (K of width D, those of places without a box), which no pipeline knows of.
    """

    @register_to_config
    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        fold: int,
        context: int,
        attention: int,
        heads: int,
        groups: int,
        embedding: int,
        more_tokens: int,
        sample_size: int,
        time_cond_proj_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.net = SlimUNet(
            in_channels, widths, fold=fold, context=context, attention=attention, heads=heads,
            groups=groups, embedding=embedding,
        )  # fmt: skip
        self.register_buffer("more", torch.zeros(more_tokens, context))

    def forward(
        self, sample: Tensor, timestep: Any, encoder_hidden_states: Tensor, return_dict: bool = True, **_: Any
    ) -> tuple[Tensor]:
        """Predict from codes (B, Z, h, w), one step for all, and a context (B, N, D)."""
        t = torch.as_tensor(timestep).expand(len(sample)) + 1
        more = self.get_buffer("more").expand(len(sample), -1, -1)
        return (self.net(sample, t, torch.cat([encoder_hidden_states, more], dim=1)),)


class OwnAutoEncoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """`KLAutoEncoder` where a pipeline expects an `AutoencoderKL`: pictures in [-1, 1], codes unscaled."""

    @register_to_config
    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        latent_channels: int,
        fold: int,
        groups: int,
        scaling_factor: float,
        block_out_channels: Sequence[int],
    ) -> None:
        super().__init__()
        self.autoencoder = KLAutoEncoder(
            in_channels, widths, latent=latent_channels, fold=fold, groups=groups
        )

    def decode(self, z: Tensor, return_dict: bool = True, generator: Any = None) -> Any:
        """Return pictures (B, C, H, W) of codes (B, Z, h, w)."""
        sample = 2 * self.autoencoder.decode(z) - 1
        return DecoderOutput(sample=sample) if return_dict else (sample,)


def parameters_of(net: SlimUNet) -> dict[str, Any]:
    """What `OwnUNet` must be told to make such a network."""
    groups = net.norm.num_groups
    looks = [layer for layer in net.look if hasattr(layer, "block")]
    block: Any = looks[0].block if looks else None
    return {
        "in_channels": net.enter.in_channels // net.fold**2,
        "widths": list(net.widths),
        "fold": net.fold,
        "context": net.context,
        "attention": len(looks),
        "heads": block.look_around.heads if block is not None else 1,
        "groups": groups,
        "embedding": net.embed.second.out_features,
    }


def own_unet(net: SlimUNet, more: Tensor, side: int) -> OwnUNet:
    """Make the part of a network; `more` (K, D) comes to each context, `side` is that of codes."""
    part = OwnUNet(**parameters_of(net), more_tokens=len(more), sample_size=side)
    part.net.load_state_dict(net.state_dict())
    part.get_buffer("more").copy_(more)
    return part.eval()


def own_autoencoder(autoencoder: KLAutoEncoder) -> OwnAutoEncoder:
    """Make the part with an auto-encoder's weights."""
    enter = next(layer for layer in autoencoder.encoder if isinstance(layer, nn.Conv2d))
    norms = [layer for layer in autoencoder.decoder if isinstance(layer, nn.GroupNorm)]
    downs = [layer.conv for layer in autoencoder.encoder if isinstance(layer, Downsample)]
    part = OwnAutoEncoder(
        autoencoder.channels,
        [enter.out_channels, *(layer.out_channels for layer in downs)],
        autoencoder.latent,
        autoencoder.fold,
        norms[-1].num_groups,
        float(autoencoder.scale),
        [1] * autoencoder.factor.bit_length(),  # the library takes 2 to their number - 1 for the factor
    )
    part.autoencoder.load_state_dict(autoencoder.state_dict())
    return part.eval()
