"""CycleGAN: two generators, two discriminators, and one round of their game (S15.6).

J.-Y. Zhu, T. Park, P. Isola, A. Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks", ICCV 2017, section 3 and figure 3. `to_b` and `to_a` translate between the domains; a
PatchGAN of each domain tells real pictures from translated ones; what is translated there and back again must
be what it was.

Simplified: one optimizer for both generators and one for both discriminators, as in the authors' code; the
rate's schedule is the recipe's.

Shapes: B batch, C × H × W picture.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.generative.cyclegan.image_buffer import ImageBuffer
from lecture_utils.generative.cyclegan.losses import (
    CYCLE,
    IDENTITY,
    generator_objective,
    least_squares_discriminator,
)
from lecture_utils.ops.checks import check_images, check_number


class Cycle(NamedTuple):
    """Pictures of one domain, translated, and translated back: (B, C, H, W) each."""

    start: Tensor
    there: Tensor
    back: Tensor


class CycleGAN(nn.Module):
    """The two generators, which are what is kept in the end.

    Parameters
    ----------
    to_b, to_a : nn.Module
        Pictures (B, C, H, W) in [0, 1] of the one domain → of the other.

    Raises
    ------
    ValueError
        For what are no modules.
    """

    def __init__(self, to_b: nn.Module, to_a: nn.Module) -> None:
        super().__init__()
        if not (isinstance(to_b, nn.Module) and isinstance(to_a, nn.Module)):
            got = f"{type(to_b).__name__} and {type(to_a).__name__}"
            raise ValueError(f"CycleGAN: got {got}, want two nn.Modules")
        self.to_b, self.to_a = to_b, to_a

    def forward(self, a: Tensor) -> Cycle:
        """From A to B and back."""
        check_images(a)
        there = self.to_b(a)
        return Cycle(a, there, self.to_a(there))

    def from_b(self, b: Tensor) -> Cycle:
        """From B to A and back."""
        check_images(b)
        there = self.to_a(b)
        return Cycle(b, there, self.to_b(there))


class Game:
    """The discriminators and what training needs beside them.

    Parameters
    ----------
    model : CycleGAN
    discriminator_a, discriminator_b : nn.Module
        Pictures (B, C, H, W) → maps of scores (B, 1, h, w).
    rate : float
        Of Adam, for all four; betas 0.5 and 0.999.
    cycle, identity : float
        Weights of these losses.
    buffer : int
        Pictures that each discriminator is shown again; 0 for none.
    seed : int
        Of the buffers.

    Raises
    ------
    ValueError
        For a rate that is not above 0, negative weights, and as `ImageBuffer` does.
    """

    def __init__(
        self,
        model: CycleGAN,
        discriminator_a: nn.Module,
        discriminator_b: nn.Module,
        *,
        rate: float = 2e-4,
        cycle: float = CYCLE,
        identity: float = IDENTITY,
        buffer: int = 50,
        seed: int = 0,
    ) -> None:
        check_number(rate, "rate", 0, above=True)
        check_number(cycle, "cycle", 0)
        check_number(identity, "identity", 0)
        self.model, self.cycle, self.identity = model, cycle, identity
        self.discriminators = nn.ModuleDict({"a": discriminator_a, "b": discriminator_b})
        self.memory = {"a": ImageBuffer(buffer, seed=2 * seed), "b": ImageBuffer(buffer, seed=2 * seed + 1)}
        betas = (0.5, 0.999)
        self.generator_optimizer = torch.optim.Adam(model.parameters(), rate, betas)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminators.parameters(), rate, betas)

    def play(self, a: Tensor, b: Tensor) -> dict[str, float]:
        """One step of the generators, then one of the discriminators, on pictures of each domain.

        Parameters
        ----------
        a, b : Tensor
            (B, C, H, W) in [0, 1]; nothing is made of which stands beside which.

        Returns
        -------
        dict
            The losses before the step: "adversarial", "cycle", "identity", "loss", "discriminator".
        """
        terms, fake_b, fake_a = self.translate(a, b)
        self.discriminators.requires_grad_(False)  # the gradient passes through; their own is not needed
        step(self.generator_optimizer, terms["loss"])
        self.discriminators.requires_grad_(True)

        loss = self.tell_apart("a", a, fake_a) + self.tell_apart("b", b, fake_b)
        step(self.discriminator_optimizer, loss)
        return {name: term.item() for name, term in {**terms, "discriminator": loss}.items()}

    def translate(self, a: Tensor, b: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """The generators' losses, and what they made of B and of A."""
        nets = self.model.to_b, self.model.to_a, self.discriminators["a"], self.discriminators["b"]
        return generator_objective(a, b, *nets, cycle=self.cycle, identity=self.identity)

    def tell_apart(self, domain: str, real: Tensor, fake: Tensor) -> Tensor:
        """The loss of one discriminator on real pictures and on new or old translated ones."""
        discriminator = self.discriminators[domain]
        return least_squares_discriminator(discriminator(real), discriminator(self.memory[domain].swap(fake)))


def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Move one step down the loss."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
