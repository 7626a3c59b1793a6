"""Which frames can be trusted: layers against refined masks; part of MultiPly (S20.6).

Jiang et al., "MultiPly", CVPR 2024, section 3.4: a wrong pose, learned from, spoils the person for all
frames. So a frame updates shape and appearance only where its pose can be relied on, and the measure of this
is how well the layers' masks, which the pose makes, agree with the refined ones, which the picture has
corrected. The rule is that of the authors' code: the mean IoU over people, and the worse half of the frames
is not reliable.

Shapes: F frames, P people, H and W height and width.
"""

from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor


def mask_agreement(layers: Tensor, refined: Tensor) -> Tensor:
    """Return the IoU of each person's two masks in each frame, (F, P) in [0, 1].

    Where neither shows the person it is 0: nothing to agree on is no evidence for a pose.

    Parameters
    ----------
    layers, refined : Tensor
        (F, P, H, W) in [0, 1]; from 0.5 on a pixel counts.
    """
    check_tensor(layers, "layers", "F", "P", "H", "W", finite=True)
    check_tensor(refined, "refined", *layers.shape, finite=True)
    a, b = layers >= 0.5, refined >= 0.5
    both, either = (a & b).sum(dim=(2, 3)), (a | b).sum(dim=(2, 3))
    return both / either.clamp_min(1)


def reliable_frames(agreement: Tensor, *, unreliable: float = 0.5) -> Tensor:
    """Say which frames update shape and appearance, (F,) bool; one at least.

    Parameters
    ----------
    agreement : Tensor
        (F, P), of `mask_agreement`.
    unreliable : float
        The share of the frames that update their poses alone, in [0, 1); equals of the last reliable one are
        reliable too.
    """
    check_tensor(agreement, "agreement", "F", "P", finite=True, some=True)
    check_number(unreliable, "unreliable", 0, 1 - 1e-9)
    confidence = agreement.mean(dim=1)  # (F,)
    return confidence >= confidence.sort().values[int(unreliable * len(confidence))]
