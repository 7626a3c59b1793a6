"""What an inertial sensor feels on the head that carries the camera: a closed-form path and its derivatives.

An accelerometer does not feel gravity but what holds against it: a = Rᵀ(p̈ - g), with the head's position p
and its orientation R (head to world); a gyroscope feels ω with [ω]ₓ = Rᵀ Ṙ (for example J. Solà,
"Quaternion kinematics for the error-state Kalman filter", arXiv 1711.02508, section 5.1). Position and
angles are sums of sines, so both are exact at any time.

The ground near the camera tells how one moves: on grass one steps hard and briskly, on sand softly and
slowly, with more sway; on water one sits in a rolling boat. Cadence and strength of each person hang on the
scene's key.

Simplified: the sensor has neither noise nor bias; steps are five sines; the head turns about its own middle.

Legend: N scenes, T samples, H = 5 sines for each of the six motions (across, down, ahead; pitch, yaw, roll).
World frame as the camera's at rest: x right, y down, z ahead; metres, radians, seconds.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data.toyworld.hashing import between, uniform
from lecture_utils.data.toyworld.names import STUFF
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.data.toyworld.sound.impact import keys
from lecture_utils.ops.checks import check_number

RATE_HZ = 100  # samples a second
GRAVITY = 9.81  # m/s², along +y
SINES = 5  # H


@dataclass(frozen=True)
class Gait:
    """How one moves on a ground.

    Parameters
    ----------
    cadence_hz : (float, float)
        Steps (or waves) a second, from and to.
    speed : float
        Ahead, m/s.
    blows : sequence of 5 floats
        Vertical acceleration of the sines at 1, 2, … times the cadence, m/s².
    sway : sequence of 3 floats
        Metres across at half the cadence, share of the vertical that goes ahead, radians of roll there.
    nod : sequence of 2 floats
        Radians of pitch at the cadence, of yaw at half of it.
    """

    cadence_hz: tuple[float, float]
    speed: float
    blows: tuple[float, ...]
    sway: tuple[float, float, float]
    nod: tuple[float, float]


GAITS = {
    "grass": Gait((1.8, 2.2), 1.5, (2.4, 1.6, 1.1, 0.8, 0.5), (0.015, 0.4, 0.015), (0.02, 0.02)),
    "water": Gait((0.35, 0.6), 0.6, (0.7, 0.15, 0.0, 0.0, 0.0), (0.10, 0.3, 0.14), (0.07, 0.05)),
    "sand": Gait((1.3, 1.7), 1.0, (1.9, 0.5, 0.15, 0.05, 0.0), (0.035, 0.5, 0.04), (0.035, 0.04)),
}


@dataclass(frozen=True, eq=False)
class HeadMotion:
    """Six sums of sines: motion m at time t is Σₕ amplitude · sin(rate · t + phase), (N, 6, H) float64 each.

    `speed` (N,) m/s is added ahead.
    """

    amplitude: Tensor
    rate: Tensor
    phase: Tensor
    speed: Tensor

    def at(self, time: Tensor, order: int = 0) -> Tensor:
        """Return the derivative of this order (0, 1 or 2) of the six motions at times (T,), (N, 6, T)."""
        angle = self.rate[..., None] * time + self.phase[..., None]  # (N, 6, H, T)
        turned = torch.sin(angle + order * math.pi / 2)  # each derivative of a sine leads by a quarter
        out = ((self.amplitude * self.rate**order)[..., None] * turned).sum(dim=2)
        drift = (self.speed[:, None] * time, self.speed[:, None].expand(-1, len(time)), 0.0)[order]
        out[:, 2] += drift
        return out


def head_motion(scenes: Scenes) -> HeadMotion:
    """Return how the head moves in each scene, by the ground near the camera and the scene's key."""
    key, n = keys(scenes), len(scenes)
    kinds = [GAITS[name] for name in STUFF[1:]]
    ground = scenes.ground[:, 0].cpu() - 1  # (N,), into kinds
    share, vigour = (torch.from_numpy(uniform(key, f"gait {name}")) for name in ("cadence", "vigour"))
    low, high = torch.tensor([kind.cadence_hz for kind in kinds], dtype=torch.float64)[ground].mT
    pace = 2 * math.pi * (low + share * (high - low))[:, None]  # (N, 1) radians a second
    blows, sway, nod = (
        torch.tensor([getattr(kind, name) for kind in kinds], dtype=torch.float64)[ground]
        for name in ("blows", "sway", "nod")
    )
    rate = pace * torch.arange(1, SINES + 1)  # (N, H)
    amplitude = torch.zeros(n, 6, SINES, dtype=torch.float64)
    amplitude[:, 1] = blows / rate**2
    amplitude[:, 2] = sway[:, 1:2] * amplitude[:, 1]
    amplitude[:, 0, 0], amplitude[:, 3, 0] = sway[:, 0], nod[:, 0]
    amplitude[:, 4, 0], amplitude[:, 5, 0] = nod[:, 1], sway[:, 2]
    rates = rate[:, None].repeat(1, 6, 1)
    rates[:, (0, 4, 5)] *= 0.5  # left, right: two steps
    start = torch.from_numpy(
        between(key, "gait start", (0, 2 * math.pi))
    )  # where in the double step t = 0 is
    phase = rates / pace[..., None] * start[:, None, None] + math.pi / 2
    phase = phase + math.pi / 2 * torch.tensor([1.0, 0, 1, 1, 0, 1], dtype=torch.float64)[:, None]
    speed = torch.tensor([kind.speed for kind in kinds], dtype=torch.float64)[ground]
    return HeadMotion(amplitude * (0.8 + 0.4 * vigour)[:, None, None], rates, phase, speed)


def orientation(angles: Tensor) -> Tensor:
    """Return R = R_y(yaw) R_x(pitch) R_z(roll), head to world, (…, 3, 3), of (…, 3) pitch, yaw, roll."""
    return turn(angles[..., 1], 1) @ turn(angles[..., 0], 0) @ turn(angles[..., 2], 2)


def turn(angle: Tensor, axis: int) -> Tensor:
    """Return the rotation by an angle (…,) in radians about an axis of the right-handed frame, (…, 3, 3)."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = torch.zeros(*angle.shape, 3, 3, dtype=angle.dtype)
    out[..., axis, axis] = 1.0
    out[..., i, i] = out[..., j, j] = angle.cos()
    out[..., j, i], out[..., i, j] = angle.sin(), -angle.sin()
    return out


def angular_velocity(angles: Tensor, rates: Tensor) -> Tensor:
    """Return ω in the head's frame, (…, 3) rad/s, of the angles (…, 3) and their rates: what Rᵀ Ṙ comes to.

    Each rate turns about an axis of its own, which the rotations that stand to its right carry along:
    ω = R_zᵀ R_xᵀ (0, yaw', 0) + R_zᵀ (pitch', 0, 0) + (0, 0, roll').
    """
    zero = torch.zeros_like(rates[..., 0])
    pitch, yaw, roll = (
        torch.stack([zero if k != axis else rates[..., m] for k in range(3)], dim=-1)[..., None]
        for m, axis in enumerate((0, 1, 2))
    )
    back_x, back_z = turn(angles[..., 0], 0).mT, turn(angles[..., 2], 2).mT
    return (back_z @ (back_x @ yaw + pitch) + roll)[..., 0]


def felt(motion: HeadMotion, time: Tensor) -> Tensor:
    """Return what the sensor reads at times (T,) in seconds, (N, 6, T) float64; see `shake`."""
    angles, rates = (motion.at(time, order)[:, 3:].mT for order in (0, 1))  # (N, T, 3)
    gravity = torch.tensor([0.0, GRAVITY, 0.0], dtype=time.dtype)
    pull = motion.at(time, 2)[:, :3].mT - gravity  # (N, T, 3)
    acceleration = (orientation(angles).mT @ pull[..., None])[..., 0]
    return torch.cat([acceleration, angular_velocity(angles, rates)], dim=-1).mT


def shake(scenes: Scenes, seconds: float = 2.0) -> Tensor:
    """Return what the inertial sensor reads on the head that carries each scene's camera.

    Parameters
    ----------
    scenes : Scenes
        N of them.
    seconds : float
        Above 0, up to 600.

    Returns
    -------
    Tensor
        (N, 6, T) float32, T = seconds × 100: acceleration x, y, z in m/s² (at rest 0, -9.81, 0: y is down),
        then turning x, y, z in rad/s, in the head's frame.

    Raises
    ------
    ValueError
        For other lengths.
    """
    if not isinstance(scenes, Scenes):
        raise ValueError(f"scenes: got {type(scenes).__name__}, want Scenes, as of sample_scenes")
    samples = round(check_number(seconds, "seconds", 0, 600, above=True) * RATE_HZ)
    if samples < 1:
        raise ValueError(f"seconds: got {seconds}, want at least one sample of 1/{RATE_HZ} s")
    time = torch.arange(samples, dtype=torch.float64) / RATE_HZ
    return felt(head_motion(scenes), time).float()
