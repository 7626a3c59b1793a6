"""Corner and centre pooling: let a place that shows nothing of the object know what lies beside and below it.

- Corner pooling: H. Law, J. Deng, "CornerNet: Detecting Objects as Paired Keypoints", ECCV 2018, section 3.4.
  The corner of a box mostly lies outside its object. So a top-left corner looks right for the object's top
  edge, and down for its left edge.
- Centre pooling: K. Duan et al., "CenterNet: Keypoint Triplets for Object Detection", ICCV 2019, section 3.3
  (figure 4a). A centre looks along its whole row and its whole column.

Each pool is named, as in the paper, for the edge on which the result gathers: `top_pool` carries the largest
value upwards. Each is a running maximum, so it costs one pass over the map. Where several values are equal,
the gradient goes to one of them.

Shapes: B pictures, C channels, H × W map.
"""

from torch import Tensor

from lecture_utils.ops.checks import check_images, check_tensor


def top_pool(x: Tensor) -> Tensor:
    """Largest value of a column from each cell down to the bottom, (B, C, H, W); ValueError for no maps."""
    check_images(x, maps=True)
    return x.flip(2).cummax(dim=2).values.flip(2)


def bottom_pool(x: Tensor) -> Tensor:
    """Largest value of a column from the top down to each cell, (B, C, H, W); ValueError for no maps."""
    check_images(x, maps=True)
    return x.cummax(dim=2).values


def left_pool(x: Tensor) -> Tensor:
    """Largest value of a row from each cell to the right end, (B, C, H, W); ValueError for no maps."""
    check_images(x, maps=True)
    return x.flip(3).cummax(dim=3).values.flip(3)


def right_pool(x: Tensor) -> Tensor:
    """Largest value of a row from the left end to each cell, (B, C, H, W); ValueError for no maps."""
    check_images(x, maps=True)
    return x.cummax(dim=3).values


def top_left_pool(vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Pool for top-left corners: what is largest below, plus what is largest to the right.

    Parameters
    ----------
    vertical, horizontal : Tensor
        (B, C, H, W): the maps f_t, read downwards, and f_l, read to the right.

    Returns
    -------
    Tensor
        (B, C, H, W).

    Raises
    ------
    ValueError
        For other shapes, or what is not floating point.
    """
    check_pair(vertical, horizontal)
    return top_pool(vertical) + left_pool(horizontal)


def bottom_right_pool(vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Pool for bottom-right corners: what is largest above, plus what is largest to the left.

    Parameters, result and errors as for `top_left_pool`.
    """
    check_pair(vertical, horizontal)
    return bottom_pool(vertical) + right_pool(horizontal)


def centre_pool(vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Pool for centres: the largest value of the whole column, plus the largest of the whole row.

    Parameters, result and errors as for `top_left_pool`.
    """
    check_pair(vertical, horizontal)
    column = bottom_pool(top_pool(vertical))  # the same value all the way down
    row = right_pool(left_pool(horizontal))
    return column + row


def check_pair(vertical: Tensor, horizontal: Tensor) -> None:
    """Raise ValueError unless these are maps (B, C, H, W) of one shape."""
    check_images(vertical, maps=True)
    check_tensor(horizontal, "horizontal", *vertical.shape)
