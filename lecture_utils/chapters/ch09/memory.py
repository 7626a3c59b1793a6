"""How much memory a call takes at its peak, by PyTorch's own account of what it allocates and frees."""

import os
from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's notes about itself go to no notebook


def peak_bytes(run: Callable[[], object]) -> int:
    """Bytes that tensors made during a call occupy at most, all at once; on the CPU.

    What was there before counts nothing. So does memory that is not PyTorch's.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        run()
    results = watched.profiler.kineto_results
    changes = [event for event in results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(changes, key=lambda event: event.start_ns()):
        live += event.nbytes()  # below 0 where memory is given back
        peak = max(peak, live)
    return peak
