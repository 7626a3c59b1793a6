"""Good calls of metrics, training and data."""

import torch

from lecture_utils.data import toyworld
from tests.bad_calls import (
    count,
    floats,
    grouped,
    images,
    labels,
    made,
    masks,
    number,
    pair,
    pixels,
    word,
)  # fmt: skip
from tests.good_calls.makers import (
    NET,
    PAIRED,
    PROBED,
    SCENES,
    VECTORS,
    Call,
    X,
    draw,
    rows,
    small_vit,
    training,
)

GOOD: dict[str, dict[str, Call]] = {
    "metrics.attention_iou": {
        "top_mass": {"attention": floats(2, 9, of=lambda x: x), "mass": number(0.6)},
        "intersection_over_union": {"mask": masks(2, 8, 6), "truth": masks(2, 8, 6)},
        "head_masks": {"attention": floats(2, 2, 4, of=lambda x: x), "size": count(8), "mass": number(0.6)},
        "head_ious": {"attention": floats(2, 2, 4, of=lambda x: x), "truth": masks(2, 8, 8),
            "mass": number(0.6)},
    },
    "metrics.boundary_iou": {
        "band_width": {"height": count(8), "width": count(6)},
        "boundary": {"mask": masks(2, 8, 6), "width": count(2)},
        **{name: {"predicted": labels(3, 2, 4, 4), "target": labels(3, 2, 4, 4), "classes": count(3),
            "width": count(1)} for name in ("boundary_iou_by_class", "mean_boundary_iou")},
    },
    "metrics.calibration": {
        **{name: {"probabilities": floats(4, 5, of=rows), "labels": labels(5, 4),
            "bins": count(3)} for name in ("reliability", "expected_calibration_error")},
    },
    "metrics.frechet": {
        "gaussian_fit": {"features": VECTORS},
        "frechet_distance": {name: grouped(floats(4), floats(4, 4, of=lambda x: x @ x.T)) for name in ("a",
            "b")},
        "sqrt_psd": {"matrix": floats(4, 4, of=lambda x: x @ x.T)},
        "stage_features": {"model": NET, "images": X, "batch_size": count(2)},
        "frechet_at_sizes": {"features": VECTORS, "sizes": (2, 4), "seed": count(0, zero=True),
            "reference": grouped(floats(4), floats(4, 4, of=lambda x: x @ x.T))},
        "without_bias": {"sizes": (10, 20), "distances": (2.0, 1.5)},
    },
    "metrics.kernel_distance": {"kernel_distance": {"a": VECTORS, "b": floats(5, 4)}},
    "metrics.localisation": {
        "pointing_game": {**PAIRED, "tolerance": number(1.0)},
        "dilate": {"masks": masks(2, 8, 6), "radius": number(1.0)},
        "energy_in_mask": PAIRED,
    },
    "metrics.nearest": {"nearest_rows": {"rows": VECTORS, "pool": floats(5, 4), "k": count(2)}},
    "metrics.precision_recall": {"precision_recall": {"generated": VECTORS, "real": floats(5, 4),
        "k": count(2)}},
    "metrics.probes": {
        "knn_scores": {**PROBED, "queries": floats(3, 4), "k": count(2), "temperature": number(0.07),
            "classes": count(3)},
        "knn_accuracy": {**PROBED, "queries": floats(3, 4), "answers": labels(None, 3), "k": count(2),
            "temperature": number(0.07)},
        "linear_probe": {name: grouped(VECTORS, labels(None, 6)) for name in ("train", "val", "test")},
        "fit_linear": {**PROBED, "decay": number(0.01), "classes": count(3)},
    },
    "metrics.psnr": {"psnr": {"picture": pixels(2, 3, 8, 6), "truth": floats(2, 3, 8, 6, of=lambda x: x),
        "where": masks(2, 1, 8, 6)}},
    "metrics.segmentation": {
        **{name: {"predicted": labels(3, 2, 4, 4), "target": labels(3, 2, 4, 4),
            "classes": count(3)} for name in ("confusion", "mean_iou")},
        **{name: {"table": labels(None, 3, 3)} for name in ("iou_by_class", "dice_by_class")},
        "without_ignored": {"predicted": labels(None, 2, 4, 4), "target": labels(None, 2, 4, 4),
            "ignored": count(255, zero=True)},
    },
    "training.jobs": {
        "spread": {"function": max, "tasks": [(1, 2)], "jobs": count(1), "engine": word("processes")},
    },
    "training.kit": {
        "size": {"budget": word("quick"), "quick": 1, "full": 2},
        "best_setting": {"settings": [1.0, 2.0], "score": float},
        "train_cycle": training(warm_up=number(0.3)),
        "mirrored": {"images": images(2, 3, 8, 6), "generator": draw},
    },
    "training.loop": {
        "fit": training(steps=count(2, zero=True), evaluate_every=count(0, zero=True), progress=False),
        "is_finite": {"value": made(lambda: torch.tensor(1.0))},
        "minibatches": {"x": X, "y": labels(None, 2), "batch_size": count(2), "seed": count(0, zero=True)},
        "predictions": {"model": NET, "x": X, "batch_size": count(2)},
        "accuracy": {"model": NET, "x": X, "y": labels(5, 2), "batch_size": count(2)},
    },
    "training.losses": {"cross_entropy": {"model": NET, "x": X, "y": labels(5, 2)}},
    "training.muon": {
        "MuonAndAdamW": {"model": (small := small_vit()), "layers": small.layers, "rate": number(0.01),
            "decay": number(0.1)},
    },
    "training.one_cycle": {"one_cycle": training(warm_up=number(0.3), label="test")},
    "data.concepts": {"concept_masks": {"sample": made(lambda: toyworld.render(toyworld.sample_scenes(2),
        16))}},
    "data.digits": {"load": {"size": count(8), "split": word("train")}},
    "data.photographs": {
        "load": {"name": word("astronaut"), "size": count(16)},
        "open": {"path": word("assets/images/front.png"), "size": count(16)},
    },
    "data.portraits": {
        "portrait_scenes": {"n": count(2, zero=True), "split": word("train"), "seed": count(0, zero=True)},
        "portraits": {"n": count(2, zero=True), "split": word("train"), "seed": count(0, zero=True),
            "size": count(16)},
    },
    "data.toyworld": {
        **{name: {"n": count(2, zero=True), "size": count(16), "split": word("train"),
            "seed": count(0, zero=True)}
            for name in ("classification", "detection", "instances", "segmentation")},
    },
    "data.toyworld.render": {"render": {"scenes": SCENES, "size": count(16), "only": word("image")}},
    "data.toyworld.sampling": {"sample_scenes": {"n": count(2, zero=True), "seed": count(0, zero=True),
        "split": word("train")}},
    "data.toyworld.sampling.ground": {"Ground": {"kinds": ("grass", "sand")}},
    "data.toyworld.sampling.light": {
        "Light": {"brightness": pair(0.8, 1.2), "azimuth": pair(-60.0, 60.0), "elevation": pair(30.0,
            60.0), "warmth": pair(-1.0, 1.0)},
    },
    "data.toyworld.sampling.objects": {
        "Objects": {"count": pair(1, 3), "size": pair(0.3, 0.5), "distance": pair(2.5, 6.0),
            "turn": number(1.0)},
    },
}  # fmt: skip
