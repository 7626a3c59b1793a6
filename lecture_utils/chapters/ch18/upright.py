"""How a reconstruction is laid over the truth, to be shown upright and judged in metres (S18.2).

`geometry.align.umeyama` takes points over points. Twelve cameras on a short arc hardly say how far the whole
is tilted about the arc, so the turn is taken from how the cameras look, and only scale and place from where
they stand.

Shapes: N cameras.
"""

import torch

from lecture_utils.geometry.align import Similarity
from lecture_utils.ops.camera import Cameras


def lay_over(cameras: Cameras, truth: Cameras) -> Similarity:
    """The similarity that takes N reconstructed cameras nearest to the true ones.

    Parameters
    ----------
    cameras, truth : Cameras
        N of each, in the same order, at two places or more.

    Returns
    -------
    Similarity

    Raises
    ------
    ValueError
        For other numbers of cameras, or cameras that all stand at one place.
    """
    if len(cameras) != len(truth) or len(cameras) < 2:
        raise ValueError(f"cameras: got {len(cameras)} and {len(truth)}, want as many of both, two or more")
    own, true = cameras.to(torch.float64), truth.to(torch.float64)
    u, _, vh = torch.linalg.svd((true.rotation.mT @ own.rotation).sum(dim=0))
    turn = u @ torch.diag(torch.tensor([1.0, 1.0, torch.linalg.det(u @ vh).sign()]).to(u)) @ vh
    x = own.centre - own.centre.mean(0)
    y = true.centre - true.centre.mean(0)
    if not bool(x.norm(dim=1).max() > 1e-9):
        raise ValueError("cameras: got all at one place, want two or more places")
    x = x @ turn.mT
    scale = (x * y).sum() / (x**2).sum()
    return Similarity(scale, turn, true.centre.mean(0) - scale * turn @ own.centre.mean(0))
