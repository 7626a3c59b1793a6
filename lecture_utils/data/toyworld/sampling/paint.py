"""Paint: the exact colour of each object, and the pattern on it."""

import numpy as np

from lecture_utils.data.toyworld.hashing import between, uniform
from lecture_utils.data.toyworld.names import COLOUR_RGB

_CREAM = np.array([0.98, 0.95, 0.88])


def draw_paint(key: np.ndarray, colour_id: np.ndarray) -> dict[str, np.ndarray]:
    """Jitter the named colours a little, and mix each pattern's colour from it: cream or a deep shade.

    Parameters
    ----------
    key : (N,) uint64
        The scenes' keys.
    colour_id : (N, K) int64
        Index into COLOURS.

    Returns
    -------
    dict
        `Scenes`' fields rgb, second and pattern, (N, K, 3) float64.
    """
    places = colour_id.shape[1]
    value = 1 + 0.10 * (2 * uniform(key, "value", places)[..., None] - 1)
    rgb = np.clip(COLOUR_RGB[colour_id] * value + 0.03 * (2 * uniform(key, "jitter", places, 3) - 1), 0, 1)
    light = (uniform(key, "pattern tone", places) < 0.65)[..., None]
    pattern = [
        between(key, "pattern angle", (-1.2, 1.2), places),
        between(key, "pattern period", (0.46, 0.62), places),
        uniform(key, "pattern phase", places),
    ]
    return {
        "rgb": rgb,
        "second": np.where(light, 0.18 * rgb + 0.82 * _CREAM, 0.45 * rgb),
        "pattern": np.stack(pattern, axis=2),
    }
