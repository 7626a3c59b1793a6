"""Which precision to compute in: half types are too coarse for sums, and some devices know no double."""

from torch import Tensor

NO_DOUBLE = ("mps",)  # types of device without float64: Apple's graphics processors


def precise(x: Tensor) -> Tensor:
    """Return `x` in double precision, in single where its device has no double."""
    return x.float() if x.device.type in NO_DOUBLE else x.double()


def at_least_single(x: Tensor) -> Tensor:
    """Return half precision as float32 and all else as it is: many operations have no half, or overflow."""
    return x.float() if x.is_floating_point() and x.element_size() < 4 else x
