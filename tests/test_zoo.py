"""Shipped weights: verified before they are parsed, true to their cards, and clear about what is wrong."""

import hashlib
import importlib
import json
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load as parse
from torch import Tensor, nn

from lecture_utils import runtime, zoo

SHIPPED = zoo.names()
MIB = 2**20
LARGE = {  # weights that may take up to 6 MB are named here, with the reason beside them
    "": 6 * MIB,
    "shapes_mask_rcnn": 6 * MIB,  # a late stage that a video skips, box heads, masks and keypoints
    "shapes_upsnet": 6 * MIB,  # the same with a semantic head
    "shapes_vpsnet": 6 * MIB,  # and with fusion, flow and tracks
}


# --- the weights in the repository ------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_whole_and_small(name: str) -> None:
    assert zoo.verify(name) is None
    path = runtime.ASSETS / "weights" / f"{name}.safetensors"
    assert path.stat().st_size <= LARGE.get(name, 2 * MIB)
    stored = parse(path.read_bytes())
    model = zoo.load(name)
    own = model.state_dict().keys()  # less than all where a frozen part has a file of its own
    parameters = {key for key, _ in model.named_parameters() if key in own}
    assert all(stored[key].dtype == torch.float16 for key in parameters)


@pytest.mark.parametrize("name", SHIPPED)
def test_cards_are_true(name: str) -> None:
    card = zoo.card(name)
    changed = card.evaluated != zoo.evaluated_now(card)
    if changed or os.environ.get("COURSE_NIGHTLY") == "1":  # else it was evaluated just so
        fresh = importlib.import_module(f"lecture_utils.recipes.{card.recipe}").evaluate(zoo.load(name))
        assert fresh.keys() == card.metrics.keys()
        for key, value in fresh.items():
            assert card.agrees(key, value), f"{key}: card {card.metrics[key]}, fresh {value}"
    assert card.name == name and card.steps > 0 and card.seconds > 0 and card.device and card.torch
    assert 0 < card.tolerance <= 0.02


def test_all_weights_together_are_small_and_nothing_else_lies_there() -> None:
    files = [path for path in (runtime.ASSETS / "weights").iterdir() if path.name != ".gitkeep"]
    assert sum(path.stat().st_size for path in files) <= 64 * MIB
    expected = {f"{name}.{kind}" for name in SHIPPED for kind in ("json", "safetensors")}
    assert {path.name for path in files} == expected


def test_every_recipe_has_its_weights() -> None:
    package = importlib.import_module("lecture_utils.recipes")
    folder = Path(next(iter(package.__path__)))
    recipes = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert set(zoo.recipes()) == recipes
    assert recipes == {zoo.card(name).recipe for name in SHIPPED}


# --- the mechanism, on a small recipe ---------------------------------------------------------------


def make() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 2))
    model(torch.rand(8, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 1000)
    return model.to(memory_format=torch.channels_last)


def evaluate(model: nn.Module) -> dict[str, float]:
    x = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return {"mean": float(model(x).mean())}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty assets folder and a recipe named `small`."""
    recipe: Any = types.ModuleType("lecture_utils.recipes.small")
    recipe.build, recipe.evaluate = make, evaluate
    recipe.train = lambda seed=0: (make(), {"steps": 3, "seconds": 1.26})
    monkeypatch.setitem(sys.modules, recipe.__name__, recipe)
    monkeypatch.setattr(runtime, "ASSETS", tmp_path)
    monkeypatch.setenv("COURSE_GPU", "off")
    (tmp_path / "weights").mkdir()
    yield tmp_path / "weights"


def save(model: nn.Module | None = None, **fields: Any) -> zoo.Card:
    settings = {"seed": 0, "steps": 3, "seconds": 1.0, "metrics": {"mean": 0.0}} | fields
    return zoo.save("small", model or make(), **settings)


def test_round_trip(weights: Path) -> None:
    torch.manual_seed(0)
    model = make().eval()
    card = save(model)
    loaded = zoo.load("small")
    assert not loaded.training and zoo.card("small") == card and zoo.names() == ["small"]
    for (name, ours), theirs in zip(model.state_dict().items(), loaded.state_dict().values(), strict=True):
        assert ours.dtype == theirs.dtype, name
        exact = not name.endswith(("weight", "bias"))
        torch.testing.assert_close(theirs, ours, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-3)
    x = torch.rand(2, 3, 5, 5)
    torch.testing.assert_close(loaded(x), model(x), rtol=1e-2, atol=1e-2)


def test_parameters_are_halved_and_buffers_are_not(weights: Path) -> None:
    save()
    stored = parse((weights / "small.safetensors").read_bytes())
    assert stored["0.weight"].dtype == torch.float16
    assert stored["1.running_mean"].dtype == stored["1.running_var"].dtype == torch.float32
    assert stored["1.num_batches_tracked"].dtype == torch.int64
    assert float(stored["1.running_var"].max()) > 1000, "float16 would be coarse here"


def test_the_same_weights_give_the_same_bytes(weights: Path) -> None:
    torch.manual_seed(0)
    model = make()
    assert save(model).sha256 == save(model).sha256
    assert (
        hashlib.sha256((weights / "small.safetensors").read_bytes()).hexdigest() == zoo.card("small").sha256
    )


def test_shared_parameters(weights: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 3)
            self.b = self.a

    save(Tied())
    stored = parse((weights / "small.safetensors").read_bytes())
    assert torch.equal(stored["a.weight"], stored["b.weight"]) and stored["b.weight"].dtype == torch.float16


def test_train_keeps_the_metrics_of_what_is_stored(weights: Path) -> None:
    torch.manual_seed(0)
    card = zoo.train("small")
    assert card.metrics["mean"] == pytest.approx(evaluate(zoo.load("small"))["mean"], abs=1e-6)
    assert (card.steps, card.seconds, card.device, card.recipe) == (3, 1.3, "cpu", "small")


DAMAGES = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[:-10],
    "one bit": lambda data: data[:500] + bytes([data[500] ^ 1]) + data[501:],
    "a web page": lambda data: b"<html>Not found</html>",
    "a pointer of git-lfs": lambda data: (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    ),
    "longer": lambda data: data + b"\0",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights(damage: str, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save()
    path = weights / "small.safetensors"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    monkeypatch.setattr("safetensors.torch.load", lambda data: pytest.fail("parsed before it was verified"))
    with pytest.raises(zoo.WeightsError) as error:
        zoo.load("small")
    for word in ("small.safetensors is damaged", "SHA-256", "git checkout -- ", "make weights NAME=small"):
        assert word in str(error.value)
    assert zoo.verify("small") == str(error.value)


def test_missing_weights(weights: Path) -> None:
    save()
    (weights / "small.safetensors").unlink()
    with pytest.raises(
        zoo.WeightsError, match=r"small\.safetensors is missing.*git checkout.*make weights NAME=small"
    ):
        zoo.load("small")


def test_missing_card(weights: Path) -> None:
    save()
    (weights / "small.json").unlink()
    with pytest.raises(
        zoo.WeightsError, match=r"small\.json is missing, so its weights cannot be checked.*git checkout"
    ):
        zoo.load("small")


@pytest.mark.parametrize(
    "fields",
    [{"sha256": None}, {"metrics": None}, {"metrics": {"mean": "much"}}, {"seed": "0"}, {"recipe": 3}],
)
def test_cards_with_a_wrong_field(fields: dict[str, Any], weights: Path) -> None:
    save()
    path = weights / "small.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    with pytest.raises(zoo.WeightsError, match=r"small\.json is damaged.*git checkout"):
        zoo.load("small")


@pytest.mark.parametrize("recipe", ["../../evil", "__init__", "os.path", ""])
def test_cards_with_an_odd_recipe(recipe: str, weights: Path) -> None:
    save()
    path = weights / "small.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recipe": recipe}))
    with pytest.raises(zoo.WeightsError, match="recipe: got"):
        zoo.load("small")


@pytest.mark.parametrize("name", [None, 3, "", "../weights/small", "small.json", "a/b"])
def test_names_that_are_none(name: Any, weights: Path) -> None:
    save()
    with pytest.raises(zoo.WeightsError, match=r"weights: got .*want a name"):
        zoo.load(name)


def test_damaged_weights_that_fit_their_card(weights: Path) -> None:
    save()
    (weights / "small.safetensors").write_bytes(b"no tensors")
    path = weights / "small.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"sha256": hashlib.sha256(b"no tensors").hexdigest()})
    )
    with pytest.raises(zoo.WeightsError, match=r"small\.safetensors is what its card describes, but damaged"):
        zoo.load("small")


def test_an_installation_without_weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "ASSETS", weights / "elsewhere")
    with pytest.raises(zoo.WeightsError, match=r"Clone the course.*pip install -e \."):
        zoo.load("shapes_resnet")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"name": "small"}', '{"unknown": 1}'])
def test_damaged_card(content: str, weights: Path) -> None:
    save()
    (weights / "small.json").write_text(content)
    with pytest.raises(zoo.WeightsError, match=r"small\.json is damaged.*git checkout"):
        zoo.load("small")
    assert "damaged" in str(zoo.verify("small"))


def test_unknown_name(weights: Path) -> None:
    with pytest.raises(zoo.WeightsError, match="none yet"):
        zoo.load("detr")
    save()
    with pytest.raises(zoo.WeightsError, match="Did you mean small"):
        zoo.load("smal")


def test_weights_of_another_network(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save()
    monkeypatch.setattr(
        sys.modules["lecture_utils.recipes.small"], "build", lambda: nn.Linear(2, 2), raising=False
    )
    with pytest.raises(zoo.WeightsError, match=r"do not fit the network.*make weights NAME=small"):
        zoo.load("small")


def test_a_recipe_that_is_gone(weights: Path) -> None:
    save(recipe="gone")
    with pytest.raises(zoo.WeightsError, match=r"no recipe lecture_utils/recipes/gone\.py"):
        zoo.load("small")


def test_a_folder_that_cannot_be_written_to(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (weights / "file").write_text("")
    monkeypatch.setattr(runtime, "ASSETS", weights / "file")
    with pytest.raises(zoo.WeightsError, match="Cannot write"):
        save()


def test_a_failed_save_leaves_the_old_weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lecture_utils.provenance.files.os.replace", full)
        with pytest.raises(zoo.WeightsError, match="No space left"):
            save()
    assert zoo.verify("small") is None
    assert sorted(path.name for path in weights.iterdir()) == ["small.json", "small.safetensors"]


@pytest.mark.parametrize("value", [1e6, float("nan"), float("inf")])
def test_weights_that_float16_cannot_hold(value: float, weights: Path) -> None:
    model = make()
    with torch.no_grad():
        model.get_parameter("0.weight")[0, 0, 0, 0] = value
    with pytest.raises(zoo.WeightsError, match=r"0\.weight holds values"):
        save(model)
    assert list(weights.iterdir()) == []


def test_metrics_must_be_numbers(weights: Path) -> None:
    with pytest.raises(zoo.WeightsError, match="metric"):
        save(metrics={"mean": float("nan")})


def test_card_is_readable_json(weights: Path) -> None:
    save()
    raw = json.loads((weights / "small.json").read_text(encoding="utf-8"))
    wanted = {
        "name",
        "recipe",
        "seed",
        "steps",
        "device",
        "seconds",
        "metrics",
        "sha256",
        "torch",
        "tolerance",
        "evaluated",
    }
    assert set(raw) == wanted


def test_loading_works_for_tensors_of_any_rank(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Scalar(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.logit = nn.Parameter(torch.tensor(0.5))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.logit

    monkeypatch.setattr(sys.modules["lecture_utils.recipes.small"], "build", Scalar, raising=False)
    save(Scalar())
    assert zoo.load("small").get_parameter("logit").item() == 0.5


def test_what_was_evaluated_is_noted_and_a_false_card_is_refused(weights: Path) -> None:
    zoo.train("small")
    noted = zoo.check("small")
    assert noted.evaluated == zoo.evaluated_now(noted) == zoo.card("small").evaluated
    path = weights / "small.json"
    entry = json.loads(path.read_text())
    entry["metrics"] = {key: value + 1 for key, value in entry["metrics"].items()}
    path.write_text(json.dumps(entry))
    with pytest.raises(zoo.WeightsError, match="other metrics than its card's"):
        zoo.check("small")
