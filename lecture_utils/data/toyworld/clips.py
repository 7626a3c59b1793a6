"""Clips of the toy world: the parameters of one scene over several frames.

Each object keeps its place in the lists: that is its identity over the whole clip. Objects move over the
ground and turn, the camera is carried sideways; light and sky stay as they are.

Legend: V clips, T frames, K places for objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.checks import check_integer
from lecture_utils.data.toyworld.sampling import Ground, Light, Objects, sample_scenes
from lecture_utils.data.toyworld.sampling.motion import Motion, draw_motion
from lecture_utils.data.toyworld.scene import Scenes

# Two to four objects, 10 to 36 of 64 pixels wide.
CLIP_OBJECTS = Objects(count=(2, 4), size=(0.36, 0.52), distance=(2.6, 5.0))
CLIP_MOTION, CLIP_GROUND, CLIP_LIGHT = Motion(), Ground(), Light()


@dataclass(frozen=True, eq=False)
class Clips:
    """Parameters of V clips; index it or slice it.

    Attributes
    ----------
    scenes : Scenes
        V·T scenes, a clip's frames one after another. Ground and shore are as the first frame has them: use
        `render_clips`, which moves them with the camera.
    camera : (V, T) float64, metres to the right of where the camera was in frame 0.
    """

    scenes: Scenes
    camera: Tensor

    def __len__(self) -> int:
        return len(self.camera)

    @property
    def frames(self) -> int:
        """T."""
        return self.camera.shape[1]

    def __getitem__(self, index: int | slice | Sequence[int]) -> "Clips":
        """Pick clips; an int gives one clip."""
        if isinstance(index, int):
            if not -len(self) <= index < len(self):
                raise IndexError(f"clip: got number {index}, want 0 to {len(self) - 1}")
            index = [index % len(self)]
        chosen = torch.arange(len(self))[index]
        rows = (chosen[:, None] * self.frames + torch.arange(self.frames)).flatten()
        device = self.camera.device
        return Clips(self.scenes[rows.to(device)], self.camera[chosen.to(device)])


def sample_clips(
    n: int,
    frames: int = 8,
    *,
    seed: int = 0,
    split: str = "train",
    ground: Ground = CLIP_GROUND,
    light: Light = CLIP_LIGHT,
    objects: Objects = CLIP_OBJECTS,
    motion: Motion = CLIP_MOTION,
) -> Clips:
    """Draw n clips; frame t of clip i of a seed and split is the same whatever n and the number of frames.

    Frame 0 of clip i is scene i that `sample_scenes` draws with the same settings.

    Parameters
    ----------
    n : int
        Number of clips, 0 or more.
    frames : int
        T, 1 to 1000.
    seed, split, ground, light, objects
        As in `sample_scenes`; different splits of one seed share no clip.
    motion : Motion
        How things may move.

    Returns
    -------
    Clips
        On the CPU.

    Raises
    ------
    ValueError
        On anything out of range or of another type.
    """
    check_integer("frames", frames, 1, 1000)
    if not isinstance(motion, Motion):
        raise ValueError(f"motion: got {motion!r}, want Motion(…)")
    first = sample_scenes(n, seed=seed, split=split, ground=ground, light=light, objects=objects)
    start = {
        name: getattr(first, name).numpy().astype(float)
        for name in ("horizon", "radius", "turn", "depth", "centre")
    }
    start["class_id"] = first.class_id.numpy()
    paths = draw_motion(first.key.numpy().view(np.uint64), start, frames, motion, objects)
    repeated = Scenes(**{f.name: getattr(first, f.name).repeat_interleave(frames, 0) for f in fields(Scenes)})
    camera = torch.from_numpy(paths.pop("camera"))
    return Clips(repeated.moved(**{k: torch.from_numpy(p).flatten(0, 1) for k, p in paths.items()}), camera)
