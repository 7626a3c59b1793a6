"""The inertial sensor: its readings are the derivatives of the path, and lead back to it."""

import pytest
import torch

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import STUFF
from lecture_utils.data.toyworld.sound import inertial, shake
from tests.mutants import planted

pytestmark = pytest.mark.system("S00.3")


@pytest.fixture(scope="module")
def scenes():
    return captioned(60, seed=2, size=8).scenes


def numerical(motion: inertial.HeadMotion, time: torch.Tensor, step: float = 1e-4) -> torch.Tensor:
    """The sensor's readings from places and rotations alone, by central differences."""

    def place(t: torch.Tensor) -> torch.Tensor:
        return motion.at(t)[:, :3].mT

    def turned(t: torch.Tensor) -> torch.Tensor:
        return inertial.orientation(motion.at(t)[:, 3:].mT)

    bent = (place(time + step) - 2 * place(time) + place(time - step)) / step**2
    back = turned(time).mT
    gravity = torch.tensor([0.0, 9.81, 0.0], dtype=torch.float64)
    a = (back @ (bent - gravity)[..., None])[..., 0]
    w = back @ (turned(time + step) - turned(time - step)) / (2 * step)
    return torch.cat([a, torch.stack([w[..., 2, 1], w[..., 0, 2], w[..., 1, 0]], dim=-1)], dim=-1).mT


TIME = torch.linspace(0, 3, 61, dtype=torch.float64)


def test_the_readings_are_the_numerical_derivatives(scenes):
    motion = inertial.head_motion(scenes)
    got, want = inertial.felt(motion, TIME), numerical(motion, TIME)
    torch.testing.assert_close(
        got, want, rtol=0, atol=2e-5
    )  # of readings near 10; the differences err so much
    assert got.std(dim=2).min() > 1e-3  # every channel moves in every scene


@pytest.mark.parametrize(
    "fault",
    [
        ("order * math.pi / 2", "-order * math.pi / 2"),
        ("- gravity", "+ gravity"),
        ("(orientation(angles).mT @", "(orientation(angles) @"),
        ("back_z @ (back_x @ yaw + pitch) + roll", "back_z @ (yaw + pitch) + roll"),
        (
            "turn(angles[..., 1], 1) @ turn(angles[..., 0], 0)",
            "turn(angles[..., 0], 0) @ turn(angles[..., 1], 1)",
        ),
    ],
)
def test_a_planted_fault_is_seen(scenes, fault):
    bad = planted("lecture_utils.data.toyworld.sound.inertial", fault)
    motion = inertial.head_motion(scenes)
    got = bad.felt(bad.head_motion(scenes), TIME)
    assert (got - numerical(motion, TIME)).abs().max() > 1e-3


def test_the_readings_lead_back_to_the_path(scenes):
    """Dead reckoning over two seconds, from the first place, velocity and orientation, in steps of 2 ms."""
    motion, step = inertial.head_motion(scenes[:6]), 2e-3
    time = (torch.arange(1000, dtype=torch.float64) + 0.5) * step  # in the middle of each step
    read = inertial.felt(motion, time).permute(2, 0, 1)  # (T, N, 6)
    start = torch.zeros(1, dtype=torch.float64)
    place, speed = motion.at(start)[:, :3, 0], motion.at(start, 1)[:, :3, 0]
    turned = inertial.orientation(motion.at(start)[:, 3:, 0])
    gravity = torch.tensor([0.0, 9.81, 0.0], dtype=torch.float64)
    for now in read:
        x, y, z = (now[:, 3:] * step).unbind(dim=1)
        zero = torch.zeros_like(x)
        skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
        half = turned @ torch.linalg.matrix_exp(skew / 2)
        pull = (half @ now[:, :3, None])[..., 0] + gravity
        place, speed = place + speed * step + 0.5 * pull * step**2, speed + pull * step
        turned = turned @ torch.linalg.matrix_exp(skew)
    end = motion.at(torch.tensor([1000 * step], dtype=torch.float64))
    torch.testing.assert_close(place, end[:, :3, 0], rtol=0, atol=1e-3)
    torch.testing.assert_close(turned, inertial.orientation(end[:, 3:, 0]), rtol=0, atol=1e-5)


def test_at_rest_it_feels_what_holds_it_up():
    still = torch.zeros(2, 6, inertial.SINES, dtype=torch.float64)
    motion = inertial.HeadMotion(still, still, still, torch.ones(2, dtype=torch.float64))
    read = inertial.felt(motion, TIME)
    torch.testing.assert_close(read[:, 1], torch.full((2, 61), -9.81, dtype=torch.float64))
    assert read[:, [0, 2, 3, 4, 5]].abs().max() == 0


def test_turns_are_rotations_with_the_axes_of_a_right_hand():
    for axis in range(3):
        r = inertial.turn(torch.tensor(0.3, dtype=torch.float64), axis)
        torch.testing.assert_close(r @ r.mT, torch.eye(3, dtype=torch.float64))
        assert r[axis, axis] == 1
        assert r[(axis + 2) % 3, (axis + 1) % 3] > 0


def test_the_ground_can_be_felt(scenes):
    read = shake(scenes, 4.0)
    assert read.shape == (60, 6, 400)
    assert read.dtype == torch.float32
    ground = scenes.ground[:, 0]
    blows = read[:, 1].diff(dim=1).square().mean(dim=1).sqrt()  # how suddenly the head is lifted
    order = [blows[ground == STUFF.index(name)] for name in ("water", "sand", "grass")]
    assert order[0].max() < order[1].min()
    assert order[1].max() < order[2].min()
    spectrum = torch.fft.rfft(read[:, 1] - read[:, 1].mean(dim=1, keepdim=True), 4000).abs()
    cadence = spectrum.argmax(dim=1) / 40  # Hz
    for i, (low, high) in ((STUFF.index(k), g.cadence_hz) for k, g in inertial.GAITS.items()):
        assert bool(((cadence > low - 0.15) & (cadence < high + 0.15))[ground == i].all())


def test_a_scene_moves_alike_in_any_company(scenes):
    torch.testing.assert_close(shake(scenes[[3, 50]]), shake(scenes)[[3, 50]], rtol=0, atol=1e-6)
    torch.testing.assert_close(shake(scenes, 0.5), shake(scenes)[..., :50], rtol=0, atol=1e-6)
    assert shake(scenes[:0]).shape == (0, 6, 200)
    assert len({tuple(row[1, :5].tolist()) for row in shake(scenes)}) == 60


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), 1000, "long", 1e-9])
def test_other_lengths_are_refused(scenes, seconds):
    with pytest.raises(ValueError, match="seconds: got"):
        shake(scenes, seconds)
