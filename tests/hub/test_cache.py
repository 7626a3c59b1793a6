"""What is looked at before weights are used: nothing is run, the hash is the name's, no NaN; one sentence."""

import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from torchvision import models

from lecture_utils.hub import cache
from lecture_utils.hub import torchvision as hub


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)  # type: ignore[return-value]


def named(folder: Path, state: object) -> Path:
    """Save a state under a name with its own digits."""
    path = folder / "net.pth"
    torch.save(state, path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return path.rename(folder / f"net-{digits}.pth")


def test_a_good_file_is_read(tmp_path: Path) -> None:
    state = cache.read_state(named(tmp_path, {"w": torch.ones(2)}))
    assert torch.equal(state["w"], torch.ones(2))


def test_digits_of_a_name() -> None:
    assert cache.digits_of("resnet18-f37072fd.pth") == "f37072fd"
    assert cache.digits_of("model.safetensors") == "" == cache.digits_of("a-zzzzzzzz.pth")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"w": torch.tensor([1.0, float("nan")])}, "w holds NaN"),
        ([torch.ones(1)], "no table of tensors"),
        ({"w": 3}, "no table of tensors"),
    ],
)
def test_what_cannot_answer_is_refused(tmp_path: Path, state: object, message: str) -> None:
    with pytest.raises(cache.Unfit, match=message):
        cache.read_state(named(tmp_path, state))


def test_another_file_under_the_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net-0123abcd.pth"
    torch.save({"w": torch.ones(2)}, path)
    with pytest.raises(cache.Unfit, match=r"SHA-256 got [0-9a-f]{8}, want 0123abcd.*delete"):
        cache.read_state(path)


@pytest.mark.parametrize("way", ["cached", "downloaded"])
def test_nothing_in_a_file_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    """A pickle with a command, served with a fitting hash: it is refused, and the command does not run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("COURSE_DOWNLOAD", "1")
    data = pickle.dumps({"fc.weight": Bomb()})
    source = tmp_path / f"net-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    source.write_bytes(data)
    weights = type("W", (), {"url": source.as_uri(), "meta": {"_file_size": 1}})
    monkeypatch.setattr(models, "get_model_weights", lambda name: type("E", (), {"DEFAULT": weights}))
    if way == "cached":
        cache.torch_file(weights.url).parent.mkdir(parents=True)
        cache.torch_file(weights.url).write_bytes(data)
    assert hub.classifier("resnet18") is None
    assert "damaged" in capsys.readouterr().out and not (tmp_path / "exploded").exists()


def test_the_sentence_is_marked_as_not_computed() -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()
    try:
        with capture_output() as caught:
            cache.not_here("The weights of x", 12.4)
    finally:
        InteractiveShell.clear_instance()
    (output,) = caught.outputs
    assert output.metadata == {"course": {"computed": False}}
    assert output.data["text/plain"].startswith("The weights of x (12 MB) are not on this machine.")
