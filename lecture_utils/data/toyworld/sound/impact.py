"""What is heard when a toy object is struck: a sum of damped sinusoids, carried through a small room.

K. van den Doel and D. K. Pai, "The sounds of physical shapes", Presence 7(4), 1998: a struck body sounds as
y(t) = Σₖ aₖ exp(-dₖ t) sin(2π fₖ t). The modes fₖ follow class, size and material, the decays dₖ the material
(`modes`), the amplitudes aₖ where it was struck (the scene's key). Distance and room: `room`. Colour is not
heard.

Simplified: the blow is a click (all modes start at once), a body radiates alike in all directions.

Legend: N scenes, M modes, W paths through the room, T samples.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.hashing import between
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.data.toyworld.sound import modes, room
from lecture_utils.ops.checks import check_number

RATE = 16_000  # samples a second
LOUD = 0.5  # greatest sum of the amplitudes, at one metre
BLOCK = 64  # samples; see `ringing`
PART = 64  # scenes at a time
MOST = 0.45 * RATE  # modes above it, in Hz, are left out: no sample rate can hold them


@dataclass(frozen=True, eq=False)
class Modes:
    """Modes of N struck objects: frequency in Hz, decay in 1/s, amplitude at one metre; (N, M) float64."""

    frequency: np.ndarray
    decay: np.ndarray
    amplitude: np.ndarray


def struck(scenes: Scenes) -> Modes:
    """Return the modes of each scene's first object when it is struck at the point that its key tells.

    Raises
    ------
    ValueError
        If a scene has no first object, or one so small that all its modes are too high.
    """
    check_struck(scenes)
    class_id, material_id = (x[:, 0].cpu().numpy() for x in (scenes.class_id, scenes.material_id))
    frequency = modes.frequencies(class_id, material_id, size_m(scenes))
    strength = between(keys(scenes), "strike", (0.35, 1.0), modes.MODES)
    strength = strength / np.sqrt(modes.RATIOS[class_id]) * (frequency < MOST)
    if not strength.any(axis=1).all():
        raise ValueError(
            f"size: got {size_m(scenes).min():.2g} m, want an object with a mode below {MOST:g} Hz"
        )
    amplitude = LOUD * strength / strength.sum(axis=1, keepdims=True)
    return Modes(frequency, modes.decays(frequency, material_id), amplitude)


def impact(scenes: Scenes, seconds: float = 0.5, *, reverberant: bool = True) -> Tensor:
    """Return what the camera's microphone hears when each scene's first object is struck at time 0.

    Parameters
    ----------
    scenes : Scenes
        N of them.
    seconds : float
        Above 0, up to 60.
    reverberant : bool
        False leaves out the room: direct sound only, exact to rounding.

    Returns
    -------
    Tensor
        (N, T) float32, T = seconds × 16,000, cut off at -1 and 1 as a microphone does;
        nothing before the sound arrives (r / 343 s).

    Raises
    ------
    ValueError
        If a scene has no first object, or for other lengths.
    """
    check_struck(scenes)
    samples = round(check_number(seconds, "seconds", 0, 60, above=True) * RATE)
    if samples < 1:
        raise ValueError(f"seconds: got {seconds}, want at least one sample of 1/{RATE} s")
    parts = [scenes[i : i + PART] for i in range(0, len(scenes), PART)]
    return torch.cat([_heard(part, samples, reverberant) for part in parts] or [torch.zeros(0, samples)])


def _heard(scenes: Scenes, samples: int, reverberant: bool) -> Tensor:
    """The sounds of so few scenes that they fit a processor's cache, (N, T)."""
    own, place = struck(scenes), source(scenes)
    around = room.draw_room(keys(scenes), place)
    paths = around.distance.shape[1] if reverberant else 1
    heard = torch.zeros(len(scenes), samples)
    for w in range(paths):
        level = torch.from_numpy(around.gain[:, w] / around.distance[:, w]).float()[:, None]
        heard += level * ringing(own, samples, delay=around.distance[:, w] / room.SPEED)
    if reverberant:
        click = torch.from_numpy(room.tail(keys(scenes), around, samples, RATE))
        heard = heard + convolved(ringing(own, samples), click)
    return heard.clamp(-1, 1)


def ringing(own: Modes, samples: int, delay: np.ndarray | float = 0.0) -> Tensor:
    """Return the sum of the modes, (N, T) float32, silent until `delay` (N,) seconds (any number).

    With zₖ = exp(-dₖ / rate + 2πi fₖ / rate), sample 64 a + b is Im Σₖ aₖ zₖ^(64 a) zₖ^b: a product of two
    small matrices for each sound, instead of an exponential for each sample.
    """
    log_z = (-own.decay + 2j * np.pi * own.frequency)[..., None]  # (N, M, 1), per second
    late = np.broadcast_to(delay, len(own.decay))[:, None, None]
    blocks = -(-samples // BLOCK)
    starts = own.amplitude[..., None] * np.exp(log_z * (np.arange(blocks) * BLOCK / RATE))  # (N, M, A)
    within = np.exp(log_z * (np.arange(BLOCK) / RATE - late))  # (N, M, B)
    left = torch.from_numpy(np.concatenate([starts.imag, starts.real], axis=1)).float()
    right = torch.from_numpy(np.concatenate([within.real, within.imag], axis=1)).float()
    out = (left.mT @ right).flatten(1)[:, :samples]  # (N, T)
    return out * (torch.arange(samples)[None] >= torch.from_numpy(late[:, :, 0] * RATE))


def convolved(sound: Tensor, response: Tensor) -> Tensor:
    """Convolve each row with the response of its room, (N, T), by the Fourier transform."""
    length = 2 * sound.shape[1]
    spectrum = torch.fft.rfft(sound, length) * torch.fft.rfft(response, length)
    return torch.fft.irfft(spectrum, length)[:, : sound.shape[1]]


def source(scenes: Scenes) -> np.ndarray:
    """Return where each scene's first object is, (N, 3) metres in the camera's frame."""
    centre = scenes.centre[:, 0].cpu().double().numpy()
    depth = scenes.depth[:, 0].cpu().double().numpy()
    across, down = centre[:, 0] - 0.5, centre[:, 1] - scenes.horizon.cpu().double().numpy()
    return np.stack([across * depth, down * depth, depth], axis=1)


def size_m(scenes: Scenes) -> np.ndarray:
    """Return how many metres one shape unit of each scene's first object is, (N,)."""
    return (scenes.radius[:, 0] * scenes.depth[:, 0]).cpu().double().numpy()


def keys(scenes: Scenes) -> np.ndarray:
    """Return the scenes' hash keys, (N,) uint64."""
    return scenes.key.cpu().numpy().view(np.uint64)


def check_struck(scenes: Scenes) -> None:
    """Raise ValueError unless every scene has a first object."""
    if not isinstance(scenes, Scenes):
        raise ValueError(f"scenes: got {type(scenes).__name__}, want Scenes, as of sample_scenes")
    if not scenes.places or not bool(scenes.present[:, 0].all()):
        raise ValueError("scenes: got one without an object, want a first object in each")
