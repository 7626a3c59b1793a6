"""Self-supervised networks that others trained on photographs: MAE and DINOv2, through `transformers`.

As in `hub.torchvision`, nothing is downloaded by surprise: without the files and without
``COURSE_DOWNLOAD=1`` one line says what to do, and so does one line where `transformers` is not installed.
Shapes: B images, C channels, P patch side, h and w patches along the image's sides, H heads.
"""

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture_utils import runtime
from lecture_utils.hub import cache
from lecture_utils.selfsup.mae import patchify, unpatchify

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # both were trained on ImageNet's usual scale
MEGABYTES = {"facebook/vit-mae-base": 448, "facebook/dinov2-small": 88}


@dataclass(frozen=True)
class Reconstructor:
    """A trained masked auto-encoder: `model` is transformers' `ViTMAEForPreTraining`."""

    model: Any

    def reconstruct(
        self, images: Tensor, *, ratio: float = 0.75, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Hide a random share of each image's patches and fill them in.

        Parameters
        ----------
        images : Tensor (B, 3, H, W)
            In [0, 1]; resized to the model's own size.
        ratio : float
            Share to hide, in [0, 1).

        Returns
        -------
        filled : Tensor (B, 3, side, side)
            Visible patches as they are, hidden ones as predicted, clamped to [0, 1].
        mask : Tensor (B, h · w)
            bool, True where hidden.
        """
        if not 0 <= ratio < 1:
            raise ValueError(f"ratio: got {ratio}, want a share in [0, 1)")
        config = self.model.config
        x = normalised(images, config.image_size)  # (B, 3, side, side)
        rows = patchify(x, config.patch_size)  # (B, h · w, P·P·3)
        noise = torch.rand(rows.shape[:2], generator=generator)
        config.mask_ratio = ratio
        with torch.inference_mode():
            out = self.model(x, noise=noise)
        mask, guess = out.mask.bool(), out.logits
        # Such a model says nothing of a patch's mean and spread: it gets the true ones.
        if config.norm_pix_loss:
            guess = guess * (rows.var(-1, keepdim=True) + 1e-6).sqrt() + rows.mean(-1, keepdim=True)
        filled = torch.where(mask[..., None], guess, rows)
        side = config.image_size
        return to_unit(unpatchify(filled, config.patch_size, side, side)), mask


@dataclass(frozen=True)
class Attender:
    """A trained DINOv2 network: `model` is transformers' `Dinov2Model`."""

    model: Any

    def attention(self, images: Tensor, *, side: int = 224) -> Tensor:
        """Where the class token looks in the last layer.

        Parameters
        ----------
        images : Tensor (B, 3, H, W)
            In [0, 1].
        side : int
            Pixels a side to which they are resized, a multiple of the patch.

        Returns
        -------
        Tensor (B, H, h, w)
            Each head's weights over the patches; with the class token's own they sum to 1.
        """
        patch = self.model.config.patch_size
        if side % patch:
            raise ValueError(f"side: got {side}, want a multiple of the patch side {patch}")
        with torch.inference_mode():
            out = self.model(normalised(images, side), output_attentions=True)
        weights = out.attentions[-1][:, :, 0, 1:]  # (B, H, h · w)
        return weights.reshape(*weights.shape[:2], side // patch, side // patch)

    def features(self, images: Tensor, *, side: int = 224) -> Tensor:
        """The class token of the last layer, (B, D)."""
        with torch.inference_mode():
            return self.model(normalised(images, side)).last_hidden_state[:, 0]


def mae(name: str = "facebook/vit-mae-base") -> Reconstructor | None:
    """Load a masked auto-encoder (He et al. 2022) in evaluation mode.

    Parameters
    ----------
    name : str
        On the hub, or a folder that `save_pretrained` wrote.

    Returns
    -------
    Reconstructor or None
        None when it is not to be had; one printed line says why and what to do.
    """
    model = _load(name, "ViTMAEForPreTraining")
    return None if model is None else Reconstructor(model)


def dinov2(name: str = "facebook/dinov2-small") -> Attender | None:
    """Load a DINOv2 network (Oquab et al. 2024) in evaluation mode; parameters and result as for `mae`."""
    model = _load(name, "Dinov2Model", attn_implementation="eager")  # fused attention keeps no weights
    return None if model is None else Attender(model)


def normalised(images: Tensor, side: int) -> Tensor:
    """Resize images (B, 3, H, W) in [0, 1] to `side` pixels and shift them to ImageNet's mean and spread."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(
            f"images: got {images.dtype} of shape {tuple(images.shape)}, want float (B, 3, H, W)"
        )
    if images.shape[-2:] != (side, side):
        images = F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)
    mean, std = (images.new_tensor(v)[:, None, None] for v in (MEAN, STD))
    return (images - mean) / std


def to_unit(images: Tensor) -> Tensor:
    """Undo `normalised`, clamped to [0, 1]."""
    mean, std = (images.new_tensor(v)[:, None, None] for v in (MEAN, STD))
    return (images * std + mean).clamp(0, 1)


def _load(name: str, kind: str, **options: Any) -> nn.Module | None:
    if importlib.util.find_spec("transformers") is None:
        cache.tell(
            f"{name} needs the package transformers: `pip install transformers`, then run this cell again."
        )
        return None
    folder = name if Path(name).is_dir() else _cached(name)
    if folder is None and not runtime.downloads_allowed():
        cache.not_here(f"The weights of {name}", MEGABYTES.get(name))
        return None
    import transformers

    try:
        with _quiet(transformers):
            model, info = getattr(transformers, kind).from_pretrained(
                folder or name,
                local_files_only=folder is not None,
                output_loading_info=True,
                **options,
            )
        cache.check_finite(model.named_parameters(), Path(folder or name).name)
    except cache.Unfit as problem:
        cache.tell(f"The weights of {name} {problem}.")
        return None
    except Exception as error:  # a damaged file or a broken connection raises many kinds
        where = (
            f"delete {Path(folder).name} from its cache" if folder else "try again when the network is back"
        )
        cache.tell(f"The weights of {name} could not be loaded ({type(error).__name__}): {where}.")
        return None
    if missing := info["missing_keys"]:
        cache.tell(f"The weights of {name} are of another network: {len(missing)} tensors are missing.")
        return None
    return model.eval()


def _cached(name: str) -> str | None:
    """Folder of a model in the hub's cache, without a look at the network."""
    from huggingface_hub import try_to_load_from_cache

    for file in ("model.safetensors", "pytorch_model.bin"):
        weights = try_to_load_from_cache(name, file)
        if isinstance(weights, str) and isinstance(try_to_load_from_cache(name, "config.json"), str):
            return str(Path(weights).parent)
    return None


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep the library's progress bars and reports out of the notebook while it loads."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(logging.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
