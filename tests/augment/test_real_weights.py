"""Chapter 05's cell with real weights, run offline on a checkpoint made here in torchvision's format."""

import re
from pathlib import Path

import pytest
import torch
from torchvision import models

SOURCE = Path(__file__).resolve().parents[2] / "notebooks" / "src" / "05_data_augmentation.py"


def cell() -> str:
    """The cell's text, with the smallest residual net in place of the practitioner's."""
    cells = re.split(r"^# %%.*$", SOURCE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (found,) = [text for text in cells if 'hub.classifier("resnet50")' in text]
    return found.replace('"resnet50"', '"resnet18"')


def namespace() -> dict:
    """What the chapter has defined by then."""
    from lecture_utils import plotting
    from lecture_utils.augment import photometric
    from lecture_utils.augment.warp import rotation, warp_image
    from lecture_utils.data import photographs
    from lecture_utils.kernel.tables import show_table

    names = {"torch": torch, "plotting": plotting, "photometric": photometric, "photographs": photographs}
    names["show_table"] = show_table
    return {**names, "brightness": photometric.brightness, "rotation": rotation, "warp_image": warp_image}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache in torch's own layout, and no leave to download."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("COURSE_DOWNLOAD", raising=False)
    monkeypatch.setattr("lecture_utils.hub.cache.digits_of", lambda name: "")  # a file of ours
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "hub" / "checkpoints"


def test_answers_of_all_views_are_averaged(cache: Path) -> None:
    torch.manual_seed(0)
    url = models.get_model_weights("resnet18").DEFAULT.url
    torch.save(models.resnet18().state_dict(), cache / Path(url).name)
    done = namespace()
    exec(compile(cell(), "cell", "exec"), done)
    assert [row[0] for row in done["rows"]] == ["cat", "coffee", "rocket"]
    assert all(len(row) == 2 + 1 + 6 for row in done["rows"])  # name, class, mean, six views
    p = done["p"]  # of the last photograph, (6, 1000)
    assert p.shape == (6, 1000) and done["rows"][-1][1] == done["practitioner"].names[int(p.mean(0).argmax())]
    with torch.inference_mode():
        first = done["practitioner"].model(done["practitioner"].transform(done["photo"][0])[None]).softmax(1)
    torch.testing.assert_close(p[:1], first, atol=1e-5, rtol=1e-4)


def test_without_weights_it_says_what_to_do(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = namespace()
    exec(compile(cell(), "cell", "exec"), done)
    said = capsys.readouterr().out
    assert done["practitioner"] is None and said.count("\n") == 1 and "COURSE_DOWNLOAD=1" in said
