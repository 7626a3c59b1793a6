"""The claims ledger: run an experiment over its seeds, keep the figures, and let the rule decide.

A record is one file, ``assets/claims/ID.json``. Whether a claim holds is always computed from the figures by
the rule in the code; *not reproduced* is a result like any other.
"""

import importlib
import json
import platform
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lecture_utils import runtime, zoo
from lecture_utils.experiments.record import (
    ClaimError,
    Record,
    boundary_text,
    derive_effect,
    derive_holds,
    effect_text,
    holds,
    in_words,
    number,
    parse,
    plain,
    rule_text,
    verdict,
)
from lecture_utils.experiments.rules import Boundary, Claim, Experiment, Rule, claim
from lecture_utils.experiments.unfinished import Unfinished
from lecture_utils.provenance import fingerprint
from lecture_utils.provenance.files import write_atomically
from lecture_utils.provenance.modules import chapter_modules
from lecture_utils.training.jobs import spread

__all__ = [
    "Boundary", "Claim", "ClaimError", "Record", "Rule", "boundary_text", "claim", "code", "derive_effect",
    "derive_holds", "effect_text", "find", "ids", "in_words", "load", "records", "rule_text", "run",
    "run_all", "stale", "statements", "verdict", "weights", "write",
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


def run(id: str, budget: str = "full", *, jobs: int = 1, engine: str = "processes") -> Record:
    """Measure one claim, as `run_all` does."""
    return run_all([id], budget, jobs=jobs, engine=engine)[0]


def run_all(
    ids: Sequence[str], budget: str = "full", *, jobs: int = 1, engine: str = "processes"
) -> list[Record]:
    """Measure claims over all their seeds, print one line a seed, and write each record when it is complete.

    A measurement that was interrupted goes on where it was: see `Unfinished`. One of time begins again.

    Parameters
    ----------
    ids : sequence of str
        For example ``["C01.1"]``.
    budget : str
        ``"quick"``, ``"full"`` or ``"gpu"``; handed to the experiments.
    jobs, engine
        As for `spread`: the seeds of all claims share them. Each computes with one thread, so neither changes
        a figure.

    Raises
    ------
    ClaimError
        If a claim does not exist, returns what cannot be recorded, or a record cannot be written.
    """
    experiments = [find(id) for id in ids]
    # Before the run: an edit, or new weights, in mid-run must not pass as measured.
    before = [(code(experiment), weights(experiment)) for experiment in experiments]
    claims: list[Claim] = [experiment.claim for experiment in experiments]  # type: ignore[attr-defined]
    begun = [
        Unfinished(
            id, {"code": hash, "weights": loaded, "budget": budget, "on": _device(), "torch": _torch()}
        )
        for id, (hash, loaded) in zip(ids, before, strict=True)
    ]
    for item, part in zip(claims, begun, strict=True):
        if item.timed:
            part.results.clear()
    tasks = [
        (item.id, seed, budget, at)
        for item, part in zip(claims, begun, strict=True)
        for seed, at in _plan(item)
        if (seed, at) not in part.results
    ]
    results = spread(_one_point, tasks, jobs=jobs, engine=engine)
    return [
        _measured(item, part, results, budget, *known)
        for item, part, known in zip(claims, begun, before, strict=True)
    ]


def _plan(item: Claim) -> list[tuple[int, float | None]]:
    """Every (seed, point of the boundary or None) that a claim's record needs."""
    points = (None, *(item.boundary.points if item.boundary else ()))
    return [(seed, at) for at in points for seed in range(item.seeds)]


def _measured(
    item: Claim,
    begun: Unfinished,
    results: Iterator[tuple[dict[str, Any], float]],
    budget: str,
    source_hash: str,
    loaded: dict[str, str],
) -> Record:
    """Take a claim's results as they come, and write its record."""
    plan = _plan(item)
    rows: dict[float | None, list[dict[str, Any]]] = {at: [] for _, at in plan}
    seconds = 0.0
    for seed, at in plan:
        if earlier := begun.results.get((seed, at)):
            row, took = earlier
        else:
            row, took = next(results)
            begun.keep(seed, at, (row, took))
        rows[at].append(row)
        seconds += took
        shown = item.rules if at is None else item.rules[:1]
        values = ", ".join(f"{in_words(r.figure, item.names)} = {number(row[r.figure])}" for r in shown)
        where = "" if at is None or item.boundary is None else f", {item.boundary.axis} {at:g}"
        when = ", earlier" if earlier else ""
        count = f"{len(rows[at])} of {item.seeds}"
        print(f"{item.id} seed {seed}{where} ({count}): {values}  [{took:.1f} s{when}]", flush=True)
    figures = rows.pop(None)
    swept = [{"at": at, "figures": found} for at, found in rows.items()]
    record = Record(
        id=item.id, statement=item.statement, paper=item.paper, rules=item.rules, figures=figures,
        effect=derive_effect(item.rules[0], figures), holds=all(holds(r, figures) for r in item.rules),
        device=_device(), seconds=float(f"{seconds:.3g}"), budget=budget, source_hash=source_hash,
        torch=_torch(), date=datetime.now(UTC).date().isoformat(), note=item.note,
        weights=loaded,
        boundary={"axis": item.boundary.axis, "points": swept} if item.boundary else None,
    )  # fmt: skip
    write(record)
    begun.forget()
    print(f"{item.id} {verdict(record)}: {effect_text(record, item.names)}", flush=True)
    return record


def write(record: Record) -> None:
    """Write a record's file.

    Raises
    ------
    ClaimError
        If it cannot be written.
    """
    path = _path(record.id)
    known = {key: value for key, value in asdict(record).items() if value is not None or key == "effect"}
    text = json.dumps(known, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        write_atomically(path, text)
    except OSError as error:
        raise ClaimError(f"Cannot write {path}: {error.strerror or error}.") from error


def _one_seed(id: str, seed: int, budget: str) -> tuple[dict[str, Any], float]:
    """Run one seed with one thread; return its figures, fit for JSON, and the seconds."""
    return _one_point(id, seed, budget, None)


def _one_point(id: str, seed: int, budget: str, at: float | None) -> tuple[dict[str, Any], float]:
    """Run one seed of a claim, or of one point of its boundary."""
    import torch

    experiment = find(id)
    item: Claim = experiment.claim  # type: ignore[attr-defined]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    runtime.seed_everything(seed)
    start = time.perf_counter()
    try:
        if at is None or item.boundary is None:
            figures = experiment(seed, budget)
        else:
            figures = item.boundary.measure(seed, budget, at)
    finally:
        torch.set_num_threads(threads)
    seconds = time.perf_counter() - start
    if not isinstance(figures, Mapping):
        raise ClaimError(f"{id}: got {type(figures).__name__} from the experiment, want a dict of figures.")
    row = {"seed": seed, **{key: plain(value, f"{id}: {key}") for key, value in figures.items()}}
    for rule in item.rules if at is None else item.rules[:1]:
        value = row.get(rule.figure, "")
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise ClaimError(f"{id}: got {row.get(rule.figure)!r} for {rule.figure!r}, want a number.")
    return row, seconds


def _torch() -> str:
    import torch

    return torch.__version__.partition("+")[0]


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


def code(experiment: Experiment) -> str:
    """Return the fingerprint of an experiment: its code, its boundary's, and the networks of its weights."""
    item: Claim = experiment.claim  # type: ignore[attr-defined]
    more = [item.boundary.measure] if item.boundary else []
    for name in fingerprint.names_given_to("lecture_utils.zoo.load", experiment):
        more.append(importlib.import_module(f"lecture_utils.recipes.{zoo.card(name).recipe}").build)
    return fingerprint.closure_hash(experiment, *more)


def stale(record: Record) -> str | None:
    """Return why a record no longer belongs to the code and the weights, or None."""
    try:
        experiment = find(record.id)
        present = code(experiment)
        changed = changed_beside_code(record, experiment)
    except (ClaimError, zoo.WeightsError, ImportError) as error:
        return str(error)
    if changed:
        return f"{record.id}: its {changed} changed after it was measured: run `make claims ID={record.id}`."
    if present not in (record.source_hash, (record.confirmed or {}).get("hash")):
        return (
            f"{record.id}: its code changed after it was measured: run `make claims ID={record.id}`, or, "
            f"where no figure should change, confirm it: `make claims ID={record.id} CONFIRM=1`."
        )
    return None


def changed_beside_code(record: Record, experiment: Experiment) -> str:
    """Return what, other than code, is not as it was when a record was made; empty if nothing."""
    item: Claim = experiment.claim  # type: ignore[attr-defined]
    swept = [point["at"] for point in (record.boundary or {}).get("points", [])]
    for name, stored, present in (
        ("statement", record.statement, item.statement), ("paper", record.paper, item.paper),
        ("rule", record.rules, item.rules), ("number of seeds", len(record.figures), item.seeds),
        ("set of loaded weights", record.weights, weights(experiment)),
        ("boundary", swept, list(item.boundary.points) if item.boundary else []),
    ):  # fmt: skip
        if stored != present:
            return name
    return ""


def load(id: str) -> Record:
    """Read a claim's record.

    Raises
    ------
    ClaimError
        If it has not been measured, or the file is damaged.
    """
    path = _path(id)
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ClaimError(f"{id} has not been measured yet: run `make claims ID={id}`.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ClaimError(
            f"The record assets/claims/{path.name} is damaged ({type(error).__name__}): "
            f"restore it with `git checkout -- assets/claims/{path.name}`."
        ) from error


def records() -> list[Record]:
    """Return every record in ``assets/claims``, by id; files that are no claim's are passed over."""
    names = [path.stem for path in (runtime.ASSETS / "claims").glob("C*.json")]
    names = [name for name in names if re.fullmatch(r"C\d+\.\d+", name)]
    return [load(name) for name in sorted(names, key=lambda n: [int(part) for part in re.findall(r"\d+", n)])]


def _path(id: str) -> Path:
    return runtime.ASSETS / "claims" / f"{id}.json"
