"""Random panoptic maps for the tests of panoptic quality, most of them in a bad state."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lecture_utils.segmentation.panoptic_codes import CODES, VOID

CLASSES, THINGS = 5, (2, 3, 4)  # 0 and 1 are stuff


def random_map(made: torch.Generator, size: tuple[int, ...], segments: int, void: float = 0.0) -> Tensor:
    """Rectangles of random codes over stuff; a share `void` of the rectangles is void."""
    codes = torch.full(size, int(torch.randint(2, (), generator=made)) * CODES)
    for _ in range(segments):
        spans = [sorted(torch.randint(0, n + 1, (2,), generator=made).tolist()) for n in size]
        where = tuple(slice(low, high) for low, high in spans)
        class_ = int(torch.randint(CLASSES, (), generator=made))
        number = int(torch.randint(1, 4, (), generator=made))
        codes[where] = class_ * CODES + number
        if torch.rand((), generator=made) < void:
            codes[where] = VOID
    return codes


def disturbed(codes: Tensor, made: torch.Generator, share: float) -> Tensor:
    """A map of which a share of the codes has become another, so that some segments still match."""
    out = codes.roll(int(torch.randint(-1, 2, (), generator=made)), dims=-1).clone()
    for code in codes.unique().tolist():
        if torch.rand((), generator=made) < share and code != VOID:
            out[out == code] = int(torch.randint(CLASSES, (), generator=made)) * CODES + 7
    return out


def pairs(n: int, *, void: float = 0.0, found_void: float = 0.0) -> Iterator[tuple[Tensor, Tensor]]:
    """Found and true maps: alike, disturbed, strangers, of a few pixels, or of one segment."""
    made = torch.Generator().manual_seed(0)
    for i in range(n):
        size = ((8, 9), (3, 2), (1, 1), (12, 7))[i % 4]
        truth = random_map(made, size, segments=i % 7, void=void)
        kind = i // 4 % 4
        if kind == 0:
            found = truth.clone()
        elif kind < 3:
            found = disturbed(truth, made, share=0.3)
        else:
            found = random_map(made, size, segments=i % 5)
        if found_void:
            found[torch.rand(size, generator=made) < found_void] = VOID
        else:
            found[found == VOID] = 2 * CODES + 9
        yield found, truth
