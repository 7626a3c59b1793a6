"""Prompt to scene: what is said is asked for, what was made is drawn, verdicts are the judge's."""

import pytest
import torch
from matplotlib.colors import same_color

from lecture_utils.chapters.ch16.widgets import prompt_to_scene as widget
from lecture_utils.plotting.style import GREEN, QUIET, VERMILION
from lecture_utils.recipes._latent_diffusion import build_latent_diffusion, ids_of

pytestmark = pytest.mark.system("S16.3")
SETTING = ("star", "red", "sand", "right", 3.0, 2)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = build_latent_diffusion().eval()
    with torch.no_grad():
        for value in model.net.parameters():
            value.add_(0.05 * torch.randn(value.shape))
    return model


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(widget, "STEPS", 2)
    widget.made.cache_clear()
    yield
    widget.made.cache_clear()


@pytest.mark.parametrize(
    ("told", "want"),
    [
        (("star", "red", "sand"), "a photo of a red star on sand"),
        (("star", "orange", "any"), "a photo of an orange star"),
        (("ring", "any", "water"), "a photo of a ring on water"),
        (("any", "blue", "any"), "a photo of something blue"),
        (("any", "any", "grass"), "a photo of something on grass"),
    ],
)
def test_what_is_any_is_not_said(told, want):
    assert widget.text_of(*told) == want


def test_the_model_is_told_the_sentence_and_the_box(model, quick):
    images, _ = widget.made(SETTING, model)
    ids = ids_of(["a photo of a red star on sand"] * 4)
    box = torch.tensor(widget.PLACES["right"]).expand(4, 1, 4)
    want = model.sample(ids, box, torch.full((4, 1), 3), steps=2, scale=3.0, seed=2)
    assert torch.equal(images, want)
    free, _ = widget.made((*SETTING[:3], "any", *SETTING[4:]), model)
    assert torch.equal(free, model.sample(ids, steps=2, scale=3.0, seed=2))
    assert not torch.allclose(free, images, atol=1e-3)


def test_pictures_box_and_verdicts_are_drawn(model, quick):
    images, seen = widget.made(SETTING, model)
    fig = widget.scene_of(*SETTING, model=model)
    assert len(fig.axes) == 4
    for ax, image in zip(fig.axes, images, strict=True):
        shown = torch.tensor(ax.images[0].get_array()).permute(2, 0, 1)
        torch.testing.assert_close(shown.float(), image, atol=0.02, rtol=0)
        x, y, w, h = (getattr(ax.patches[0], f"get_{part}")() for part in ("x", "y", "width", "height"))
        assert [(v + 0.5) / 32 for v in (x, y, x + w, y + h)] == pytest.approx(widget.PLACES["right"])
        assert min(ax.get_window_extent().width, ax.get_window_extent().height) >= 150
    hues = {text.get_text(): text.get_color() for text in fig.texts}
    right = bool(seen.class_id[0] == 3)
    name = widget.CLASSES[int(seen.class_id[0])]
    assert same_color(hues[name], GREEN if right else VERMILION)


def test_where_any_would_do_no_verdict_is_passed(model, quick):
    fig = widget.scene_of("any", "any", "any", "left", 1.0, 0, model=model)
    said = [text for text in fig.texts if text.get_text() in widget.CLASSES]
    assert len(said) == 4 and all(same_color(text.get_color(), QUIET) for text in said)
    assert not any(ax.patches for ax in fig.axes), "a box is told with its class"


def test_the_widget_has_one_size(model, quick):
    made = widget.prompt_to_scene(model)
    assert len({made.picture(**values).shape for _, values in made.tour[:3]}) == 1
