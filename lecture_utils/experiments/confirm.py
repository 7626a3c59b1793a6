"""Confirm a record under changed code: one seed is run again, and every figure has to come out the same.

Trained networks give slightly other figures on another processor (up to a hundredth was seen), although the
code is the same. So a record that was made elsewhere is confirmed *against a revision*: both codes run here.
"""

import dataclasses
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lecture_utils import provenance, runtime
from lecture_utils.experiments import ledger
from lecture_utils.experiments.record import ClaimError, Record

TOLERANCE = 1e-6  # relative or absolute, whichever is the larger

# Runs in another revision: its ledger, hashed by the present rules (argument 3 is where those lie).
THERE = """
import importlib, json, sys
from pathlib import Path
import lecture_utils
assert Path(lecture_utils.__file__).is_relative_to(Path.cwd()), lecture_utils.__file__
from lecture_utils import zoo
from lecture_utils.experiments import ledger
id, budget, rules = sys.argv[1:]
sys.path.insert(0, rules)
from present_rules import fingerprint
experiment = ledger.find(id)
names = fingerprint.names_given_to("lecture_utils.zoo.load", experiment)
recipes = [f"lecture_utils.recipes.{zoo.card(name).recipe}" for name in names]
edge = getattr(experiment.claim, "boundary", None)
more = [edge.measure] if edge else []
code = fingerprint.closure_hash(experiment, *more, *(importlib.import_module(r).build for r in recipes))
row, _ = ledger._one_seed(id, 0, budget)
print("\\n" + json.dumps({"row": row, "code": code}))
"""


def confirm(id: str, against: str = "") -> Record:
    """Run seed 0 at the record's budget; if every figure is as it was, stamp the record as confirmed.

    Parameters
    ----------
    id : str
        For example ``"C01.1"``.
    against : str
        A git revision whose code made the record (or confirmed it): its seed 0 runs here as well, and the two
        runs are compared. Empty: compared with the record.

    Raises
    ------
    ClaimError
        If the claim measures time, more than code has changed, or a figure differs.
    """
    record, experiment = ledger.load(id), ledger.find(id)
    if experiment.claim.timed:  # type: ignore[attr-defined]
        raise ClaimError(
            f"{id} measures time, which no second run repeats: run it whole, `make claims ID={id}`."
        )
    if changed := ledger.changed_beside_code(record, experiment):
        raise ClaimError(f"{id}: its {changed} changed, not only code: run it whole, `make claims ID={id}`.")
    code = ledger.code(experiment)
    if against:
        before, code_there, revision = run_there(id, record.budget, against)
        if code_there not in (record.source_hash, (record.confirmed or {}).get("hash")):
            raise ClaimError(
                f"{id}: got code {code_there} in {revision}, want that of the record, {record.source_hash}: "
                f"name the revision at which it was measured or last confirmed."
            )
    else:
        before, revision = record.figures[0], "the record"
    now, _ = ledger._one_seed(id, 0, record.budget)
    if found := list(differences(before, now)):
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        hint = "" if against else (
            " If the record was made on another processor, compare the code on this one: CONFIRM=REVISION "
            "with the revision that made it."
        )  # fmt: skip
        raise ClaimError(
            f"{id} is not confirmed: seed 0 differs from {revision} in {'; '.join(found[:3])}{more}.{hint}"
        )
    stamped = dataclasses.replace(record, confirmed=_stamp(code, revision))
    ledger.write(stamped)
    return stamped


def attempt(id: str, against: str = "") -> tuple[bool, str]:
    """Try `confirm`; return whether it did, and a line that says so or why not."""
    try:
        record = confirm(id, against)
    except ClaimError as error:
        return False, str(error)
    return True, f"{id} confirmed: seed 0 gives the figures of {(record.confirmed or {})['by']}."


def differences(before: Any, now: Any, where: str = "") -> Iterator[str]:
    """Yield where two rows of figures differ by more than `TOLERANCE`, with both values."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (before, now))
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            name = f"{where}.{key}" if where else str(key)
            if key in before and key in now:
                yield from differences(before[key], now[key], name)
            else:
                yield f"{name} ({'gone' if key in before else 'new'})"
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for k, (a, b) in enumerate(zip(before, now, strict=True)):
            yield from differences(a, b, f"{where}[{k}]")
    elif not (math.isclose(before, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE) if numbers else before == now):
        yield f"{where} ({before} before, {now} now)"


def run_there(id: str, budget: str, revision: str) -> tuple[dict[str, Any], str, str]:
    """Run seed 0 on another revision's code in a checkout of its own.

    Returns
    -------
    row : dict
    code : str
        That code's fingerprint by the present rules.
    revision : str
        Its first 12 digits.

    Raises
    ------
    ClaimError
        If there is no such revision or its code does not run.
    """
    commit = _git("rev-parse", "--verify", f"{revision}^{{commit}}").strip()
    with tempfile.TemporaryDirectory(prefix="course-confirm-") as folder:
        tree, rules = Path(folder) / "tree", Path(folder) / "present_rules"
        rules.mkdir()
        for source in ("__init__", "modules", "fingerprint"):
            text = (Path(provenance.__path__[0]) / f"{source}.py").read_text(encoding="utf-8")
            text = text.replace("lecture_utils.provenance", "present_rules")
            (rules / f"{source}.py").write_text(text, encoding="utf-8")
        _git("worktree", "add", "--detach", str(tree), commit)
        try:
            env = dict(os.environ, PYTHONPATH=str(tree), OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
            command = [sys.executable, "-c", THERE, id, budget, folder]
            done = subprocess.run(
                command, cwd=tree, env=env, capture_output=True, text=True, encoding="utf-8"
            )
        finally:
            shutil.rmtree(tree, ignore_errors=True)
            _git("worktree", "prune")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise ClaimError(f"{id} does not run on {commit[:12]}: {last}")
    found = json.loads(done.stdout.splitlines()[-1])
    return found["row"], found["code"], commit[:12]


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=runtime.ROOT, capture_output=True, text=True, encoding="utf-8"
        )
    except OSError as error:
        raise ClaimError(f"git does not start: {error.strerror or error}.") from error
    if done.returncode:
        raise ClaimError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _stamp(code: str, by: str) -> dict[str, str]:
    import torch

    return {
        "date": datetime.now(UTC).date().isoformat(), "torch": torch.__version__.partition("+")[0],
        "device": ledger._device(), "hash": code, "by": by,
    }  # fmt: skip
