"""Random numbers as a pure function of their address: counter-based hashing, no generator with a state.

Scene i's numbers do not depend on how many scenes are drawn, on other draws, or on the machine. The mixing
function is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014).
"""

import zlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(x: np.ndarray) -> np.ndarray:
    """Scramble 64-bit integers so that neighbouring inputs give unrelated outputs.

    Parameters
    ----------
    x : ndarray of uint64
        Of any shape, at least one axis.

    Returns
    -------
    ndarray of uint64, of the same shape
    """
    x = x + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def scene_keys(seed: int, stream: int, n: int) -> np.ndarray:
    """Give each of a seed's scenes 0..n-1 its own 64-bit key, (n,); `stream` keeps the splits apart."""
    start = mix(mix(np.array([seed], dtype=np.uint64)) + np.uint64(stream))
    return mix(start + np.arange(n, dtype=np.uint64) * _GOLDEN)


def uniform(keys: np.ndarray, name: str, *shape: int) -> np.ndarray:
    """Draw numbers in [0, 1) that depend only on the key, the name and the place in `shape`.

    Parameters
    ----------
    keys : (N,) uint64
    name : str
        What the number is for.
    shape : int
        Further axes.

    Returns
    -------
    (N, *shape) float64
    """
    address = mix(np.array([zlib.crc32(name.encode())], dtype=np.uint64))
    place = np.zeros((1, *shape), dtype=np.uint64)
    for axis, length in enumerate(shape, start=1):
        index = np.arange(length, dtype=np.uint64).reshape(
            [-1 if a == axis else 1 for a in range(len(shape) + 1)]
        )
        place = mix(place + index + np.uint64(axis))
    keys = keys.reshape(-1, *[1] * len(shape))
    return (mix(keys ^ mix(place + address)) >> np.uint64(11)) * (1.0 / (1 << 53))


def between(keys: np.ndarray, name: str, span: tuple[float, float], *shape: int) -> np.ndarray:
    """Draw numbers evenly from a range.

    Parameters
    ----------
    keys : (N,) uint64
    name : str
        What the number is for.
    span : (low, high)
    shape : int
        Further axes.

    Returns
    -------
    (N, *shape) float64
    """
    return span[0] + (span[1] - span[0]) * uniform(keys, name, *shape)


def pick(u: np.ndarray, options: np.ndarray) -> np.ndarray:
    """Turn numbers in [0, 1) of any shape into one of the options (M,) each, evenly."""
    return options[(u * len(options)).astype(int)]
