"""Receptive fields: which input pixels can one output value see? By arithmetic, and by asking autograd.

The recursion is that of A. Araujo, W. Norris, J. Sim, "Computing Receptive Fields of Convolutional Neural
Networks", Distill, 2019. The effective field, which pixels *matter*, is smaller: W. Luo, Y. Li, R. Urtasun,
R. Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", NeurIPS 2016.

Simplified: one square kernel size, stride, padding and dilation for both axes; one chain of layers.

Units: input pixels. Pixel i covers the coordinate i, so the first one has its centre at 0.
"""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_sizes, check_wholes

# Layers that move pixels in another way than `receptive_field` reckons.
OTHERS = (
    nn.Conv1d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Fold, nn.LPPool2d,
    nn.FractionalMaxPool2d, nn.MaxUnpool2d, nn.PixelShuffle, nn.PixelUnshuffle, nn.Unfold, nn.Upsample,
    nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.ConstantPad2d, nn.CircularPad2d,
    nn.MultiheadAttention,
)  # fmt: skip


class Layer(NamedTuple):
    """A convolution or a pool, as far as its geometry goes."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    name: str = ""


class Field(NamedTuple):
    """What a layer's outputs see: `size` pixels each, `jump` pixels apart, the first centred on `start`."""

    name: str
    size: int
    jump: int
    start: float


def receptive_field(layers: list[Layer]) -> list[Field]:
    """Receptive field after each layer of a chain, along one axis.

    A layer with k taps, d apart, reaches d·(k − 1) of its own inputs further. Those inputs lie `jump` pixels
    apart, so the field grows by d·(k − 1)·jump; a stride then multiplies the jump for all that follow. In
    particular a P-pool after a K-convolution (stride 1) sees P + K − 1 pixels.

    Parameters
    ----------
    layers : list of Layer
        From the input up.

    Returns
    -------
    list of Field
        One for each layer. Output u of a layer sees the pixels from start + u·jump − (size − 1)/2 on, `size`
        of them; some may lie in the padding.

    Raises
    ------
    ValueError
        For a kernel, stride or dilation below 1, or a negative padding.
    """
    fields, size, jump, start = [], 1, 1, 0.0
    for layer in layers:
        if not all(isinstance(number, int) for number in layer[:4]):
            raise ValueError(f"got {layer}, want whole numbers")
        if min(layer.kernel, layer.stride, layer.dilation) < 1 or layer.padding < 0:
            raise ValueError(f"got {layer}, want kernel, stride, dilation ≥ 1 and padding ≥ 0")
        reach = layer.dilation * (layer.kernel - 1)  # in inputs of this layer
        size += reach * jump
        start += (reach / 2 - layer.padding) * jump
        jump *= layer.stride
        fields.append(Field(layer.name, size, jump, start))
    return fields


def layers_of(module: nn.Module) -> list[Layer]:
    """The convolutions and pools of a network in the order of registration, for `receptive_field`.

    Shortcuts (submodules named `shortcut` or `downsample`) are left out: they see less than the path beside
    them. The list ends at the first global layer (adaptive pool, flatten, linear), from where everything is
    seen.

    Raises
    ------
    ValueError
        For a layer that is neither a convolution nor a pool but moves pixels (a transposed convolution,
        up-sampling, convolutions along one or three axes), a setting that differs between the two axes, or
        padding given by name.
    """
    layers = []
    for name, part in module.named_modules():
        if isinstance(part, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d | nn.Flatten | nn.Linear):
            break
        if any(step in ("shortcut", "downsample") for step in name.split(".")):
            continue
        if isinstance(part, OTHERS):
            raise ValueError(
                f"layers: got {type(part).__name__} {name!r}, want Conv2d, MaxPool2d or AvgPool2d"
            )
        if not isinstance(part, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            continue
        dilation = getattr(part, "dilation", 1)  # an average pool has none
        k, s, p, d = (as_one(v) for v in (part.kernel_size, part.stride, part.padding, dilation))
        layers.append(Layer(k, s, p, d, name=f"{type(part).__name__} {name}".strip()))
    return layers


def as_one(setting: int | tuple[int, ...] | str) -> int:
    """3 from 3 or from (3, 3); ValueError for anything else."""
    if isinstance(setting, tuple) and len(set(setting)) == 1:
        return setting[0]
    if not isinstance(setting, int):
        raise ValueError(f"layer: got the setting {setting!r}, want one integer for both axes")
    return setting


def empirical_receptive_field(module: nn.Module, in_shape: tuple[int, int, int]) -> tuple[int, int]:
    """Height and width of the middle output's receptive field, measured: a box around `gradient_support`.

    Parameters and errors are those of `gradient_support`.
    """
    support = gradient_support(module, in_shape)  # (H, W)
    rows, columns = support.any(dim=1).nonzero(), support.any(dim=0).nonzero()
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


def gradient_support(
    module: nn.Module, in_shape: tuple[int, int, int], unit: tuple[int, int] | None = None
) -> Tensor:
    """Ask autograd which pixels one output place depends on.

    A network's own gradient is zero where a ReLU is off or another input won the maximum, and may cancel. So
    the question is put to `positive_twin(module)`, in which nothing switches off and nothing cancels.

    Parameters
    ----------
    module : nn.Module
        Maps (1, C, H, W) to (1, C', h, w). It is copied, not changed.
    in_shape : tuple of int
        (C, H, W). Large enough for the field to lie inside; else the image border cuts it off.
    unit : tuple of int, optional
        Row and column of the output place; the middle one when omitted.

    Returns
    -------
    Tensor
        (H, W) bool, on the CPU: True where the output place has a gradient.

    Raises
    ------
    ValueError
        When the module's output is not a map, or the unit lies outside it.
    """
    if len(in_shape) != 3:
        raise ValueError(f"in_shape: got {in_shape}, want (C, H, W)")
    check_sizes("in_shape", channels=in_shape[0], height=in_shape[1], width=in_shape[2])
    x = torch.ones(1, *in_shape, dtype=torch.float64, requires_grad=True)  # (1, C, H, W)
    out = positive_twin(module)(x * 1)  # (1, C', h, w)
    if out.ndim != 4:
        raise ValueError(
            f"module: got output shape {tuple(out.shape)}, want a map (1, C', h, w); leave the head off"
        )
    if unit is not None:
        check_wholes(unit, "unit", 2, 0)
    i, j = (out.shape[2] // 2, out.shape[3] // 2) if unit is None else unit
    if not (0 <= i < out.shape[2] and 0 <= j < out.shape[3]):
        raise ValueError(
            f"unit: got ({i}, {j}), want a place inside the {out.shape[2]} × {out.shape[3]} output"
        )
    (gradient,) = torch.autograd.grad(out[0, :, i, j].sum(), x)
    return gradient[0].sum(dim=0) > 0  # (H, W)


def positive_twin(module: nn.Module) -> nn.Module:
    """A copy with the same geometry whose gradient is positive wherever there is a path.

    Every filter becomes the average over its taps, biases go, maxima become averages, and normalisation,
    which mixes no neighbouring positions once it uses stored statistics, becomes the identity. float64 keeps
    the far corners of deep networks above zero.
    """
    twin = nn.Sequential(copy.deepcopy(module)).to("cpu", torch.float64).eval()
    for parent in list(twin.modules()):
        for name, part in parent.named_children():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.constant_(part.weight, 1 / part.weight[0].numel())
                part.bias = None
            elif isinstance(part, nn.MaxPool2d):
                if part.dilation not in (1, (1, 1)):
                    raise ValueError(f"max-pool: got dilation {part.dilation}, want 1")
                setattr(
                    parent, name, nn.AvgPool2d(part.kernel_size, part.stride, part.padding, part.ceil_mode)
                )
            elif "Norm" in type(part).__name__:
                setattr(parent, name, nn.Identity())
    return twin
