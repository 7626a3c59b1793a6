"""Chapter 16: what a step of pixel and of latent diffusion costs: CPU time by stage, memory, samples.

CPU time of this thread, in milliseconds; the parts take turns, so that a busy machine slows all alike.

Shapes: B batch.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils.recipes._equal_compute import (
    BATCH,
    CODE,
    SIZE,
    build_coder,
    build_latent,
    build_pixel,
    noising,
    optimizer_of,
    painted,
    rebuilding,
)
from lecture_utils.selfsup.ema import EMA

Stages = dict[str, dict[str, float]]
Batch = tuple[Tensor, Tensor]
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def parts() -> dict[str, tuple[nn.Module, Loss, Batch]]:
    """Each part of the trainings: untrained model, loss, and a batch of 32."""
    torch.manual_seed(0)
    image, labels = torch.rand(BATCH, 3, SIZE, SIZE), torch.zeros(BATCH, 2, dtype=torch.int64)
    code = torch.randn(BATCH, *CODE)
    made: dict[str, tuple[nn.Module, Loss, Batch]] = {
        "pixel, fold 2": (build_pixel(2), noising, (2 * image - 1, labels)),
        "pixel, fold 4": (build_pixel(4), noising, (2 * image - 1, labels)),
        "latent": (build_latent(build_coder()), noising, (code, labels)),
        "auto-encoder": (build_coder(), rebuilding, (image, code)),
    }
    for model, _, _ in made.values():
        model.to(memory_format=torch.channels_last)
    return made


def stages(repeats: int = 12, warm_up: int = 2) -> Stages:
    """CPU milliseconds of a step of each part: "forward", "backward", "update" (AdamW, moving average).

    "encode" has a "forward" alone: 32 pictures' codes, made once. The median of `repeats` rounds, after
    `warm_up` more, which are not measured.
    """
    made = parts()
    coder, _, (image, _) = made["auto-encoder"]
    kept = {name: (optimizer_of(model, 1e-4), EMA(model)) for name, (model, _, _) in made.items()}
    taken: dict[str, dict[str, list[float]]] = {name: {} for name in (*made, "encode")}
    for turn in range(repeats + warm_up):
        for name, (model, loss, batch) in made.items():
            optimizer, ema = kept[name]
            marks = [time.thread_time()]
            value = loss(model, *batch)
            marks.append(time.thread_time())
            optimizer.zero_grad()
            value.backward()
            marks.append(time.thread_time())
            optimizer.step()
            ema.update(model)
            marks.append(time.thread_time())
            for stage, start, end in zip(("forward", "backward", "update"), marks, marks[1:], strict=False):
                taken[name].setdefault(stage, []).extend([1000 * (end - start)] * (turn >= warm_up))
        start = time.thread_time()
        with torch.no_grad():
            coder.encode(image)  # type: ignore[operator]
        taken["encode"].setdefault("forward", []).extend(
            [1000 * (time.thread_time() - start)] * (turn >= warm_up)
        )
    return {name: {key: statistics.median(v) for key, v in found.items()} for name, found in taken.items()}


def kept_bytes(name: str) -> int:
    """How many bytes a step of a part keeps for the way back, parameters not counted."""
    model, loss, batch = parts()[name]
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        if (at := x.untyped_storage().data_ptr()) not in own:
            kept[at] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        value = loss(model, *batch)  # alive until counted, so that no storage is used twice
    del value
    return sum(kept.values())


def speeds(n: int = 32, repeats: int = 3) -> dict[str, float]:
    """Guided pictures a CPU second of each arm, by 10 steps of DDIM, decoding included."""
    labels, found = torch.zeros(n, 2, dtype=torch.int64), {}
    models = {name: made[0] for name, made in parts().items() if name != "auto-encoder"}
    taken: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(repeats):
        for name, model in models.items():
            start = time.thread_time()
            painted(model, labels, seed=0)  # type: ignore[arg-type]
            taken[name].append(time.thread_time() - start)
    for name, times in taken.items():
        found[name] = n / statistics.median(times)
    return found
