"""The claims ledger: run an experiment over its seeds, keep the figures, and let the rule decide.

A record is one file, ``assets/claims/ID.json``. Whether a claim holds is always computed from the figures by
the rule in the code; *not reproduced* is a result like any other.
"""

import json
import platform
import re
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from lecture_utils import runtime, zoo
from lecture_utils.experiments.record import (
    ClaimError,
    Record,
    derive_effect,
    derive_holds,
    effect_text,
    holds,
    number,
    plain,
    rule_text,
    verdict,
)  # fmt: skip
from lecture_utils.experiments.rules import Claim, Experiment, Rule, claim
from lecture_utils.provenance import fingerprint
from lecture_utils.provenance.files import write_atomically
from lecture_utils.provenance.modules import chapter_modules

__all__ = [
    "Claim", "ClaimError", "Record", "Rule", "claim", "derive_effect", "derive_holds", "effect_text", "find",
    "ids", "load", "records", "rule_text", "run", "stale", "statements", "verdict",
    "weights",
]  # fmt: skip


def statements() -> list[Claim]:
    """Return every claim in the code, by id."""
    return [function.claim for function in _experiments()]


def ids() -> list[str]:
    """Return the id of every claim in the code."""
    return [item.id for item in statements()]


def find(id: str) -> Experiment:
    """Return the experiment ``function(seed, budget) -> figures`` behind a claim.

    Raises
    ------
    ClaimError
        If no claim has this id.
    """
    if match := re.fullmatch(r"C(\d\d)\.\d+", id):
        for function in _experiments(match[1]):
            if function.claim.id == id:
                return function
    known = ", ".join(ids())
    raise ClaimError(f"There is no claim {id!r}. Known: {known or 'none yet'}.")


def _experiments(chapter: str = "??") -> list[Any]:
    found = [
        f
        for module in chapter_modules("claims", chapter)
        for f in vars(module).values()
        if callable(f) and isinstance(getattr(f, "claim", None), Claim)
    ]
    return sorted(found, key=lambda f: [int(part) for part in f.claim.id[1:].split(".")])


def run(id: str, budget: str = "full", *, workers: int = 1) -> Record:
    """Measure a claim over all its seeds, print one line a seed, and write the record.

    Parameters
    ----------
    id : str
        For example ``"C01.1"``.
    budget : str
        ``"quick"``, ``"full"`` or ``"gpu"``; handed to the experiment.
    workers : int
        Processes; each computes with one thread, so results do not depend on their number.

    Raises
    ------
    ClaimError
        If the claim does not exist, returns what cannot be recorded, or the record cannot be written.
    """
    experiment = find(id)
    item: Claim = experiment.claim  # type: ignore[attr-defined]
    # Before the run: an edit, or new weights, in mid-run must not pass as measured.
    code, loaded = fingerprint.closure_hash(experiment), weights(experiment)
    figures, seconds = [], 0.0
    for done, (row, took) in enumerate(_rows(item, budget, workers), start=1):
        figures.append(row)
        seconds += took
        values = ", ".join(f"{r.figure} = {number(row[r.figure])}" for r in item.rules)
        print(f"{id} seed {row['seed']} ({done} of {item.seeds}): {values}  [{took:.1f} s]", flush=True)
    import torch

    record = Record(
        id=id, statement=item.statement, paper=item.paper, rules=item.rules, figures=figures,
        effect=derive_effect(item.rules[0], figures), holds=all(holds(r, figures) for r in item.rules),
        device=_device(), seconds=float(f"{seconds:.3g}"), budget=budget, source_hash=code,
        torch=torch.__version__.partition("+")[0], date=datetime.now(UTC).date().isoformat(), note=item.note,
        weights=loaded,
    )  # fmt: skip
    try:
        write_atomically(
            _path(id), json.dumps(asdict(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        )
    except OSError as error:
        raise ClaimError(f"Cannot write {_path(id)}: {error.strerror or error}.") from error
    print(f"{id} {verdict(record)}: {effect_text(record)}", flush=True)
    return record


def _rows(item: Claim, budget: str, workers: int) -> Iterable[tuple[dict[str, Any], float]]:
    seeds = range(item.seeds)
    if workers <= 1:
        yield from (_one_seed(item.id, seed, budget) for seed in seeds)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_one_seed, [item.id] * len(seeds), seeds, [budget] * len(seeds))


def _one_seed(id: str, seed: int, budget: str) -> tuple[dict[str, Any], float]:
    """Run one seed with one thread; return its figures, fit for JSON, and the seconds."""
    import torch

    experiment = find(id)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    runtime.seed_everything(seed)
    start = time.perf_counter()
    try:
        figures = experiment(seed, budget)
    finally:
        torch.set_num_threads(threads)
    seconds = time.perf_counter() - start
    if not isinstance(figures, Mapping):
        raise ClaimError(f"{id}: an experiment returns a dict of figures, got {type(figures).__name__}.")
    row = {"seed": seed, **{key: plain(value, f"{id}: {key}") for key, value in figures.items()}}
    for rule in experiment.claim.rules:  # type: ignore[attr-defined]
        if not isinstance(row.get(rule.figure, ""), int | float | None):
            raise ClaimError(
                f"{id}: the rule's figure {rule.figure!r} must be a number, got {row.get(rule.figure)!r}."
            )
    return row, seconds


def _device() -> str:
    device = runtime.device()
    if device.type == "cuda":
        import torch

        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({platform.machine()}, one thread)"


def weights(experiment: Experiment) -> dict[str, str]:
    """Return the shipped weights that an experiment's code loads, each with the SHA-256 on its card.

    Read from the calls of ``zoo.load`` in the code that it reaches: retraining weights changes no code, yet
    what was measured with the old ones is measured no more.

    Raises
    ------
    WeightsError
        If a card is missing or damaged.
    ValueError
        If a call does not say by name what it loads.
    """
    names = fingerprint.names_given_to("lecture_utils.zoo.load", experiment)
    return {name: zoo.card(name).sha256 for name in names}


def stale(record: Record) -> str | None:
    """Return why a record no longer belongs to the code and the weights, or None."""
    try:
        experiment = find(record.id)
        present_weights = weights(experiment)
    except (ClaimError, zoo.WeightsError) as error:
        return str(error)
    item: Claim = experiment.claim  # type: ignore[attr-defined]
    for name, stored, present in (
        ("statement", record.statement, item.statement), ("paper", record.paper, item.paper),
        ("rule", record.rules, item.rules), ("number of seeds", len(record.figures), item.seeds),
        ("code", record.source_hash, fingerprint.closure_hash(experiment)),
        ("set of loaded weights", record.weights, present_weights),
    ):  # fmt: skip
        if stored != present:
            return f"{record.id}: its {name} changed after it was measured: run `make claims ID={record.id}`."
    return None


def load(id: str) -> Record:
    """Read a claim's record.

    Raises
    ------
    ClaimError
        If it has not been measured, or the file is damaged.
    """
    path = _path(id)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        rules = tuple(Rule(**rule) for rule in raw.pop("rules"))
        return Record(rules=rules, **raw)
    except FileNotFoundError:
        raise ClaimError(f"{id} has not been measured yet: run `make claims ID={id}`.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClaimError(
            f"The record assets/claims/{path.name} is damaged ({type(error).__name__}): "
            f"restore it with `git checkout -- assets/claims/{path.name}`."
        ) from error


def records() -> list[Record]:
    """Return every record in ``assets/claims``, by id."""
    names = [path.stem for path in (runtime.ASSETS / "claims").glob("C*.json")]
    return [load(name) for name in sorted(names, key=lambda n: [int(part) for part in re.findall(r"\d+", n)])]


def _path(id: str) -> Path:
    return runtime.ASSETS / "claims" / f"{id}.json"
