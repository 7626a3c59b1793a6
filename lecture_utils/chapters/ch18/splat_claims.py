"""Chapter 18: what the lecture claims about 3D Gaussian splatting beside NeRF, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it.
Pictures have 64 × 64 pixels; test views stand between the training views (`recipes._views`).
"""

import functools
import statistics

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld import solids
from lecture_utils.experiments.rules import Rule, claim
from lecture_utils.metrics.psnr import psnr
from lecture_utils.ops.camera import Cameras, orbit
from lecture_utils.recipes import _views, solids_gaussians, solids_nerf
from lecture_utils.rendering.gaussians.fit import FitSettings
from lecture_utils.rendering.nerf import NeRF, render_views
from lecture_utils.training.kit import Figures, size, timed_call, train_cycle


def mean_psnr(images: Tensor, truth: Tensor) -> float:
    """Mean PSNR of pictures (V, 3, H, W), in dB."""
    return float(psnr(images.clamp(0, 1), truth).mean())


# --- C18.1 -------------------------------------------------------------------------------------------
def new_views(seed: int, budget: str) -> tuple[Cameras, Tensor]:
    """Views of the showpiece at a seed's own places on the test circle, and what is to be seen there."""
    count, side = size(budget, quick=(2, 16), full=(8, 64))
    cameras = orbit(
        count, (side, side), radius_m=_views.RADIUS_M, elevation_deg=30.0, start_deg=9.0 * seed + 4.5
    )
    return cameras, solids.render_solids(solids.showpiece(), cameras, samples=_views.SAMPLES).image


@claim(
    "C18.1",
    statement="3D Gaussian splatting renders ten times as fast as our NeRF, or faster, at a higher PSNR.",
    paper="B. Kerbl, G. Kopanas, T. Leimkühler, G. Drettakis, 3D Gaussian Splatting for Real-Time Radiance "
    "Field Rendering, SIGGRAPH 2023, table 1",
    rule=(
        Rule("faster", above=10.0),
        Rule("gain_db", above=0.0),
    ),
    seeds=5,
    timed=True,
    note="The shipped weights of both, trained on the same 40 views of the same scene. Each ray of the NeRF "
    "is asked at 24 places by the coarse and at 48 by the fine network; rays that miss the scene's ball"
    " are not asked at all. One picture at a time, one thread, in turn, medians over eight views at a "
    "seed's own places on the test circle. The interval covers views and the machine, not other "
    "trainings; the training seconds are those of the cards.",
    names={
        "faster": "seconds of NeRF for a picture over those of splatting",
        "gain_db": "PSNR of splatting minus PSNR of NeRF, in dB",
    },
)
def c18_1_frames(seed: int, budget: str) -> Figures:
    """Seconds for a picture and PSNR of both, on the same views."""
    nerf, splats = zoo.load("solids_nerf"), zoo.load("solids_gaussians")
    assert isinstance(nerf, NeRF)
    cameras, truth = new_views(seed, budget)
    seconds: dict[str, list[float]] = {"NeRF": [], "splatting": []}
    with torch.inference_mode():
        scores = {
            "NeRF": mean_psnr(render_views(nerf, cameras).image, truth),  # also whatever a first call makes
            "splatting": mean_psnr(splats(cameras), truth),
        }
        for i in range(len(cameras)):
            seconds["NeRF"].append(timed_call(functools.partial(render_views, nerf, cameras[i])))
            seconds["splatting"].append(timed_call(functools.partial(splats, cameras[i])))
    median = {name: statistics.median(own) for name, own in seconds.items()}
    return {
        "faster": median["NeRF"] / median["splatting"],
        "gain_db": scores["splatting"] - scores["NeRF"],
        "frames": {name: 1 / own for name, own in median.items()},
        "scores": scores,
        "training_seconds": {
            "NeRF": zoo.card("solids_nerf").seconds,
            "splatting": zoo.card("solids_gaussians").seconds,
        },
    }


# --- C18.5 -------------------------------------------------------------------------------------------
VIEWS = (3, 6, 12, 24, 48)


def fit_sizes(budget: str) -> tuple[int, int, tuple[int, int]]:
    """Steps of NeRF, steps of splatting, size of the pictures."""
    return size(budget, quick=(2, 2, (16, 16)), full=(1500, 800, (64, 64)), gpu=(6000, 3000, (64, 64)))


@functools.lru_cache(maxsize=2)
def own_scene(seed: int) -> solids.SolidScene:
    """Two to four solids on a ground, drawn from the test scenes."""
    return solids.sample_solid(seed, split="test", count=(2, 4))


def nerf_psnr(seed: int, budget: str, views: int) -> float:
    """PSNR on the test views of a NeRF that was trained on so many."""
    steps, _, side = fit_sizes(budget)
    scene = own_scene(seed)
    torch.manual_seed(seed)
    model = solids_nerf.build(samples=16, more_samples=16)
    rays = _views.training_rays(scene, count=views, size=side)
    train_cycle(
        model,
        _views.ray_batches(*rays, batch=solids_nerf.BATCH, seed=seed),
        loss=solids_nerf.rays_loss,
        optimizer=torch.optim.Adam(model.parameters(), solids_nerf.RATE, betas=(0.9, 0.99)),
        steps=steps,
        warm_up=solids_nerf.WARM_UP,
        cycle_momentum=False,
    )
    cameras, truth = _views.pictures(scene, "test", size=side)
    return mean_psnr(render_views(model.eval(), cameras).image, truth.image)


def splats_psnr(seed: int, budget: str, views: int) -> float:
    """PSNR on the test views of Gaussians that were fitted to so many."""
    _, steps, side = fit_sizes(budget)
    scene = own_scene(seed)
    settings = FitSettings(
        steps=steps, densify_until=5 * steps // 8, degree_every=max(1, steps // 4), most=1000
    )
    cameras, seen = _views.pictures(scene, "train", count=views, size=side)
    fitted, _ = solids_gaussians.fitted(cameras, seen.image, settings, seed=seed)
    cameras, truth = _views.pictures(scene, "test", size=side)
    with torch.inference_mode():
        return mean_psnr(fitted(cameras), truth.image)


@claim(
    "C18.5",
    statement="Doubling the views helps less and less: NeRF and splatting both gain more PSNR from 6 to 12 "
    "views than from 24 to 48, and with 3 views both stay 3 dB or more below what they reach with 48.",
    paper="B. Mildenhall et al., NeRF, ECCV 2020, table 2, rows 5, 6 and 9 (25 views 27.8 dB, 50 views 29.8, "
    "100 views 31.0); for splatting with few views Z. Zhu, Z. Fan, Y. Jiang, Z. Wang, FSGS: Real-Time "
    "Few-shot View Synthesis using Gaussian Splatting, ECCV 2024",
    rule=(
        Rule("nerf_bends", above=0.0),
        Rule("splats_bend", above=0.0),
        Rule("nerf_loses", above=3.0),
        Rule("splats_lose", above=3.0),
    ),
    seeds=3,
    note="Two to four solids of the seed's own; 3, 6, 12, 24 or 48 training views, half of them 15° and half"
    " 45° above the ground, and 8 test views at 30°. The same settings whatever the number of views: "
    "1,500 steps of 256 rays and 16 + 16 samples for NeRF, 800 steps and at most 1,000 Gaussians for "
    "splatting, a quarter and a fifth of what the shipped ones were given. No prior for few views, "
    "which later methods add.",
    names={
        "nerf_bends": "NeRF's gain from 6 to 12 views minus that from 24 to 48, in dB",
        "splats_bend": "splatting's gain from 6 to 12 views minus that from 24 to 48, in dB",
        "nerf_loses": "NeRF's PSNR with 48 views minus that with 3, in dB",
        "splats_lose": "splatting's PSNR with 48 views minus that with 3, in dB",
    },
)
def c18_5_views(seed: int, budget: str) -> Figures:
    """PSNR on test views of both methods for five numbers of training views."""
    nerf = {views: nerf_psnr(seed, budget, views) for views in VIEWS}
    splats = {views: splats_psnr(seed, budget, views) for views in VIEWS}
    return {
        "nerf_bends": bend(nerf),
        "splats_bend": bend(splats),
        "nerf_loses": nerf[48] - nerf[3],
        "splats_lose": splats[48] - splats[3],
        "psnr": {
            "NeRF": {str(views): own for views, own in nerf.items()},
            "splatting": {str(views): own for views, own in splats.items()},
        },
    }


def bend(scores: dict[int, float]) -> float:
    """The gain from 6 to 12 views minus the gain from 24 to 48."""
    return (scores[12] - scores[6]) - (scores[48] - scores[24])
