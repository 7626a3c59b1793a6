"""Shipped weights: ``assets/weights/NAME.safetensors`` with a card ``NAME.json``, checked before anything is
parsed.

Parameters are stored in float16, buffers (such as batch norm's running statistics) and integers as they are.
"""

import dataclasses
import difflib
import hashlib
import importlib
import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lecture_utils import runtime
from lecture_utils.provenance import fingerprint
from lecture_utils.provenance.files import write_atomically

if TYPE_CHECKING:
    from torch import Tensor, nn


class WeightsError(RuntimeError):
    """Weights that are missing, damaged or of another network; the message says what to do."""


@dataclass(frozen=True)
class Card:
    """How a weight file came to be.

    Attributes
    ----------
    name, recipe : str
        The file, and the module ``lecture_utils.recipes.RECIPE`` that made it.
    seed, steps : int
        Of the training.
    device : str
        What it was trained on.
    seconds : float
        Training time.
    metrics : dict of str to float
        What ``recipe.evaluate`` gave for these very weights, as stored.
    sha256 : str
        Of the weight file.
    torch : str
        Version that trained it.
    tolerance : float
        A fresh evaluation must give each metric within this; of one beyond 1, within this share of it.
    evaluated : str
        What was evaluated (`evaluated_now`): while it is the same, the metrics need no second look by day.
    """

    name: str
    recipe: str
    seed: int
    steps: int
    device: str
    seconds: float
    metrics: dict[str, float]
    sha256: str
    torch: str
    tolerance: float = 0.01
    evaluated: str = ""

    def agrees(self, key: str, fresh: float) -> bool:
        """Whether a metric that was evaluated afresh is within the tolerance of what the card says."""
        told = self.metrics[key]
        return abs(fresh - told) <= self.tolerance * max(1.0, abs(told))


def names() -> list[str]:
    """Return the names of all weights that have a card."""
    return sorted(path.stem for path in _folder().glob("*.json"))


def recipes() -> list[str]:
    """Return the names of all recipes."""
    folder = Path(__file__).parent / "recipes"
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def card(name: str) -> Card:
    """Read a card.

    Raises
    ------
    WeightsError
        If there is none, or it is damaged.
    """
    _check_name(name, "weights")
    path = _folder() / f"{name}.json"
    try:
        return _checked(Card(**json.loads(path.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        if (_folder() / f"{name}.safetensors").exists():
            raise WeightsError(
                f"{_shown(path)} is missing, so its weights cannot be checked. {_remedy(name)}"
            ) from None
        if not _folder().exists():
            raise WeightsError(
                f"There are no weights {name!r}: this installation has no {_shown(_folder())}. Clone the "
                "course and install it from there: `pip install -e .`"
            ) from None
        near = difflib.get_close_matches(name, names(), n=3, cutoff=0.4)
        hint = (
            f"Did you mean {' or '.join(near)}?"
            if near
            else f"There are: {', '.join(names()) or 'none yet'}."
        )
        raise WeightsError(f"There are no weights {name!r}. {hint}") from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{_shown(path)} is damaged ({type(error).__name__}). {_remedy(name)}") from error


def _checked(known: Card) -> Card:
    """Raise ValueError unless what a card says is of the right kind."""
    numbers = (known.seed, known.steps, known.seconds, known.tolerance, *dict(known.metrics).values())
    if any(isinstance(n, bool) or not isinstance(n, int | float) or not math.isfinite(n) for n in numbers):
        raise ValueError("a number is none")
    if not all(
        isinstance(text, str)
        for text in (known.name, known.recipe, known.device, known.torch, known.evaluated)
    ):
        raise ValueError("a text is none")
    if not re.fullmatch(r"[0-9a-f]{64}", str(known.sha256)):
        raise ValueError("sha256 is none")
    return known


def _check_name(name: object, what: str) -> None:
    """Raise unless a name can be that of a file beside the others, and of a module."""
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise WeightsError(f"{what}: got {name!r}, want a name such as 'shapes_resnet'.")


def load(name: str) -> "nn.Module":
    """Build a network by its recipe and give it the shipped weights.

    Parameters
    ----------
    name : str
        For example ``"shapes_resnet"``.

    Returns
    -------
    nn.Module
        In evaluation mode, on the CPU, in float32.

    Raises
    ------
    WeightsError
        If the file is missing or is not the one that the card describes, or the recipe builds another
        network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as parse

    known = card(name)
    try:
        state = parse(_verified(name, known))
    except SafetensorError as error:
        file = _shown(_folder() / f"{name}.safetensors")
        raise WeightsError(
            f"{file} is what its card describes, but damaged ({error}). {_remedy(name)}"
        ) from error
    model: nn.Module = _recipe(known.recipe).build()
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"The weights {name!r} do not fit the network that recipes/{known.recipe}.py builds now, "
            f"so they are older than the code: run `make weights NAME={name}`. "
            + str(error).splitlines()[-1].strip()
        ) from error
    return model.eval()


def verify(name: str) -> str | None:
    """Return what is wrong with a weight file, or None: reads and hashes, builds nothing."""
    try:
        _verified(name, card(name))
    except WeightsError as error:
        return str(error)
    return None


def _verified(name: str, known: Card) -> bytes:
    path = _folder() / f"{name}.safetensors"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{_shown(path)} is missing. {_remedy(name)}") from None
    except OSError as error:
        raise WeightsError(f"{_shown(path)} cannot be read: {error.strerror or error}.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != known.sha256:
        raise WeightsError(
            f"{_shown(path)} is damaged: its SHA-256 begins {found[:12]}, the card says {known.sha256[:12]} "
            f"({len(data):,} bytes read). {_remedy(name)}"
        )
    return data


def save(
    name: str,
    model: "nn.Module",
    *,
    seed: int,
    steps: int,
    seconds: float,
    metrics: dict[str, float],
    device: str = "",
    recipe: str = "",
    tolerance: float = 0.01,
) -> Card:
    """Write weights and their card.

    Parameters
    ----------
    name : str
        Of both files.
    model : nn.Module
        Its parameters are stored in float16, its buffers as they are.
    seed, steps, seconds, metrics, tolerance
        For the card. `metrics` should come from the stored weights: `train` sees to that.
    device : str
        Where it was trained; the present device if empty.
    recipe : str
        Module in ``lecture_utils.recipes``; `name` if empty.

    Raises
    ------
    WeightsError
        If a weight or metric is not finite or too large for float16, or the files cannot be written.
    """
    known: Any = {
        "seed": seed,
        "steps": steps,
        "seconds": seconds,
        "metrics": metrics,
        "tolerance": tolerance,
    }
    return keep(_packed(name, model, recipe=recipe or name, device=device, **known))


def _packed(
    name: str,
    model: "nn.Module",
    *,
    seconds: float,
    metrics: dict[str, float],
    device: str = "",
    **known: Any,
) -> tuple[Card, bytes]:
    """Make a card and the bytes of the weight file."""
    import torch
    from safetensors.torch import save as serialise

    _check_name(name, "weights")
    data = serialise(_stored(name, model))
    if any(not math.isfinite(value) for value in metrics.values()):
        raise WeightsError(f"{name}: got the metrics {metrics}, want finite numbers.")
    made = Card(
        name=name, device=device or runtime.device().type, seconds=round(seconds, 1),
        metrics={key: round(float(value), 6) for key, value in metrics.items()},
        sha256=hashlib.sha256(data).hexdigest(), torch=torch.__version__.partition("+")[0], **known,
    )  # fmt: skip
    return made, data


def keep(made: tuple[Card, bytes]) -> Card:
    """Write what `made` gives, the weights and their card.

    Raises
    ------
    WeightsError
        If the files cannot be written.
    """
    known, data = made
    try:
        write_atomically(_folder() / f"{known.name}.safetensors", data)
        write_atomically(_folder() / f"{known.name}.json", json.dumps(asdict(known), indent=1) + "\n")
    except OSError as error:
        raise WeightsError(f"Cannot write to {_shown(_folder())}: {error.strerror or error}.") from error
    return known


def _stored(name: str, model: "nn.Module") -> "dict[str, Tensor]":
    import torch

    parameters = {key for key, _ in model.named_parameters(remove_duplicate=False)}
    stored = {}
    for key, value in model.state_dict().items():
        value = value.detach().cpu()
        if key in parameters and value.is_floating_point():
            value = value.to(torch.float16)
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise WeightsError(f"{name}: {key} holds values that are not finite, or too large for float16.")
        stored[key] = value.contiguous().clone()  # channels-last and shared tensors are stored plainly
    return stored


def train(name: str, seed: int = 0) -> Card:
    """Train by the recipe, store the weights, evaluate what was stored, and write the card.

    Parameters
    ----------
    name : str
        A module in ``lecture_utils.recipes``.
    seed : int
        Handed to the recipe.

    Raises
    ------
    WeightsError
        As for `save`; or if there is no such recipe.
    """
    return keep(made(name, seed))


def made(name: str, seed: int = 0) -> tuple[Card, bytes]:
    """Train by the recipe and evaluate what will be stored; write nothing (another machine may do this)."""
    recipe = _recipe(name)
    model, info = recipe.train(seed)
    rounded = recipe.build()
    rounded.load_state_dict(_stored(name, model))
    metrics = recipe.evaluate(rounded.eval())
    times: Any = {"steps": int(info["steps"]), "seconds": float(info["seconds"])}
    return _packed(name, model, recipe=name, seed=seed, metrics=metrics, tolerance=0.01, **times)


def evaluated_now(known: Card) -> str:
    """Say what an evaluation of these weights would cover: the weights, and the logic that it reaches."""
    recipe = _recipe(known.recipe)
    return f"{known.sha256[:16]}-{fingerprint.closure_hash(recipe.build, recipe.evaluate)}"


def check(name: str) -> Card:
    """Evaluate shipped weights afresh, hold the card to it, and note on the card what was evaluated.

    Raises
    ------
    WeightsError
        If the file is damaged, or a metric is off by more than the card's tolerance.
    """
    known = card(name)
    fresh = _recipe(known.recipe).evaluate(load(name))
    off = {
        key: (known.metrics.get(key), fresh.get(key))
        for key in {**known.metrics, **fresh}
        if key not in known.metrics.keys() & fresh.keys() or not known.agrees(key, fresh[key])
    }
    if off:
        raise WeightsError(f"{name}: got other metrics than its card's (card, fresh): {off}")
    noted = dataclasses.replace(known, evaluated=evaluated_now(known))
    if noted != known:
        write_atomically(_folder() / f"{name}.json", json.dumps(asdict(noted), indent=1) + "\n")
    return noted


def _recipe(name: str) -> Any:
    _check_name(name, "recipe")
    module = f"lecture_utils.recipes.{name}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in (module, "lecture_utils.recipes"):
            raise
        raise WeightsError(
            f"There is no recipe lecture_utils/recipes/{name}.py for the weights {name!r}."
        ) from None


def _folder() -> Path:
    return runtime.ASSETS / "weights"


def _shown(path: Path) -> str:
    return path.relative_to(runtime.ROOT).as_posix() if path.is_relative_to(runtime.ROOT) else str(path)


def _remedy(name: str) -> str:
    restore = f"git checkout -- assets/weights/{name}.json assets/weights/{name}.safetensors"
    return f"Restore both files with `{restore}`, or train them anew with `make weights NAME={name}`."
