"""Measure speed and size, print the figures and write docs/bench.md (`make bench`).

Ratios are taken in one run, with the two sides in turn, so that a busy machine slows both alike.
`--only resnet,convolution` measures a part and writes nothing.
"""

import argparse
import platform
import runpy
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import bench_body
import bench_detection
import bench_diffusion
import bench_multimodal
import bench_rendering
import bench_segmentation
import numpy as np
import psutil
import torch
import torch.nn.functional as F
from bench_pairs import Rows, in_turn
from torch import nn

from lecture_utils.widgets.discover import discover
from lecture_utils.widgets.widget import Widget

ROOT = Path(__file__).resolve().parent.parent


def resnet() -> Rows:
    """Forward and backward of ResNet-18, ours and torchvision's, in training mode on the same batch."""
    from torchvision.models import resnet18 as theirs

    from lecture_utils.backbones.resnet import resnet18 as ours

    torch.manual_seed(0)
    x, y = torch.randn(8, 3, 224, 224), torch.randint(1000, (8,))
    a, b, ratio = in_turn(step(ours().train(), x, y), step(theirs().train(), x, y), 15)
    what = "ResNet-18 forward + backward, 8 × 224², ours : torchvision"
    return [(what, f"{ratio:.3f} ({a * 1e3:.0f} ms : {b * 1e3:.0f} ms)", "≤ 1.05")]


def step(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[], object]:
    """Return a function that does one forward and backward pass."""

    def run() -> None:
        model.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), y).backward()

    return run


def transformers() -> Rows:
    """Forward and backward of ViT-S/16 and Swin-T against torchvision's, in training mode, no dropout."""
    from torchvision.models import SwinTransformer, VisionTransformer

    from lecture_utils.backbones.swin import swin_t
    from lecture_utils.backbones.vit import ViT

    torch.manual_seed(0)
    x, y = torch.randn(4, 3, 224, 224), torch.randint(1000, (4,))
    small = ViT(image=224, patch=16, dim=384, heads=6, hidden=1536, layers=12, classes=1000)
    pairs: dict[str, tuple[nn.Module, nn.Module]] = {
        "ViT-S/16": (small, VisionTransformer(224, 16, 12, 6, 384, 1536)),
        "Swin-T": (
            swin_t(),
            SwinTransformer([4, 4], 96, [2, 2, 6, 2], [3, 6, 12, 24], [7, 7], stochastic_depth_prob=0.0),
        ),
    }
    rows: Rows = []
    for name, (ours, theirs) in pairs.items():
        a, b, ratio = in_turn(step(ours.train(), x, y), step(theirs.train(), x, y), 9)
        what = f"{name} forward + backward, 4 × 224², ours : torchvision"
        rows.append((what, f"{ratio:.3f} ({a * 1e3:.0f} ms : {b * 1e3:.0f} ms)", "≤ 1.10"))
    return rows


def tokens() -> Rows:
    """How the time of an attention layer grows with the number of tokens: claim C02.4's, on three sizes."""
    from lecture_utils.chapters.ch02.claims import c02_4_cost

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = c02_4_cost(0, "quick")
    finally:
        torch.set_num_threads(threads)
    span = f"{found['tokens'][0]:,} to {found['tokens'][-1]:,} tokens"
    return [
        (f"Time against tokens, {name} attention, {span}: log-log slope", f"{found[key]:.2f}", aim)
        for name, key, aim in (
            ("global", "time_slope_global", "about 2"),
            ("windowed", "time_slope_window", "about 1"),
        )
    ]


def convolution() -> Rows:
    """Our convolution as one matrix product against PyTorch's."""
    from lecture_utils.ops.convolution import conv2d

    torch.manual_seed(0)
    rows: Rows = []
    for shape, channels, kernel in (
        ((8, 3, 64, 64), 16, 3),
        ((8, 64, 32, 32), 64, 3),
        ((8, 64, 32, 32), 64, 7),
    ):
        x, weight = torch.randn(shape), torch.randn(channels, shape[1], kernel, kernel)

        def ours(x: torch.Tensor = x, weight: torch.Tensor = weight, padding: int = kernel // 2) -> object:
            return conv2d(x, weight, padding=padding)

        def theirs(x: torch.Tensor = x, weight: torch.Tensor = weight, padding: int = kernel // 2) -> object:
            return F.conv2d(x, weight, padding=padding)

        a, b, ratio = in_turn(ours, theirs, 25)
        size = " × ".join(map(str, shape))
        what = f"im2col convolution {kernel}×{kernel}, {size} to {channels}, ours : F.conv2d"
        rows.append((what, f"{ratio:.2f} ({a * 1e3:.2f} ms : {b * 1e3:.2f} ms)", ""))
    return rows


def tsne() -> Rows:
    """Our exact t-SNE of all digits against scikit-learn's Barnes-Hut, each with its own settings."""
    from sklearn.manifold import TSNE

    from lecture_utils.data import digits
    from lecture_utils.explain.tsne import joint_probabilities, kl_divergence, tsne

    x = digits.load(split="all")[0].flatten(1)
    maps: dict[str, torch.Tensor] = {}

    def ours() -> None:
        maps["ours"] = tsne(x).embedding

    def theirs() -> None:
        maps["theirs"] = torch.from_numpy(TSNE(random_state=0).fit_transform(x.numpy()))

    a, b, ratio = in_turn(ours, theirs, 3)
    p = joint_probabilities(x)
    kl, their_kl = (kl_divergence(p, maps[side]) for side in ("ours", "theirs"))
    return [
        ("t-SNE of 1,797 digits, ours : scikit-learn", f"{ratio:.2f} ({a:.1f} s : {b:.1f} s)", "≤ 2"),
        (
            "Its divergence KL(P ‖ Q), ours : scikit-learn",
            f"{kl / their_kl:.3f} ({kl:.3f} : {their_kl:.3f})",
            "≤ 1.05",
        ),
    ]


def scenes() -> Rows:
    """Toy scenes a second, sampled and rendered with boxes and masks."""
    from lecture_utils.data import toyworld

    only = ("image", "boxes", "boxes_full", "instance", "semantic")

    def batch(n: int, seed: int) -> float:
        begin = time.perf_counter()
        toyworld.render(toyworld.sample_scenes(n, seed=seed), 64, only=only)
        return n / (time.perf_counter() - begin)

    batch(64, 0)
    rate = statistics.median(batch(512, seed) for seed in range(1, 6))
    return [("Toy scenes, 64×64, with boxes and masks", f"{rate:,.0f} a second", "≥ 1,000")]


def accuracy() -> Rows:
    """A linear classifier on the toy world's pixels against a small CNN, as their test measures it."""
    path = ROOT / "tests" / "data" / "test_toyworld_learning.py"
    test = runpy.run_path(str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the linear model may stop before it has converged
        got = test["measure"](8000, 800, 30, (1e-5, 1e-4))
    what = "Accuracy on a toy object's class, 8,000 pictures: linear on pixels : small CNN"
    chance = 1 / len(test["CLASSES"])
    return [(what, f"{got['linear']:.1%} : {got['net']:.1%} (chance {chance:.1%})", "far apart")]


def import_time() -> Rows:
    """Seconds that `import lecture_utils` takes in a fresh interpreter."""
    code = "import time; t = time.perf_counter(); import lecture_utils; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(7)
    ]
    return [("`import lecture_utils`", f"{statistics.median(times) * 1e3:.0f} ms", "≤ 300 ms")]


def chapters() -> Rows:
    """Run each chapter from its source, as the build does."""
    import tomllib

    from notebook_run import run
    from notebook_source import assemble, sources, target

    listed = tomllib.loads((ROOT / "docs" / "course.toml").read_text(encoding="utf-8"))["chapter"]
    aims = {entry["number"]: entry.get("seconds", 120) for entry in listed}
    rows: Rows = []
    for path in sources([]):
        number = path.stem.partition("_")[0]
        stats = run(assemble(path), target(path).parent)
        first = "none" if stats.first_picture_seconds is None else f"{stats.first_picture_seconds:.1f} s"
        cell = max(seconds for _, seconds, _ in stats.cells)
        aim = aims.get(number, 120)
        rows += [
            (
                f"Chapter {number}, wall (CPU)",
                f"{stats.wall_seconds:.0f} s ({stats.cpu_seconds:.0f} s)",
                f"≤ {aim} s",
            ),
            (f"Chapter {number}, slowest cell", f"{cell:.1f} s", "≤ 30 s"),
            (f"Chapter {number}, first picture", first, "≤ 10 s"),
            (f"Chapter {number}, peak memory", f"{stats.peak_memory_mb:,.0f} MB", "≤ 2,000 MB"),
        ]
    return rows


def widgets() -> Rows:
    """From a control's change to the picture's bytes, over every control's ends and middle."""
    rows: Rows = []
    every: list[float] = []
    for name, widget in sorted(discover().items()):
        settings = [{key: value} for key, control in widget.controls.items() for value in control.probes()]
        draw(widget, settings[0])
        times = []
        for values in settings * 3:
            begin = time.perf_counter()
            draw(widget, values)
            times.append((time.perf_counter() - begin) * 1e3)
        every += times
        rows.append((f"Widget {name}, p50 and p95", percentiles(times), "≤ 100 ms"))
    return [("All widgets, p50 and p95", percentiles(every), "≤ 100 ms"), *rows] if every else []


def draw(widget: Widget, values: dict[str, object]) -> bytes:
    """Do what a live widget does on a change: compute the picture and encode it."""
    from lecture_utils.plotting.display import png_bytes

    return png_bytes(widget.picture(**widget.values(**values)), limit=None, level=1)


def percentiles(times: list[float]) -> str:
    """Return the median and the 95th percentile of milliseconds as text."""
    return f"{np.percentile(times, 50):.0f} ms, {np.percentile(times, 95):.0f} ms"


def rounds() -> Rows:
    """What the last `make test` took by steps, and what it would take with all chapters.

    Drift, gate and notebooks grow with the chapters, tests of content with the systems, the browser by part
    of a chapter each; the rest stays.
    """
    import json
    import tomllib

    folder = ROOT / ".course"
    if not (folder / "steps.json").exists() or not (folder / "times.json").exists():
        return []
    course = tomllib.loads((ROOT / "docs" / "course.toml").read_text(encoding="utf-8"))["chapter"]
    there = [chapter for chapter in course if "file" in chapter or "files" in chapter]
    chapters = len(course) / len(there)
    systems = sum(len(c["systems"]) for c in course) / sum(len(c["systems"]) for c in there)
    times = json.loads((folder / "times.json").read_text(encoding="utf-8"))
    machinery = sum(seconds for name, seconds in times.items() if "machinery" in name) / sum(times.values())
    growth = {"unit": machinery + (1 - machinery) * systems}
    growth |= dict.fromkeys(("drift", "gate", "notebooks", "browser"), chapters)
    rows, now, then = [], 0.0, 0.0
    for step, seconds in json.loads((folder / "steps.json").read_text(encoding="utf-8")).items():
        now, then = now + seconds, then + seconds * growth.get(step, 1)
        rows.append(
            (f"`make test`, {step}", f"{seconds:.0f} s", f"×{growth.get(step, 1):.1f} at {len(course)}")
        )
    measured = f"{now / 60:.0f} min, extrapolated {then / 60:.0f}"
    return [
        *rows,
        (f"`make test`, {len(there)} chapters, and {len(course)} by these factors", measured, "≤ 45 min"),
    ]


SECTIONS: dict[str, Callable[[], Rows]] = {
    "resnet": resnet,
    "transformers": transformers,
    "tokens": tokens,
    "convolution": convolution,
    "tsne": tsne,
    **bench_detection.SECTIONS,
    **bench_segmentation.SECTIONS,
    **bench_rendering.SECTIONS,
    **bench_body.SECTIONS,
    **bench_multimodal.SECTIONS,
    **bench_diffusion.SECTIONS,
    "scenes": scenes,
    "accuracy": accuracy,
    "import": import_time,
    "chapters": chapters,
    "widgets": widgets,
    "rounds": rounds,
}


def hardware() -> str:
    """Name the machine that the figures belong to."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), name)
    memory = psutil.virtual_memory().total / 2**30
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return (
        f"{platform.system()}, {psutil.cpu_count()} cores ({name}), {memory:.0f} GiB, {versions}, on the CPU"
    )


def page(rows: Rows) -> str:
    """Return docs/bench.md."""
    head = "# Speed and size\n\n<!-- Written by `make bench`. -->\n\n"
    text = f"Measured on {hardware()}. Ratios are medians over pairs timed in turn in one run.\n\n"
    lines = [("What", "Measured", "Aim"), ("---", "---", "---"), *rows]
    return head + text + "".join(f"| {a} | {b} | {c} |\n" for a, b, c in lines)


def main(argv: list[str] | None = None) -> int:
    """Measure all sections, or those named."""
    parser = argparse.ArgumentParser(description="Measure speed and size.")
    parser.add_argument("--only", default="", help=f"comma-separated, writes nothing: {','.join(SECTIONS)}")
    names = [name for name in parser.parse_args(argv).only.split(",") if name]
    if unknown := set(names) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    rows: Rows = []
    for name in names or SECTIONS:
        print(f"{name} …", flush=True)
        found = SECTIONS[name]()
        for what, measured, aim in found:
            print(f"  {what}: {measured}" + (f"  (aim {aim})" if aim else ""), flush=True)
        rows += found
    if not names:
        (ROOT / "docs" / "bench.md").write_text(page(rows), encoding="utf-8", newline="\n")
        print("docs/bench.md written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
