"""Good calls of explain."""

import torch

from lecture_utils.explain.dissection import Dissection
from lecture_utils.explain.pca import fit_pca
from tests.bad_calls import (
    count,
    floats,
    index,
    labels,
    made,
    masks,
    number,
    pair,
    word,
)  # fmt: skip
from tests.good_calls.makers import (
    ATTENTION,
    DATABASE,
    EIGHT,
    GAN,
    MAPS,
    NET,
    TARGET,
    UNITS,
    VECTORS,
    Call,
    X,
    joint,
    segment,
)

GOOD: dict[str, dict[str, Call]] = {
    "explain.attention_maps": {
        "cls_attention": {"attention": ATTENTION, "grid": pair(2, 2), "layer": index(1, 2)},
        "rollout": {"attention": ATTENTION, "residual": number(0.5)},
        "rollout_map": {"attention": ATTENTION, "grid": pair(2, 2), "residual": number(0.5)},
    },
    "explain.baselines": {"centre_map": {"images": X, "spread": number(0.25)}, "edge_map": {"images": X}},
    "explain.cam": {
        "class_activation_maps": {"maps": MAPS, "weight": floats(5, 3)},
        "cam": {**TARGET, "layer": word("stages"), "head": word("head")},
    },
    "explain.class_visualisation": {
        "regulariser": {"x": X, "l2": number(1.0), "total_variation": number(1.0)},
        "gaussian_blur": {"x": X, "sigma": number(1.0)},
        "visualise_class": {"model": NET, "target": index(1, 5), "size": count(8), "channels": count(3),
            "steps": count(1), "rate": number(0.05), "objective": word("logit"), "l2": number(1.0),
            "total_variation": number(1.0), "jitter": count(1, zero=True), "blur": pair(0.6, 0.2),
            "every": count(1, zero=True), "seed": count(0, zero=True)},
    },
    "explain.dissection": {
        "Dissection.labels": {"self": made(lambda: Dissection(torch.rand(3, 2), torch.rand(3), ("a",
            "b"))), "minimum": number(0.1)},
        "Dissection.detectors": {"self": made(lambda: Dissection(torch.rand(3, 2), torch.rand(3), ("a",
            "b"))), "minimum": number(0.1)},
        "unit_thresholds": {"maps": floats(2, 3, 4, 4), "share": number(0.1)},
        "unit_masks": {"maps": floats(2, 3, 4, 4), "thresholds": floats(3), "size": pair(8, 8)},
        "dissect": {"maps": floats(2, 3, 4, 4), "concepts": masks(2, 2, 8, 8), "names": ["a", "b"],
            "share": number(0.1), "batch": count(2)},
    },
    "explain.fourier_ascent": {
        "colour_basis": {"photographs": X},
        "wave_scale": {"size": count(8), "decay": number(1.0)},
        "picture_of": {"waves": floats(2, 3, 8, 5, 2), "scale": floats(8, 5), "colours": floats(3, 3)},
        "moved_at_random": {"x": X, "generator": made(torch.Generator)},
        "climb_waves": {"model": NET, "target": index(1, 5), "colours": floats(3, 3), "size": count(8),
            "steps": count(1), "rate": number(0.05), "decay": number(1.0), "seed": count(0, zero=True)},
    },
    "explain.gan_dissection": {
        "edited": {"generator": GAN, "layer": word("blocks.0"), **UNITS},
        "generate": {"generator": GAN, "z": floats(2, 4), "batch": count(2)},
        "dissect_generator": {"generator": GAN, "layer": word("blocks.0"), "z": floats(2, 4),
            "segment": segment, "names": ["a", "b"]},
        "top_units": {"found": made(lambda: Dissection(torch.rand(3, 2), torch.rand(3), ("a", "b"))),
            "concept": word("a"), "count": count(2)},
        "concept_shares": {"pictures": X, "segment": segment, "count": count(2)},
        "concept_ids": {"pictures": X, "segment": segment},
        "shares_after": {"generator": GAN, "layer": word("blocks.0"), "z": floats(2, 4),
            "segment": segment, "count": count(2), **UNITS, "region": masks(8, 8)},
        "high_values": {"maps": MAPS, "units": [0, 2], "quantile": number(0.9)},
    },
    "explain.grad_cam": {"grad_cam": {**TARGET, "layer": word("stages")}},
    "explain.gradients": {
        "input_gradient": TARGET,
        "gradient_times_input": TARGET,
        "smooth_grad": {**TARGET, "samples": count(2), "noise": number(0.1), "seed": count(0, zero=True)},
        "saliency": {"gradient": X},
    },
    "explain.hooks": {
        "record": {"self": NET, "*": ("stages",)},
        "find_layer": {"model": NET, "name": word("stages")},
        "activations": {"model": NET, "images": X, "layer": word("stages"), "batch": count(2)},
    },
    "explain.maps": {
        "upsample": {"maps": floats(2, 4, 4), "size": pair(8, 8), "mode": word("bilinear")},
        "to_unit": {"maps": floats(2, 4, 4)},
        "tokens_to_maps": {"tokens": floats(2, 5, 8), "grid": pair(2, 2)},
        "patch_grid": {"patches": count(4), "grid": pair(2, 2)},
    },
    "explain.pca": {
        "fit_pca": {"x": VECTORS, "k": count(2)},
        "PCA.transform": {"self": made(lambda: fit_pca(torch.rand(6, 4))), "x": floats(3, 4)},
        "PCA.inverse": {"self": made(lambda: fit_pca(torch.rand(6, 4))), "z": floats(3, 2)},
    },
    "explain.retrieval": {
        "FeatureDatabase": {"features": VECTORS, "labels": labels(None, 6), "metric": word("cosine")},
        "FeatureDatabase.similarity": {"self": DATABASE, "x": floats(3, 4)},
        **{f"FeatureDatabase.{name}": {"self": DATABASE, "x": floats(3, 4), "k": count(2),
            "exclude": labels(6, 3)} for name in ("query", "knn_predict")},
        "FeatureDatabase.precision_at_k": {"self": DATABASE, "x": floats(3, 4), "labels": labels(None, 3),
            "k": count(2), "exclude": labels(6, 3)},
    },
    "explain.sanity": {
        "weight_layers": {"model": NET},
        "cascade": {"model": NET, "seed": count(0, zero=True)},
        "average_ranks": {"values": floats(2, 8)},
        "rank_correlation": {"a": floats(2, 8, 6), "b": floats(2, 8, 6)},
        "cascading_randomisation": {"model": NET, "explain": lambda net: net(torch.rand(1, 3, 8, 8))[:,
            None], "seed": count(0, zero=True)},
    },
    "explain.target": {
        "target_score": {"output": floats(2, 5), "target": labels(5, 2)},
        "class_index": {"target": labels(5, 2), "batch": count(2), "classes": count(5)},
    },
    "explain.tsne": {
        "conditional_probabilities": {"x": EIGHT, "perplexity": number(2.0), "tolerance": number(1e-5)},
        "joint_probabilities": {"x": EIGHT, "perplexity": number(2.0)},
        "kl_divergence": {"p": floats(8, 8, of=joint), "y": floats(8, 2)},
        "tsne_gradient": {"p": floats(8, 8, of=joint), "y": floats(8, 2), "exaggeration": number(1.0)},
        "tsne": {"x": EIGHT, "perplexity": number(2.0), "dims": count(2), "steps": count(2, zero=True),
            "exaggeration": number(2.0), "exaggeration_steps": count(1, zero=True),
            "learning_rate": number(1.0), "init": word("pca"), "seed": count(0, zero=True),
            "every": count(1, zero=True)},
    },
}  # fmt: skip
