"""Kernel painter: write a 3×3 or 5×5 kernel by hand and see at once what it makes of a photograph.

One channel in, one channel out, stride 1, zeros around the border: the smallest convolution there is. The
numbers are not flipped, as in every deep-learning library (strictly a cross-correlation).
"""

import numpy as np
import torch
from matplotlib.figure import Figure

from lecture_utils.widgets.controls import Choice, Matrix
from lecture_utils.widgets.layouts import grey_photograph
from lecture_utils.widgets.widget import Widget

PRESETS = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "box blur": np.full((3, 3), 1 / 9),
    "Gaussian": np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256,
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "Sobel x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "Sobel y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "Laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
}
TOUR = (
    (
        "Sobel x",
        "Sobel x: right minus left finds vertical edges. Sum 0, so flat regions give exactly 0 (white).",
    ),
    ("Sobel y", "Sobel y: below minus above finds horizontal edges. Sum 0."),
    (
        "Laplacian",
        "Laplacian: the neighbours minus four times the middle answers to edges of any direction. Sum 0.",
    ),
    (
        "box blur",
        "Box blur: each pixel becomes the mean of its 3×3 neighbourhood. Sum 1, so the brightness stays.",
    ),
    ("Gaussian", "Gaussian: a 5×5 mean that trusts near pixels more; smoother than the box. Sum 1."),
    ("sharpen", "Sharpen: the pixel plus its difference from its neighbours. Sum 1, with negative weights."),
    (
        "emboss",
        "Emboss: a diagonal difference plus the pixel itself looks like a relief lit from one side. Sum 1.",
    ),
    ("identity", "Identity: a single 1 in the middle copies every pixel. Sum 1."),
)


def paint(kernel: np.ndarray, photograph: str = "astronaut") -> Figure:
    """Convolve a photograph with a kernel, and draw photograph, kernel and result side by side.

    Parameters
    ----------
    kernel : ndarray (5, 5) or (3, 3)
        A ring of zeros around a 5×5 kernel is left off.
    photograph : str
        A name in `lecture_utils.data.photographs`.

    Returns
    -------
    Figure
        The result is drawn in grey, 0 to 1; where the kernel's sum is 0, in blue, white and red for below,
        at and above 0.
    """
    from lecture_utils.ops.convolution import conv2d
    from lecture_utils.widgets.layouts import draw_kernel, three_panels

    image = grey_photograph(photograph)  # (1, 1, H, W)
    table = np.asarray(kernel, dtype=np.float32)
    if table.shape == (5, 5) and np.count_nonzero(table) == np.count_nonzero(table[1:4, 1:4]):
        table = table[1:4, 1:4]  # (3, 3)
    weight = torch.from_numpy(table.copy())[None, None]  # (1, 1, k, k)
    result = conv2d(image, weight, padding=len(table) // 2)  # (1, 1, H, W)

    fig, (left, middle, right) = three_panels()
    left.imshow(image[0, 0].numpy(), cmap="gray", vmin=0, vmax=1)
    left.set_title("photograph, 0 to 1")
    draw_kernel(middle, table)
    middle.set_title(f"kernel, sum {table.sum():.3g}".replace("-", "−"))
    low, high = result.min().item(), result.max().item()
    signed = abs(float(table.sum())) < 1e-6
    limit = max(-low, high, 1e-6)
    if signed:
        right.imshow(result[0, 0].numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
    else:
        right.imshow(result[0, 0].numpy(), cmap="gray", vmin=0, vmax=1)
    right.set_title(f"result, {low:.2f} to {high:.2f}".replace("-", "−"))
    return fig


def kernel_painter() -> Widget:
    """Make the kernel painter: a 5×5 matrix with presets, and a choice of photograph.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Kernel painter",
        compute=paint,
        controls={
            "kernel": Matrix(5, 5, presets=PRESETS, label="kernel"),
            "photograph": Choice(["astronaut", "cat", "coffee"], label="photograph"),
        },
        tour=[(caption, {"kernel": name}) for name, caption in TOUR],
        trivial={"kernel": "identity"},
        alt="A grey photograph, a small kernel with its weights, and the photograph convolved with it.",
    )
