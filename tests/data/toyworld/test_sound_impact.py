"""What struck toy objects sound like: modes against their equations, pitch, decay, distance, room."""

import numpy as np
import pytest
import torch
from scipy import optimize, special
from sklearn.linear_model import LogisticRegression

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES, MATERIALS
from lecture_utils.data.toyworld.sound import RATE, impact, modes, room
from lecture_utils.data.toyworld.sound.impact import Modes, keys, ringing, size_m, source, struck
from lecture_utils.ops.mel import log_mel, mel_filters
from lecture_utils.ops.stft import hann
from tests.mutants import planted

pytestmark = pytest.mark.system("S00.3")


@pytest.fixture(scope="module")
def scenes():
    return captioned(48, seed=3, size=8, materials=MATERIALS).scenes


def plain_sum(own: Modes, time: np.ndarray) -> np.ndarray:
    """Van den Doel and Pai's sum, an exponential for each sample."""
    f, d, a = (x[..., None] for x in (own.frequency, own.decay, own.amplitude))
    return (a * np.exp(-d * time) * np.sin(2 * np.pi * f * time)).sum(axis=1)


def test_the_product_of_matrices_is_the_sum_of_damped_sines(scenes):
    scenes = scenes[:6]
    own = struck(scenes)
    time = np.arange(3001) / RATE
    np.testing.assert_allclose(ringing(own, 3001), plain_sum(own, time), rtol=0, atol=2e-6)
    delay = np.linspace(0.001, 0.02, len(scenes))
    late = time - delay[:, None]
    want = np.stack([plain_sum(own, row)[i] for i, row in enumerate(late)]) * (late >= 0)
    np.testing.assert_allclose(ringing(own, 3001, delay), want, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "fault",
    [
        ("[starts.imag, starts.real]", "[starts.real, starts.imag]"),
        ("-own.decay + 2j", "own.decay + 2j"),
        ("- late))", "+ late))"),
        (">= torch.from_numpy(late[:, :, 0] * RATE)", ">= 0"),
    ],
)
def test_a_fault_in_it_is_seen(scenes, fault):
    own = struck(scenes)
    delay = np.full(len(scenes), 0.01)
    late = np.arange(2000) / RATE - 0.01
    want = plain_sum(own, late) * (late >= 0)
    bad = planted("lecture_utils.data.toyworld.sound.impact", fault)
    assert np.abs(bad.ringing(own, 2000, delay).numpy() - want).max() > 1e-2


def test_the_clamped_disc_and_the_reed_solve_their_equations():
    def disc(x: float, n: int) -> float:
        return special.jv(n, x) * special.ivp(n, x) - special.iv(n, x) * special.jvp(n, x)

    roots = []
    for n in range(6):
        grid = np.linspace(0.5, 10, 400)
        signs = np.flatnonzero(np.diff(np.sign([disc(x, n) for x in grid])))
        roots += [optimize.brentq(disc, grid[i], grid[i + 1], args=(n,)) ** 2 for i in signs]
    np.testing.assert_allclose(sorted(roots)[: modes.MODES], modes.clamped_disc(), rtol=1e-3)
    reed = [optimize.brentq(lambda b: np.cos(b) * np.cosh(b) + 1, *span) for span in ((1, 3), (4, 5))]
    assert modes.tongues()[5] / modes.tongues()[0] == pytest.approx((reed[1] / reed[0]) ** 2, rel=1e-4)


def test_the_shell_has_lambs_first_mode_and_limit():
    assert modes.shell()[0] == pytest.approx(0.701, abs=5e-4)
    assert (np.diff(modes.shell()) > 0).all()
    assert modes.shell()[-1] < np.sqrt(1 - 0.3**2)


def test_ratios_begin_at_1_and_no_two_classes_share_them():
    assert modes.RATIOS.shape == (len(CLASSES), modes.MODES)
    first = np.delete(modes.RATIOS, CLASSES.index("star"), axis=0)
    np.testing.assert_allclose(first[:, 0], 1.0)
    for a in range(len(CLASSES)):
        for b in range(a):
            assert np.abs(np.log(modes.RATIOS[a] / modes.RATIOS[b])).max() > 0.1


def test_the_spectrum_peaks_at_the_stated_modes(scenes):
    """Only modes that stand alone: apart from others by 20 Hz, and not yet faded after half a second."""
    sound = impact(scenes, 2.0, reverberant=False).double()
    own, bins = struck(scenes), 1 << 18
    spectra = torch.fft.rfft(sound * hann(len(sound[0])).double(), bins).abs()
    found = 0
    for i in range(len(scenes)):
        for m, hertz in enumerate(own.frequency[i]):
            others = np.abs(np.delete(own.frequency[i], m) - hertz)
            if own.decay[i, m] > 8 or own.amplitude[i, m] == 0 or others.min() < 20:
                continue
            low, high = (round((hertz + step) * bins / RATE) for step in (-8, 8))
            peak = (low + int(spectra[i, low : high + 1].argmax())) * RATE / bins
            assert peak == pytest.approx(hertz, abs=0.5)
            found += 1
    assert found > 50


def test_pitch_goes_with_one_over_size_and_with_the_material(scenes):
    larger = scenes.moved(radius=scenes.radius * 2)
    np.testing.assert_allclose(struck(larger).frequency * 2, struck(scenes).frequency, rtol=1e-6)
    np.testing.assert_allclose(size_m(larger), 2 * size_m(scenes))
    stiff = scenes.replace(material_id=torch.full_like(scenes.material_id, MATERIALS.index("plain")))
    soft = scenes.replace(material_id=torch.full_like(scenes.material_id, MATERIALS.index("dotted")))
    ratio = struck(soft).frequency / struck(stiff).frequency
    np.testing.assert_allclose(ratio, modes.STIFFNESS["dotted"] / modes.STIFFNESS["plain"])


def test_a_mode_falls_by_60_db_in_its_time():
    own = Modes(*(np.array([[x]]) for x in (900.0, 12.0, 0.3)))
    level = ringing(own, RATE)[0].unfold(0, 320, 320).square().mean(dim=1).log10() * 10  # 20 ms each
    slope = np.polyfit(np.arange(len(level)) * 0.02, level.numpy(), 1)[0]
    assert -60 / slope == pytest.approx(np.log(1000) / 12.0, rel=0.01)


def test_twice_as_far_is_half_as_loud_and_twice_as_late(scenes):
    far = scenes.replace(depth=scenes.depth * 2, radius=scenes.radius / 2)
    a, b = impact(scenes, 0.3, reverberant=False), impact(far, 0.3, reverberant=False)
    metres = np.linalg.norm(source(scenes), axis=1)
    for i in range(len(scenes)):
        first, second = (int(x[i].nonzero()[0]) for x in (a, b))
        assert first == pytest.approx(metres[i] / 343 * RATE, abs=1.01)
        assert second == pytest.approx(2 * metres[i] / 343 * RATE, abs=1.01)
    late = [metres / 343, 2 * metres / 343]
    heard = [ringing(struck(scenes), 4800, delay) for delay in late]
    torch.testing.assert_close(a, heard[0] / torch.from_numpy(metres)[:, None].float())
    torch.testing.assert_close(b, heard[1] / (2 * torch.from_numpy(metres)[:, None].float()))


def test_each_image_is_as_far_as_the_shortest_way_by_its_wall(scenes):
    place = source(scenes)
    made = room.draw_room(keys(scenes), place)
    walls = [(0, made.low), (0, made.high), (1, made.high), (1, made.low), (2, made.low), (2, made.high)]
    np.testing.assert_allclose(made.distance[:, 0], np.linalg.norm(place, axis=1))
    for i in range(6):
        for path, (axis, wall) in enumerate(walls, start=1):

            def way(free: np.ndarray, i=i, axis=axis, wall=wall) -> float:
                point = np.insert(free, axis, wall[i, axis])
                return float(np.linalg.norm(point) + np.linalg.norm(point - place[i]))

            assert optimize.minimize(way, np.zeros(2)).fun == pytest.approx(made.distance[i, path], rel=1e-5)


@pytest.mark.parametrize(
    "fault",
    [
        ("2 * low[:, axis] - source", "low[:, axis] - source"),
        ("[(1, 2), (4, 3), (5, 6)]", "[(2, 1), (4, 3), (5, 6)]"),
        ("2 * high[:, axis] - source[:, axis]", "2 * high[:, axis]"),
    ],
)
def test_a_fault_in_the_room_is_seen(scenes, fault):
    place = source(scenes)
    made = room.draw_room(keys(scenes), place)
    bad = planted("lecture_utils.data.toyworld.sound.room", fault).mirror(place, made.low, made.high)
    assert np.abs(np.linalg.norm(bad, axis=2) - made.distance).max() > 0.1


def test_camera_and_object_are_inside_and_the_floor_is_the_pictures(scenes):
    place = source(scenes)
    made = room.draw_room(keys(scenes), place)
    for point in (place, np.zeros_like(place)):
        assert (made.low < point).all()
        assert (point <= made.high).all()
    np.testing.assert_allclose(made.high[:, 1], 1.5)


def test_walls_absorb_what_sabine_asks_and_the_tail_dies_in_t60(scenes):
    made = room.draw_room(keys(scenes), source(scenes))
    x, y, z = (made.high - made.low).T
    inside = (made.gain[:, 1] ** 2 > 0.03) & (made.gain[:, 1] ** 2 < 0.97)  # not at the clip
    sabine = 0.161 * x * y * z / ((1 - made.gain[:, 1] ** 2) * 2 * (x * y + y * z + z * x))
    assert inside.mean() > 0.5
    np.testing.assert_allclose(sabine[inside], made.t60[inside])
    echo = room.tail(keys(scenes), made, RATE, RATE).astype(float)
    left = np.cumsum(echo[:, ::-1] ** 2, axis=1)[:, ::-1]  # M. R. Schroeder, JASA 1965
    level = 10 * np.log10(left / left[:, :1])
    times = [(row < -35).argmax() / RATE - (row < -5).argmax() / RATE for row in level]
    np.testing.assert_allclose(2 * np.array(times), made.t60, rtol=0.1)  # from -5 to -35 dB, times two
    share = (echo**2).sum(axis=1) / ((made.gain / made.distance)[:, 1:] ** 2).sum(axis=1)
    assert np.median(share) == pytest.approx(room.TAIL, rel=0.2)


def test_colour_is_not_heard_and_a_scene_sounds_alike_in_any_company(scenes):
    whole = impact(scenes)
    assert whole.shape == (48, 8000)
    assert whole.dtype == torch.float32
    other = scenes.replace(colour_id=(scenes.colour_id + 3) % 8, rgb=1 - scenes.rgb)
    assert torch.equal(impact(other), whole)
    torch.testing.assert_close(impact(scenes[[7, 40]]), whole[[7, 40]], rtol=0, atol=1e-6)
    torch.testing.assert_close(impact(scenes, 0.2), whole[:, :3200], rtol=0, atol=1e-6)
    assert impact(scenes[:0]).shape == (0, 8000)
    assert whole.abs().max() < 1


def test_the_classes_can_be_told_by_ear():
    """A linear model on mel bands; the rule, set beforehand: 0.9 of unheard sounds, where chance is 0.125."""
    window, filters = hann(1024), mel_filters(64, 1024, RATE)
    parts = []
    for count, split in ((480, "train"), (160, "val")):
        drawn = captioned(count, split=split, size=8)
        parts.append((log_mel(impact(drawn.scenes), window, 2000, filters).flatten(1), drawn.class_id))
    (x, y), (unheard, truth) = parts
    model = LogisticRegression(max_iter=300).fit(x / 10, y)
    assert model.score(unheard / 10, truth) >= 0.9


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), 100, "long", 1e-9])
def test_other_lengths_are_refused(scenes, seconds):
    with pytest.raises(ValueError, match="seconds: got"):
        impact(scenes, seconds)


def test_a_scene_without_an_object_is_refused(scenes):
    empty = scenes.replace(present=torch.zeros_like(scenes.present))
    with pytest.raises(ValueError, match="without an object"):
        impact(empty)
    with pytest.raises(ValueError, match="a mode below 7200 Hz"):
        impact(scenes.moved(radius=scenes.radius / 100))
    with pytest.raises(ValueError, match="want Scenes"):
        impact(torch.zeros(3))
