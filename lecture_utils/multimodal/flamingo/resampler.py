"""The Perceiver resampler of Flamingo (S14.3): any number of picture tokens in, a fixed number out.

J.-B. Alayrac et al., "Flamingo: a Visual Language Model for Few-Shot Learning", NeurIPS 2022, section 2.1,
appendix A.1.1 and the listing of figure 5. Learned latents ask; what they may look at are the picture's
tokens and the latents themselves. Its idea: A. Jaegle et al., "Perceiver: General Perception with Iterative
Attention", ICML 2021.

Simplified: the features are brought to the language model's width at the entrance, so that what follows has
one width D. The listing leaves the layer norms out; they stand here where the usual pre-norm has them. The
paper writes no place into the features, since each cell of its eye knows where it lies; ours does not, so an
embedding of each place can be learned.

Shapes: B pictures or clips, T frames, P tokens a frame, C the features' width, R latents, D model width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.nn.attention import MultiHeadAttention
from lecture_utils.nn.transformer import MLP
from lecture_utils.ops.checks import check_sizes, check_tensor, check_tokens, check_type


class SquaredReLU(nn.Module):
    """max(x, 0)²: the nonlinearity of all of Flamingo's new layers (table 4)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x).square()


class ResamplerLayer(nn.Module):
    """Latents look at tokens and at one another, then an MLP; both are added to them.

    Parameters
    ----------
    dim, heads : int
        D and the number of heads; the MLP is four times as wide.
    activation : type
        The MLP's nonlinearity.
    """

    def __init__(self, dim: int, heads: int, *, activation: type[nn.Module] = SquaredReLU) -> None:
        super().__init__()
        check_sizes("resampler layer", dim=dim, heads=heads)
        self.norm_x, self.norm_latents = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim, heads, bias=False)
        self.norm_mlp = nn.LayerNorm(dim)
        self.mlp = MLP(dim, 4 * dim, activation=activation)

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        """Let latents (B, R, D) look at tokens `x` (B, N, D); return them as (B, R, D)."""
        latents = latents + self.attention(*self.looked_at(x, latents))
        return latents + self.mlp(self.norm_mlp(latents))

    def looked_at(self, x: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Return the queries (B, R, D), and what gives keys and values, [tokens, latents] (B, N + R, D)."""
        check_tokens(x, self.attention.dim, like=self.attention.to_query.weight)
        check_tokens(latents, self.attention.dim, batch=len(x), name="latents")
        query = self.norm_latents(latents)
        return query, torch.cat([self.norm_x(x), query], dim=1)


class PerceiverResampler(nn.Module):
    """What a language model gets to see of a picture or a clip: R latents, however many tokens it has.

    Parameters
    ----------
    features, dim : int
        C, the width of the eye's tokens, and D, that of the language model.
    latents : int
        R; 64 in the paper.
    layers, heads : int
        Depth, 6 in the paper, and attention heads.
    frames : int
        So many time embeddings are learned; a clip of another length gets them interpolated.
    places : int
        So many embeddings of places are learned, one for each of the P tokens; 0, as in the paper, for none.
    activation : type
        The MLPs' nonlinearity.

    Raises
    ------
    ValueError
        For a size below 1, or a width that is no multiple of the heads; when called, for features that are
        not floating point (B, P, C) or (B, T, P, C).
    """

    def __init__(
        self,
        features: int,
        dim: int,
        *,
        latents: int = 8,
        layers: int = 2,
        heads: int = 4,
        frames: int = 1,
        places: int = 0,
        activation: type[nn.Module] = SquaredReLU,  # not shown
    ) -> None:
        super().__init__()
        check_sizes("resampler", features=features, dim=dim, latents=latents, layers=layers, frames=frames)
        check_sizes("resampler", least=0, places=places)
        self.features, self.dim = features, dim
        self.to_width = nn.Linear(features, dim)
        self.latents = nn.Parameter(torch.randn(latents, dim))
        self.time = nn.Parameter(0.02 * torch.randn(frames, dim))
        self.place = nn.Parameter(0.02 * torch.randn(places, dim)) if places else None
        self.layers = nn.ModuleList(ResamplerLayer(dim, heads, activation=activation) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, features: Tensor) -> Tensor:
        """Return the latents (B, R, D) of features (B, P, C) of a picture, or (B, T, P, C) of a clip."""
        x, latents = self.start(features)
        for layer in self.layers:
            latents = layer(x, latents)  # (B, R, D)
        return self.norm(latents)

    def start(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return all frames' tokens in one row, (B, T · P, D), and the latents that will look at them."""
        features = features[:, None] if features.ndim == 3 else features  # a picture is a clip of one frame
        check_tensor(features, "features", "B", "T", "P", self.features, some=True)
        check_type(features, self.to_width.weight, name="features")
        if self.place is not None and len(self.place) != features.shape[2]:
            raise ValueError(f"features: got {features.shape[2]} places, want {len(self.place)}")
        x = self.to_width(features)  # (B, T, P, D)
        x = x + self.moments(x.shape[1])[:, None]  # when
        if self.place is not None:
            x = x + self.place  # where
        return x.flatten(1, 2), self.latents.expand(len(x), -1, -1)

    def moments(self, frames: int) -> Tensor:
        """Time embeddings (T, D) of a clip: those learned, or others between them."""
        check_sizes("clip", frames=frames)
        if frames == len(self.time):
            return self.time
        along = self.time.T[None]  # (1, D, frames learned)
        return F.interpolate(along, size=frames, mode="linear", align_corners=True)[0].T

    def weights(self, features: Tensor) -> Tensor:
        """Return where latents look, (layers, B, heads, R, T · P + R): at tokens, then at one another."""
        x, latents = self.start(features)
        found = []
        for layer in self.layers:
            assert isinstance(layer, ResamplerLayer)
            found.append(layer.attention.weights(*layer.looked_at(x, latents)))
            latents = layer(x, latents)
        return torch.stack(found)
