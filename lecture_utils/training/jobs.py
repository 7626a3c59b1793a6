"""Many runs that do not depend on each other: here one by one, in several processes, or on a Ray cluster."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")
ENGINES = ("processes", "ray")


class JobsError(RuntimeError):
    """An engine that is not there; the message says what to install."""


def spread(
    function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], *, jobs: int = 1, engine: str = "processes"
) -> Iterator[T]:
    """Call a function with each task's arguments; yield the results in the tasks' order.

    Every process computes with one thread, so where it runs changes no result.

    Parameters
    ----------
    function : callable
        Of a module, so that other processes can import it.
    tasks : sequence of tuple
        Arguments, one tuple a call.
    jobs : int
        Processes; 1 computes in this one. On a Ray cluster (``RAY_ADDRESS``) the cluster decides.
    engine : str
        "processes", or "ray": every machine of the cluster needs the course installed.

    Raises
    ------
    ValueError
        If `jobs` is below 1, or there is no such engine.
    JobsError
        If Ray is not installed.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise ValueError(f"jobs: got {jobs!r}, want 1 or more")
    if engine not in ENGINES:
        raise ValueError(f"engine: got {engine!r}, want {' or '.join(ENGINES)}")
    if engine == "ray":
        return _on_ray(function, tasks, jobs)
    if jobs == 1:
        return (function(*task) for task in tasks)
    return _in_processes(function, tasks, jobs)


def _in_processes(function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], jobs: int) -> Iterator[T]:
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        runs = [pool.submit(alone, function, task) for task in tasks]
        try:
            for run in runs:
                yield run.result()
        finally:
            for run in runs:
                run.cancel()


def _on_ray(function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], jobs: int) -> Iterator[T]:
    try:
        import ray
    except ImportError:
        raise JobsError(
            "ENGINE=ray needs Ray, which is not installed here: `pip install -e '.[ray]'` in the course's "
            "folder, or leave ENGINE out and use JOBS=2, which needs nothing more."
        ) from None
    own = not ray.is_initialized()
    if own and os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False)
    elif own:
        ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False)
    remote: Any = ray.remote(num_cpus=1, max_retries=0)(alone)
    runs = [remote.remote(function, task) for task in tasks]
    try:
        for run in runs:
            yield ray.get(run)
    finally:
        if own:
            ray.shutdown()


def alone(function: Callable[..., T], task: tuple[Any, ...]) -> T:
    """Call a function in a process of its own, with one thread."""
    import torch

    torch.set_num_threads(1)
    return function(*task)
