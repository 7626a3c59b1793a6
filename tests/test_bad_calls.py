"""Bad calls are refused clearly: a walk over all public functions of systems, metrics, training, data.

Each good call of `tests/good_calls` is spoiled as `bad_calls` says. A new public function needs a line
there, or in `WITHOUT` the reason why it has none. `pytest -s` prints the figures of each package.
"""

import functools
import importlib
import inspect
import pkgutil
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

import lecture_utils
from tests.bad_calls import SILENT, Case, bad_calls, build, call
from tests.bad_calls_said import RIGHT, WITHOUT
from tests.good_calls import GOOD

NOT_WALKED = {
    "chapters",
    "exercises",
    "experiments",
    "hub",
    "kernel",
    "plotting",
    "provenance",
    "recipes",
    "widgets",
}
PACKAGES = sorted(
    item.name
    for item in pkgutil.iter_modules(lecture_utils.__path__)
    if item.ispkg and item.name not in NOT_WALKED
)
OVERALL, EACH = 0.90, 0.85  # least share of bad calls that are refused clearly or answered rightly


def public() -> dict[str, Callable[..., Any]]:
    """All functions, classes and methods that can be given something wrong, by dotted name.

    Left out are the checks themselves (they are met through whoever calls them), exceptions, records that
    check nothing, and what takes no argument.
    """
    found: dict[str, Callable[..., Any]] = {}
    for package in PACKAGES:
        top = importlib.import_module(f"lecture_utils.{package}")
        names = [item.name for item in pkgutil.walk_packages(top.__path__, f"{top.__name__}.")]
        for module in [top, *map(importlib.import_module, names)]:
            place = module.__name__.removeprefix(f"{lecture_utils.__name__}.")
            for name, item in vars(module).items():
                own = getattr(item, "__module__", None) == module.__name__
                if name.startswith(("_", "check_")) or not own or not callable(item):
                    continue
                if inspect.isclass(item):
                    found |= {f"{place}.{name}{part}": f for part, f in members(item).items()}
                elif inspect.signature(item).parameters:
                    found[f"{place}.{name}"] = item
    return found


def members(item: type) -> dict[str, Callable[..., Any]]:
    """The constructor of a class (as "") and its own public methods."""
    parts = vars(item)
    checks = "__init__" in parts or "__post_init__" in parts
    bare = (
        issubclass(item, tuple | BaseException)
        or not checks
        or ("__dataclass_fields__" in parts and "__post_init__" not in parts)
    )
    methods = {
        f".{name}": method
        for name, method in parts.items()
        if inspect.isfunction(method)
        and not name.startswith(("_", "check"))
        and len(inspect.signature(method).parameters) > 1
    }
    return methods if bare else {"": item, **methods}


PUBLIC = public()


def reason(name: str) -> str:
    """Why there is no good call of this, if it is said."""
    return next((why for pattern, why in WITHOUT.items() if fnmatchcase(name, pattern)), "")


def test_every_public_function_has_a_good_call_or_a_reason_why_not() -> None:
    missing = [name for name in PUBLIC if name not in GOOD and not reason(name)]
    assert not missing, f"got no good call of {missing}, want one in tests/good_calls"
    gone = [name for name in GOOD if name not in PUBLIC]
    gone += [pattern for pattern in WITHOUT if not any(fnmatchcase(name, pattern) for name in PUBLIC)]
    assert not gone, f"got {gone}, which the package has not"


def test_good_calls_work() -> None:
    failed = []
    for name, arguments in GOOD.items():
        try:
            call(PUBLIC[name], build(arguments))
        except Exception as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")
    assert not failed, "\n".join(failed)


def right(case: Case) -> str:
    """The pattern of `RIGHT` that says why this call may be answered, if any."""
    return next((pattern for pattern in RIGHT if fnmatchcase(str(case), pattern)), "")


@functools.cache
def cases_of(package: str) -> list[Case]:
    """Every bad call of a package with its verdict."""
    names = [name for name in GOOD if name.split(".")[0] == package]
    done = [case for name in names for case in bad_calls(name, PUBLIC[name], GOOD[name])]
    return [
        case._replace(verdict="right") if case.verdict == "silent" and right(case) else case for case in done
    ]


def fine(case: Case) -> bool:
    """Whether the call was refused clearly or answered rightly."""
    return case.verdict in ("clear", "right")


def figures(what: str, its: list[Case]) -> str:
    """How many calls there are, and how they were judged."""
    counts = ", ".join(f"{n} {verdict}" for verdict, n in Counter(c.verdict for c in its).most_common())
    return f"{what:12} {len(its):5} calls {sum(map(fine, its)) / max(len(its), 1):6.1%} fine: {counts}"


@pytest.mark.parametrize("package", PACKAGES)
def test_bad_calls_are_refused_clearly_or_answered_rightly(package: str) -> None:
    its = cases_of(package)
    print("\n" + figures(package, its))
    bad = [f"{case}: {case.verdict}, {case.told}" for case in its if not fine(case)]
    assert sum(map(fine, its)) >= EACH * len(its), "\n".join([figures(package, its), *bad])
    silent = [str(case) for case in its if case.kind.split(",")[0] in SILENT and case.verdict == "silent"]
    assert not silent, "\n".join(["want an error or NaN, got a finite answer to:", *silent])


@pytest.mark.nightly
def test_over_all_packages_more_are_fine_and_every_reason_for_an_answer_is_needed() -> None:
    cases = [case for package in PACKAGES for case in cases_of(package)]
    assert sum(map(fine, cases)) >= OVERALL * len(cases), figures("all", cases)
    used = {right(case) for case in cases if case.verdict == "right"}
    assert not set(RIGHT) - used, f"got {sorted(set(RIGHT) - used)} in RIGHT, want only what is answered"
