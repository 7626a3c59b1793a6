"""The senses of the toy world: one scene in all of them, prepared as said, and what each can know."""

import pytest
import torch

from lecture_utils.data import toyworld
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.data.toyworld.senses import FRAMES, MELS, READINGS, Sensed, felt, listened, sensed
from lecture_utils.data.toyworld.sound import impact, shake

pytestmark = pytest.mark.system("S13.6")


@pytest.fixture(scope="module")
def some() -> Captioned:
    return captioned(24, seed=3)


@pytest.fixture(scope="module")
def senses(some: Captioned) -> Sensed:
    return sensed(some)


def changed(some: Captioned, scenes: Scenes) -> Captioned:
    """The same, of other scenes."""
    parts = {name: getattr(some, name) for name in ("text", "class_id", "colour_id", "ground_id", "cloudy")}
    return Captioned(image=toyworld.render(scenes, 32, only="image").image, scenes=scenes, **parts)


def test_shapes_and_kinds(some: Captioned, senses: Sensed) -> None:
    assert len(senses) == 24
    assert senses.image is some.image
    assert senses.audio.shape == (24, 1, MELS, FRAMES)
    assert senses.depth.shape == (24, 1, 32, 32)
    assert senses.imu.shape == (24, 6, READINGS)
    assert {getattr(senses, name).dtype for name in ("audio", "depth", "imu")} == {torch.float32}


def test_row_i_is_the_same_scene_in_all(some: Captioned, senses: Sensed) -> None:
    part = some.scenes[5:6]
    torch.testing.assert_close(senses.audio[5:6], listened(impact(part)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(senses.imu[5:6], felt(shake(part)), rtol=1e-4, atol=1e-4)
    nearest = toyworld.render(part, 32, only="depth").depth
    shown = 0.38 * senses.depth[5] + 0.4
    torch.testing.assert_close(shown, nearest.min() / nearest)


def test_each_is_about_normal(senses: Sensed) -> None:
    """Mean near 0 and spread near 1: of 24 scenes, within a third."""
    for name in ("audio", "depth", "imu"):
        value = getattr(senses, name)
        assert abs(float(value.mean())) < 0.3 and 0.7 < float(value.std()) < 1.3, name


def test_colour_is_seen_and_neither_heard_nor_felt_nor_deep(some: Captioned, senses: Sensed) -> None:
    other = some.scenes.replace(rgb=1 - some.scenes.rgb, colour_id=(some.scenes.colour_id + 1) % 8)
    repainted = sensed(changed(some, other))
    assert (repainted.image - senses.image).abs().amax(dim=(1, 2, 3)).min() > 0.1
    for name in ("audio", "depth", "imu"):
        assert torch.equal(getattr(repainted, name), getattr(senses, name)), name


def test_class_is_heard_and_deep_and_not_felt(some: Captioned, senses: Sensed) -> None:
    reshaped = sensed(changed(some, some.scenes.moved(class_id=(some.scenes.class_id + 1) % 8)))
    assert torch.equal(reshaped.imu, senses.imu)
    for name in ("audio", "depth"):
        moved = (getattr(reshaped, name) - getattr(senses, name)).abs().amax(dim=(1, 2, 3))
        assert moved.min() > 0.5, name


def test_ground_is_felt_and_not_heard(some: Captioned, senses: Sensed) -> None:
    ground = 1 + some.scenes.ground % 3
    moved = sensed(changed(some, some.scenes.replace(ground=ground)))
    assert torch.equal(moved.audio, senses.audio)
    assert (moved.imu - senses.imu).abs().amax(dim=(1, 2)).min() > 0.3


def test_silence_is_quiet_and_louder_is_more() -> None:
    tone = torch.sin(torch.arange(8000) * 0.3)[None]
    quiet, loud = listened(0.01 * tone), listened(tone)
    torch.testing.assert_close(loud.amax() - quiet.amax(), torch.tensor(4 / 3.0), rtol=1e-3, atol=1e-3)
    silence = listened(torch.zeros(1, 8000))
    torch.testing.assert_close(silence, torch.full_like(silence, (-10 + 6.4) / 3))
    torch.testing.assert_close(listened(tone.repeat(2, 1))[1:], loud)


def test_bad_input_is_told(some: Captioned) -> None:
    with pytest.raises(ValueError, match="sensed: got Scenes, want Captioned"):
        sensed(some.scenes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"waves: got .*\(8000,\)"):
        listened(torch.zeros(8000))
    with pytest.raises(ValueError, match=r"readings: got .*\(2, 3, 200\)"):
        felt(torch.zeros(2, 3, 200))
