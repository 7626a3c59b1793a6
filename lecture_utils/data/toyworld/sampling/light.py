"""The light: where it comes from, how bright and how warm it is."""

from dataclasses import dataclass

import numpy as np

from lecture_utils.data.toyworld.checks import Range, check_range
from lecture_utils.data.toyworld.hashing import between


@dataclass(frozen=True)
class Light:
    """What the light may be; each setting is a range (low, high) from which a scene's is drawn evenly.

    Parameters
    ----------
    brightness : (float, float)
        Exposure, within [0, 4]; 1 is a normal day.
    azimuth : (float, float)
        Degrees, within [-85, 85]: 0 is behind the camera, right is positive.
    elevation : (float, float)
        Degrees above the horizon, within [5, 85].
    warmth : (float, float)
        Colour of the light, cool to warm, within [-1, 1].

    Raises
    ------
    ValueError
        On a range that is turned round or leaves its bounds.
    """

    brightness: Range = (0.8, 1.2)
    azimuth: Range = (-60.0, 60.0)
    elevation: Range = (30.0, 60.0)
    warmth: Range = (-1.0, 1.0)

    def __post_init__(self) -> None:
        check_range("Light.brightness", self.brightness, 0.0, 4.0)
        check_range("Light.azimuth", self.azimuth, -85.0, 85.0)
        check_range("Light.elevation", self.elevation, 5.0, 85.0)
        check_range("Light.warmth", self.warmth, -1.0, 1.0)


def draw_light(key: np.ndarray, light: Light) -> dict[str, np.ndarray]:
    """Draw the light of N scenes.

    Parameters
    ----------
    key : (N,) uint64
        The scenes' keys.
    light : Light

    Returns
    -------
    dict
        `Scenes`' fields light (N, 3), brightness (N,) and warmth (N,), float64.
    """
    azimuth = np.radians(between(key, "azimuth", light.azimuth))
    elevation = np.radians(between(key, "elevation", light.elevation))
    towards = [
        np.sin(azimuth) * np.cos(elevation),
        -np.sin(elevation),
        -np.cos(azimuth) * np.cos(elevation),
    ]
    return {
        "light": np.stack(towards, axis=1),
        "brightness": between(key, "brightness", light.brightness),
        "warmth": between(key, "warmth", light.warmth),
    }
