"""Concepts of the toy world: for each word about a picture, the pixels that it is true of.

Dissection asks of every word whether a unit of a network has learned it. The words are the stuff of the
background and the class, the colour and the material of an object; the pixels are exact.

Shapes: N scenes, S the image's side in pixels, K = 24 concepts.
"""

import torch
from torch import Tensor

from lecture_utils.data import toyworld

KIND: dict[str, str] = {
    **dict.fromkeys(toyworld.STUFF, "stuff"),
    **dict.fromkeys(toyworld.CLASSES, "class"),
    **dict.fromkeys(toyworld.COLOURS, "colour"),
    **dict.fromkeys(toyworld.MATERIALS, "material"),
}
CONCEPTS = tuple(KIND)  # the order of the masks
FIELDS = ("semantic", "instance", "colour_id", "material_id")  # what `render` must give


def concept_masks(sample: toyworld.Sample) -> Tensor:
    """Where each concept is seen in each picture.

    Parameters
    ----------
    sample : toyworld.Sample
        Rendered with at least `FIELDS`.

    Returns
    -------
    Tensor
        (N, 24, S, S) bool, in the order of `CONCEPTS`. Each pixel has one stuff, or one class, one colour
        (the object's own, not that of its pattern) and one material.

    Raises
    ------
    AttributeError
        If a field was not rendered, with its name.
    ValueError
        For anything but a sample.
    """
    if not isinstance(sample, toyworld.Sample):
        raise ValueError(
            f"sample: got {type(sample).__name__}, want a toyworld.Sample with {', '.join(FIELDS)}"
        )
    semantic = sample.semantic[:, None]  # (N, 1, S, S): stuff, then classes
    kinds = torch.arange(len(toyworld.SEMANTIC), device=semantic.device)[:, None, None]
    parts = [semantic == kinds]  # (N, 12, S, S)
    for ids, words in ((sample.colour_id, toyworld.COLOURS), (sample.material_id, toyworld.MATERIALS)):
        table = torch.cat([torch.full_like(ids[:, :1], -1), ids], dim=1)  # (N, 1 + K): stuff has none
        seen = table.gather(1, sample.instance.flatten(1)).reshape(sample.instance.shape)  # (N, S, S)
        words_at = torch.arange(len(words), device=ids.device)[:, None, None]
        parts.append(seen[:, None] == words_at)
    return torch.cat(parts, dim=1)
