"""Chapter 14: small parts made of random numbers, for the inputs on which exercises are tried."""

from torch import Tensor

from lecture_utils.exercises.draws import Given

__all__ = ["Table"]


class Table(Given):
    """Token ids -> their rows (V, D), for an embedding."""

    def forward(self, ids: Tensor) -> Tensor:
        """Return (…, D)."""
        return self.numbers[ids]
