"""How the toy objects ring: the frequencies, strengths and decays of their modes.

Each class rings as a body whose modes have a closed form, so that a spectrum can be checked against a page:
H. Lamb, "On the vibrations of a spherical shell", Proc. London Math. Soc. 1882; Lord Rayleigh, The Theory of
Sound, 2nd edition 1894 (bars, plates, rings); G. Lamé, Leçons sur la théorie mathématique de l'élasticité,
1852 (the triangle); A. W. Leissa, Vibration of Plates, NASA SP-160, 1969 (the clamped disc).

Simplified: the pictured solid is not that body (no heart has a closed form); each class has one pitch at one
size; patterns stand for materials.

Legend: M modes.
"""

import numpy as np

from lecture_utils.data.toyworld.names import CLASSES, MATERIALS

MODES = 8  # M


def shell() -> np.ndarray:
    """Thin hollow sphere (Lamb 1882), lower branch, n = 2, 3, …: modes crowd together, as in a gong.

    With Ω = 2π f a √(ρ/E) √(1 - ν²) and Poisson's ratio ν = 0.3:
    Ω⁴ - (n(n + 1) + 1 + 3ν) Ω² + (n(n + 1) - 2)(1 - ν²) = 0.
    """
    n, nu = np.arange(2, 2 + MODES), 0.3
    b, c = n * (n + 1) + 1 + 3 * nu, (n * (n + 1) - 2) * (1 - nu**2)
    return np.sqrt((b - np.sqrt(b * b - 4 * c)) / 2)


def square_plate() -> np.ndarray:
    """Square plate on simple supports: f ∝ m² + n², pairs in order (a pair and its mirror sound as one)."""
    sums = {m * m + n * n for m in range(1, 8) for n in range(1, 8)}
    return np.array(sorted(sums)[:MODES], dtype=float)


def triangle_membrane() -> np.ndarray:
    """Drum with an equilateral skin (Lamé 1852): f ∝ √(m² + mn + n²)."""
    sums = {m * m + m * n + n * n for m in range(1, 8) for n in range(1, 8)}
    return np.sqrt(np.array(sorted(sums)[:MODES], dtype=float))


def tongues() -> np.ndarray:
    """Five reeds clamped at one end, their lengths apart by 1.5 % (so they beat), and their second modes.

    cos β cosh β = -1 (Rayleigh, section 171): β = 1.8751, 4.6941, so the second is 6.267 × the first.
    """
    detuned = (1 + 0.015 * np.arange(-2, 3)) ** -2.0
    return np.concatenate([detuned, 6.2669 * detuned[:3]])


def clamped_disc() -> np.ndarray:
    """Circular plate, clamped at its edge: λ² of Leissa 1969, table 2.1."""
    return np.array([10.2158, 21.26, 34.88, 39.771, 51.04, 60.82, 69.666, 84.58])


def held_rod() -> np.ndarray:
    """Rod held in its middle, rung along its length: odd harmonics (Kundt's rod)."""
    return 2.0 * np.arange(MODES) + 1


def ring() -> np.ndarray:
    """Ring bending in its plane (Rayleigh, section 233): f ∝ n(n² - 1) / √(n² + 1), n = 2, 3, …."""
    n = np.arange(2, 2 + MODES)
    return n * (n**2 - 1) / np.sqrt(n**2 + 1)


def free_rod() -> np.ndarray:
    """Rod free at both ends, rung along its length: all harmonics."""
    return 1.0 + np.arange(MODES)


BODIES = {
    "ball": shell,
    "square": square_plate,
    "triangle": triangle_membrane,
    "star": tongues,
    "heart": clamped_disc,
    "cross": held_rod,
    "ring": ring,
    "capsule": free_rod,
}

# Each class's modes over its first (the star's over the middle reed's first).
RATIOS = np.stack([f() / (f()[2] if name == "star" else f()[0]) for name, f in BODIES.items()])  # (8, M)

# Frequency × size, Hz · m, of the ratio 1 in the material "plain"; size is metres for one shape unit.
PITCH = {
    "ball": 440.0,
    "square": 170.0,
    "triangle": 220.0,
    "star": 190.0,
    "heart": 150.0,
    "cross": 160.0,
    "ring": 120.0,
    "capsule": 180.0,
}
PITCHES = np.array([PITCH[name] for name in CLASSES])

# Speed of sound in the material over that in "plain" (glass-like), and its loss tan φ (internal friction,
# R. P. Wildes and W. A. Richards, "Recovering material properties from sound", in Natural Computation 1988).
STIFFNESS = {"plain": 1.0, "striped": 0.8, "checked": 0.97, "dotted": 0.6}  # glass, wood, metal, plastic
LOSS = {"plain": 4e-3, "striped": 1.6e-2, "checked": 1e-3, "dotted": 4e-2}
STIFFNESSES, LOSSES = (np.array([table[m] for m in MATERIALS]) for table in (STIFFNESS, LOSS))
SUPPORT = 3.0  # per second: what every mode loses through the object's foot


def frequencies(class_id: np.ndarray, material_id: np.ndarray, size_m: np.ndarray) -> np.ndarray:
    """Return each object's modes in Hz, (N, M): f = ratio × pitch × stiffness / size."""
    first = PITCHES[class_id] * STIFFNESSES[material_id] / size_m  # (N,)
    return RATIOS[class_id] * first[:, None]


def decays(frequency: np.ndarray, material_id: np.ndarray) -> np.ndarray:
    """Return each mode's decay rate in 1/s, (N, M): d = d₀ + π f tan φ; it falls by 60 dB in 6.91 / d s."""
    return SUPPORT + np.pi * frequency * LOSSES[material_id][:, None]
