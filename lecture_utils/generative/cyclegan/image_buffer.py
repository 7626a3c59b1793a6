"""The image buffer of CycleGAN: the discriminator also sees what the generator made a while ago (S15.6).

A. Shrivastava, T. Pfister, O. Tuzel, J. Susskind, W. Wang, R. Webb, "Learning from Simulated and Unsupervised
Images through Adversarial Training", CVPR 2017, section 2.3; with 50 pictures in J.-Y. Zhu et al., ICCV 2017,
section 4. Without it the discriminator may forget a trick that the generator has dropped, and the generator
may take it up again: the two run in circles. As in the authors' code, each new picture is shown itself or,
half the time, put into the buffer in exchange for an old one.

Shapes: B batch, N pictures kept, C × H × W picture.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_images, check_whole


class ImageBuffer:
    """Up to `size` pictures that were made earlier.

    Parameters
    ----------
    size : int
        How many are kept, 50 in the paper; 0 keeps none, and `swap` gives back what it is given.
    seed : int
        Of the draws.

    Raises
    ------
    ValueError
        For a negative size or seed; from `swap`, for no batch of pictures, or others than are kept.
    """

    def __init__(self, size: int = 50, *, seed: int = 0) -> None:
        self.size = check_whole(size, "size", 0)
        self.kept: list[Tensor] = []  # (C, H, W) each
        self.generator = torch.Generator().manual_seed(check_whole(seed, "seed", 0))

    def __len__(self) -> int:
        return len(self.kept)

    def swap(self, images: Tensor) -> Tensor:  # (B, C, H, W)
        """Put new pictures in, and give back as many to show to the discriminator.

        While the buffer fills, a picture is kept and shown. Then each is, with even chances, shown and not
        kept, or kept in the place of an old one that is shown for the last time. Nothing has a graph.
        """
        check_images(images)
        if self.kept and self.kept[0].shape != images.shape[1:]:
            got = f"pictures {tuple(images.shape[1:])}, {tuple(self.kept[0].shape)} are kept"
            raise ValueError(f"images: got {got}, want the same shape")
        shown = []
        for image in images.detach():
            if len(self.kept) < self.size:
                self.kept.append(image.clone())
            elif self.size and torch.rand((), generator=self.generator) < 0.5:
                place = int(torch.randint(self.size, (), generator=self.generator))
                self.kept[place], image = image.clone(), self.kept[place]
            shown.append(image)
        return torch.stack(shown)  # (B, C, H, W)
