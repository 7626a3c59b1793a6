"""The radiance field of NeRF (S18.4, Mildenhall et al. 2020): from place and direction to density and colour.

B. Mildenhall et al., "NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis", ECCV 2020:
positional encoding (section 5.1, equation 4) and the network (figure 7), whose sizes are the defaults here.

Differs: widths and depths may be smaller; the density may be a softplus in place of a ReLU, which can never
die. The authors' program leaves out the π of equation 4 and hands the bare coordinates to the network too:
`with_input` does the second.

Shapes: P points, D coordinates, L frequencies, W width of the network.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from lecture_utils.nn.init import he_init_
from lecture_utils.ops.checks import check_choice, check_sizes, check_tensor, check_whole

Activation = Literal["relu", "softplus"]


def positional_encoding(x: Tensor, frequencies: int, *, with_input: bool = False) -> Tensor:
    """Return γ(x), sines and cosines of each coordinate at doubling frequencies (equation 4).

    γ(p) = (sin 2⁰πp, cos 2⁰πp, …, sin 2^{L−1}πp, cos 2^{L−1}πp).

    Parameters
    ----------
    x : Tensor
        (P, D), coordinates in about [-1, 1].
    frequencies : int
        L: 10 for places and 4 for directions in the paper. With 0, x itself is returned.
    with_input : bool
        Put x in front.

    Returns
    -------
    Tensor
        (P, D · 2L), and D more with `with_input`.

    Raises
    ------
    ValueError
        For another shape or type, NaN, or an L that is no whole number of 0 or more.
    """
    check_tensor(x, "x", "P", "D", finite=True, some=True)
    check_whole(frequencies, "frequencies", 0)
    if frequencies == 0:
        return x
    scale = torch.pi * 2.0 ** torch.arange(frequencies).to(x)  # (L,): 2⁰π … 2^{L−1}π
    angle = x[:, :, None] * scale  # (P, D, L)
    waves = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (P, D · 2L)
    return torch.cat([x, waves], dim=1) if with_input else waves


class RadianceField(nn.Module):
    """The network of figure 7: density from the place alone, colour from place and direction.

    Parameters
    ----------
    width, depth : int
        W and the number of layers before the density: 256 and 8 in the paper.
    skip : int, optional
        The encoded place is put beside the output of so many layers: 5 in the paper. None for never.
    frequencies, view_frequencies : int
        L of places and of directions, 10 and 4 in the paper; 0 hands over bare coordinates.
    with_input : bool
        Bare coordinates beside the waves, as in the authors' program.
    view_direction : bool
        Without, colour depends on the place alone.
    colour_width : int, optional
        Of the last hidden layer: W / 2 in the paper.
    activation : "relu" or "softplus"
        Of the density.

    Raises
    ------
    ValueError
        For sizes that are no whole numbers, a skip that is not below `depth`, another activation.
    """

    def __init__(
        self,
        width: int = 256,
        depth: int = 8,
        *,
        skip: int | None = 5,
        frequencies: int = 10,
        view_frequencies: int = 4,
        with_input: bool = False,
        view_direction: bool = True,
        colour_width: int | None = None,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        half = max(1, width // 2) if colour_width is None else colour_width
        check_sizes("radiance field", width=width, depth=depth, colour_width=half)
        check_choice(activation, "activation", "relu", "softplus")
        if skip is not None and not 1 <= check_whole(skip, "skip") < depth:
            raise ValueError(f"skip: got {skip}, want 1 to {depth - 1} with {depth} layers, or None")
        self.frequencies, self.view_frequencies = frequencies, view_frequencies
        self.with_input, self.view_direction, self.skip = with_input, view_direction, skip
        place = encoded_size(frequencies, with_input)
        look = encoded_size(view_frequencies, with_input) if view_direction else 0
        before = [place] + [width + (place if layer == skip else 0) for layer in range(1, depth)]
        self.layers = nn.ModuleList(nn.Linear(size, width) for size in before)
        self.density = nn.Linear(width, 1)
        self.feature = nn.Linear(width, width)
        self.mix = nn.Linear(width + look, half)
        self.colour = nn.Linear(half, 3)
        he_init_(self)
        self.bound = nn.ReLU() if activation == "relu" else nn.Softplus()

    def forward(self, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the density (P,) in 1/metre and the colour (P, 3) in [0, 1] at places seen along directions.

        `points` (P, 3) in metres; `directions` (P, 3) of length 1, from the eye to the place.
        """
        check_tensor(points, "points", "P", 3)
        check_tensor(directions, "directions", len(points), 3)
        place = positional_encoding(points, self.frequencies, with_input=self.with_input)  # (P, 60)
        x = place
        for layer, linear in enumerate(self.layers):
            if layer == self.skip:
                x = torch.cat([x, place], dim=1)  # (P, W + 60)
            x = torch.relu(linear(x))  # (P, W)
        density = self.bound(self.density(x))[:, 0]  # (P,): the direction has not been seen yet
        x = self.feature(x)  # (P, W), without a ReLU
        if self.view_direction:
            look = positional_encoding(directions, self.view_frequencies, with_input=self.with_input)
            x = torch.cat([x, look], dim=1)  # (P, W + 24)
        return density, torch.sigmoid(self.colour(torch.relu(self.mix(x))))


def encoded_size(frequencies: int, with_input: bool = False) -> int:
    """Return how many numbers `positional_encoding` makes of three coordinates."""
    check_whole(frequencies, "frequencies", 0)
    return 6 * frequencies + (3 if with_input or frequencies == 0 else 0)
