"""The second half of the good calls: self-supervision, explanation, augmentation, GANs, metrics, training, data.

See `good_calls` for what these tables are; `WITHOUT` and `RIGHT` stand here for all packages.
"""


import torch

from lecture_utils.data import toyworld
from lecture_utils.explain.dissection import Dissection
from lecture_utils.explain.pca import fit_pca
from lecture_utils.generative import dcgan
from lecture_utils.selfsup.dino import DINOHead
from lecture_utils.selfsup.ema import EMA
from lecture_utils.selfsup.mae import MAE, MAEWithMoments
from lecture_utils.selfsup.small_vit import PooledClassifier, StandardViT
from tests.bad_calls import (
    boxes,
    count,
    floats,
    grouped,
    images,
    index,
    labels,
    made,
    masks,
    number,
    pair,
    pixels,
    word,
)  # fmt: skip
from tests.good_calls import (
    MAPS,
    NET,
    VIT,
    Call,
    X,
    annotated,
    database,
    draw,
    instances,
    joint,
    optimizer,
    rows,
    segment,
    small_dino,
    small_gan,
    small_net,
    small_vit,
    training,
)  # fmt: skip

GAN, DATABASE, DINO_, SAMPLE, PASTED = map(made, (small_gan, database, small_dino, annotated, instances))
SCENES = made(lambda: toyworld.sample_scenes(2))
MAES = {"width": count(8), "heads": count(2), "layers": count(1), "ratio": number(0.5)}
MASKED = made(lambda: MAE(small_vit(), width=8, heads=2).eval())
MOMENTS = made(lambda: MAEWithMoments(small_vit(), width=8, heads=2).eval())
ATTENTION = floats(2, 2, 3, 5, 5, of=rows)
PICTURES, SMALL = images(2, 3, 8, 8), pixels(2, 3, 8, 6)
VECTORS, EIGHT = floats(6, 4), floats(8, 4)
TARGET = {"model": NET, "x": X, "target": index(1, 5)}
UNITS = {"units": [0, 2], "value": number(0.0), "region": masks(4, 4)}
PAIRED = {"maps": floats(2, 8, 6, of=lambda x: x), "masks": masks(2, 8, 6)}
PROBED = {"x": VECTORS, "y": labels(None, 6)}
SOFT = floats(2, 5, of=rows)
SCENE = {"background": images(2, 3, 12, 10), "sprites": floats(2, 2, 3, 8, 6), "alphas": floats(2, 2, 1, 8, 6, of=lambda x: x)}
TURNED = {"degrees": number(30.0), "centre": pair(1.0, 2.0)}

_GEN, _DISC = small_gan().train(), dcgan.Discriminator(widths=(4, 6))
_GOOD: dict[str, dict[str, Call]] = {
    "selfsup.dino": {
        "DINOHead": {"dim": count(4), "hidden": count(8), "bottleneck": count(4), "prototypes": count(6)},
        "DINOHead.forward": {"self": made(lambda: DINOHead(4)), "x": floats(2, 4)},
        "dino_loss": {"student": grouped(*[floats(2, 6)] * 3), "teacher": grouped(*[floats(2, 6)] * 2), "centre": floats(6), "student_temperature": number(0.1), "teacher_temperature": number(0.04)},
        "momentum_schedule": {"step": count(1, zero=True), "steps": count(5), "start": number(0.9)},
        "temperature_schedule": {"step": count(1, zero=True), "warmup": count(5, zero=True), "start": number(0.04), "end": number(0.07)},
        "entropy": {"logits": floats(2, 6)},
        "divergence": {"teacher": floats(2, 6), "student": floats(2, 6)},
        "DINO": {"backbone": NET, "dim": count(5), "momentum": number(0.9), "centre_momentum": number(0.9), "hidden": count(8), "bottleneck": count(4), "prototypes": count(6)},
        "DINO.forward": {"self": DINO_, "global_views": grouped(PICTURES, PICTURES), "local_views": grouped(PICTURES, PICTURES), "teacher_temperature": number(0.04)},
        "DINO.update_teacher": {"self": DINO_, "step": count(1, zero=True), "steps": count(5)},
        "DINO.teacher_entropy": {"self": DINO_, "images": PICTURES},
        "DINO.diagnose": {"self": DINO_, "first": PICTURES, "second": PICTURES},
    },
    "selfsup.distillation": {"distillation_loss": {"student": floats(3, 5), "teacher": floats(3, 5), "target": labels(5, 3), "temperature": number(4.0), "soft": number(0.9)}},
    "selfsup.ema": {
        "EMA": {"model": NET, "momentum": number(0.9)},
        "EMA.update": {"self": made(lambda: EMA(small_net())), "model": NET, "momentum": number(0.9)},
    },
    "selfsup.fills": {
        "hidden_pixels": {"mask": masks(2, 6), "patch": count(2), "height": count(4), "width": count(6)},
        **{name: {"images": X, "hidden": masks(2, 1, 8, 6)} for name in ("mean_fill", "linear_fill")},
    },
    "selfsup.mae": {
        "patchify": {"x": images(2, 3, 8, 8), "patch": count(4)},
        "unpatchify": {"rows": floats(2, 4, 48), "patch": count(4), "height": count(8), "width": count(8)},
        "random_masking": {"tokens": floats(2, 4, 8), "ratio": number(0.5)},
        "normalise_patches": {"rows": floats(2, 4, 48), "eps": number(1e-6)},
        "masked_loss": {"prediction": floats(2, 4, 48), "target": floats(2, 4, 48), "mask": masks(2, 4)},
        "MAE": {"encoder": VIT, **MAES},
        "MAE.decode": {"self": MASKED, "latent": floats(2, 3, 8), "restore": made(lambda: torch.arange(4).expand(2, 4))},
        **{f"MAE.{name}": {"self": MASKED, "x": PICTURES} for name in ("forward", "encode", "target", "reconstruct")},
        "MAEWithMoments": {"encoder": VIT, **MAES, "moments": number(10.0)},
        "MAEWithMoments.forward": {"self": MOMENTS, "x": PICTURES},
    },
    "selfsup.small_vit": {
        "StandardViT.embed_tokens": {"self": made(lambda: small_vit(StandardViT)), "x": PICTURES},
        "small_vit": {"classes": count(5)},
        "features": {"vit": VIT, "images": PICTURES, "pool": word("mean"), "batch_size": count(2)},
        "pooled": {"tokens": floats(2, 5, 8), "pool": word("mean")},
        "class_attention": {"vit": VIT, "images": PICTURES},
        "PooledClassifier": {"encoder": VIT, "classes": count(5), "pool": word("mean")},
        "PooledClassifier.forward": {"self": made(lambda: PooledClassifier(small_vit(), 5)), "x": PICTURES},
    },
    "selfsup.views": {
        "crop_batch": {"images": X, "size": count(4), "scale": pair(0.4, 1.0), "turn": number(10.0)},
        "jitter_colour": {"images": SMALL, "strength": number(0.4)},
        "blur": {"images": X},
        "recolour": {"images": SMALL, **{name: number(0.3) for name in ("strength", "hue", "grey", "blurred", "solarised")}},
        "multi_crop": {"images": SMALL, "global_size": count(4), "local_size": count(3), "local_views": count(1, zero=True), "global_scale": pair(0.4, 1.0), "local_scale": pair(0.1, 0.4), "turn": number(0.0)},
    },
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
        "visualise_class": {"model": NET, "target": index(1, 5), "size": count(8), "channels": count(3), "steps": count(1), "rate": number(0.05), "objective": word("logit"), "l2": number(1.0), "total_variation": number(1.0), "jitter": count(1, zero=True), "blur": pair(0.6, 0.2), "every": count(1, zero=True), "seed": count(0, zero=True)},
    },
    "explain.dissection": {
        "Dissection.labels": {"self": made(lambda: Dissection(torch.rand(3, 2), torch.rand(3), ("a", "b"))), "minimum": number(0.1)},
        "Dissection.detectors": {"self": made(lambda: Dissection(torch.rand(3, 2), torch.rand(3), ("a", "b"))), "minimum": number(0.1)},
        "unit_thresholds": {"maps": floats(2, 3, 4, 4), "share": number(0.1)},
        "unit_masks": {"maps": floats(2, 3, 4, 4), "thresholds": floats(3), "size": pair(8, 8)},
        "dissect": {"maps": floats(2, 3, 4, 4), "concepts": masks(2, 2, 8, 8), "names": ["a", "b"], "share": number(0.1), "batch": count(2)},
    },
    "explain.gan_dissection": {
        "edited": {"generator": GAN, "layer": word("blocks.0"), **UNITS},
        "generate": {"generator": GAN, "z": floats(2, 4), "batch": count(2)},
        "dissect_generator": {"generator": GAN, "layer": word("blocks.0"), "z": floats(2, 4), "segment": segment, "names": ["a", "b"]},
        "top_units": {"found": made(lambda: Dissection(torch.rand(3, 2), torch.rand(3), ("a", "b"))), "concept": word("a"), "count": count(2)},
        "concept_shares": {"pictures": X, "segment": segment, "count": count(2)},
        "concept_ids": {"pictures": X, "segment": segment},
        "shares_after": {"generator": GAN, "layer": word("blocks.0"), "z": floats(2, 4), "segment": segment, "count": count(2), **UNITS, "region": masks(8, 8)},
        "high_values": {"maps": MAPS, "units": [0, 2], "quantile": number(0.9)},
        "unit_numbers": {"units": labels(None, 3)},
    },
    "explain.grad_cam": {"grad_cam": {**TARGET, "layer": word("stages")}},
    "explain.gradients": {
        "input_gradient": TARGET,
        "gradient_times_input": TARGET,
        "smooth_grad": {**TARGET, "samples": count(2), "noise": number(0.1), "seed": count(0, zero=True)},
        "saliency": {"gradient": X},
    },
    "explain.hooks": {
        "record": {"model": NET, "*": ("stages",)},
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
        **{f"FeatureDatabase.{name}": {"self": DATABASE, "x": floats(3, 4), "k": count(2), "exclude": labels(6, 3)} for name in ("query", "knn_predict")},
        "FeatureDatabase.precision_at_k": {"self": DATABASE, "x": floats(3, 4), "labels": labels(None, 3), "k": count(2), "exclude": labels(6, 3)},
    },
    "explain.sanity": {
        "weight_layers": {"model": NET},
        "cascade": {"model": NET, "seed": count(0, zero=True)},
        "average_ranks": {"values": floats(2, 8)},
        "rank_correlation": {"a": floats(2, 8, 6), "b": floats(2, 8, 6)},
        "cascading_randomisation": {"model": NET, "explain": lambda net: net(torch.rand(1, 3, 8, 8))[:, None], "seed": count(0, zero=True)},
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
        "tsne": {"x": EIGHT, "perplexity": number(2.0), "dims": count(2), "steps": count(2, zero=True), "exaggeration": number(2.0), "exaggeration_steps": count(1, zero=True), "learning_rate": number(1.0), "init": word("pca"), "seed": count(0, zero=True), "every": count(1, zero=True)},
    },
    "augment.annotations": {
        "move_boxes": {"boxes": boxes((0.0, 1, 3, 5), (1.0, 2, 2, 6), places=True), "matrix": floats(2, 3, 3), "size": pair(8, 6)},
        "boxes_from_masks": {"masks": masks(2, 2, 8, 6)},
        "move_keypoints": {"keypoints": floats(2, 1, 3, 3), "matrix": floats(2, 3, 3), "size": pair(8, 6), "swap": labels(3, 3)},
        "move_flow": {"flow": floats(2, 2, 8, 6), "matrix": floats(2, 3, 3), "size": pair(8, 6)},
    },
    "augment.copy_paste": {
        "Instances": {"image": X, "masks": made(lambda: instances().masks), "labels": labels(None, 2, 1)},
        "Instances.semantic": {"self": PASTED, "background": labels(None, 2, 8, 6)},
        "paste": {"target": PASTED, "source": PASTED, "chosen": masks(2, 1), "min_area": count(1, zero=True), "softness": number(0.5)},
        "scale_jitter": {"sample": PASTED, "generator": draw, "scale": pair(0.5, 2.0), "fill": number(0.5)},
        "random_copy_paste": {"batch": PASTED, "generator": draw, "scale": pair(0.5, 2.0), "share": number(0.5), "min_area": count(1, zero=True)},
    },
    "augment.cutmix": {
        "cut_boxes": {"lam": number(0.5), "centre": made(lambda: torch.tensor([[1, 2], [3, 4]])), "size": pair(8, 6)},
        "kept_share": {"boxes": boxes((0, 1, 3, 5), (1, 2, 2, 6)), "size": pair(8, 6)},
        "cutmix": {"images": X, "targets": SOFT, "boxes": boxes((0, 1, 3, 5), (1, 2, 2, 6)), "partner": labels(2, 2)},
        "random_cutmix": {"images": X, "targets": SOFT, "alpha": number(1.0), "generator": draw},
    },
    "augment.geometric": {
        "Annotated": {"image": X, "masks": masks(2, 1, 8, 6), "boxes": boxes((0.0, 1, 3, 5), (1.0, 2, 2, 6), places=True), "keypoints": floats(2, 1, 3, 3), "flow": floats(2, 2, 8, 6)},
        "warp": {"sample": SAMPLE, "matrix": floats(2, 3, 3), "size": pair(8, 6), "fill": number(0.0), "swap": made(lambda: None)},
        "flip": {"sample": SAMPLE, "swap": labels(1, 1)},
        "crop": {"sample": SAMPLE, "top": count(1, zero=True), "left": count(1, zero=True), "height": count(4), "width": count(4)},
        "resize": {"sample": SAMPLE, "size": pair(6, 6)},
        "random_affine": {"n": count(2), "size": pair(8, 6), "generator": draw, "degrees": number(3.0), "translate": number(0.1), "scale": pair(0.8, 1.25), "shear": number(1.0)},
        "random_perspective": {"n": count(2), "size": pair(8, 6), "generator": draw, "distortion": number(0.3)},
    },
    "augment.mixup": {
        "sample_beta": {"alpha": number(1.0), "n": count(2), "generator": draw},
        "one_hot": {"labels": labels(5, 3), "classes": count(5)},
        "mixup": {"images": X, "targets": SOFT, "lam": floats(2, of=lambda x: x), "partner": labels(2, 2)},
        "soft_cross_entropy": {"logits": floats(2, 5), "targets": SOFT},
        "mixed_cross_entropy": {"logits": floats(3, 5), "a": labels(5, 3), "b": labels(5, 3), "lam": number(0.5)},
        "random_mixup": {"images": X, "targets": SOFT, "alpha": number(1.0), "generator": draw},
    },
    "augment.motion": {
        "shift_layer": {"layer": X, "offset": floats(2, 2), "size": pair(8, 6)},
        "composite": {**SCENE, "offsets": floats(2, 2, 2), "background_offset": floats(2, 2)},
        "motion_flow": {"alphas": floats(2, 2, 1, 8, 6, of=lambda x: x), "displacement": floats(2, 2, 2), "background_displacement": floats(2, 2)},
        "motion_pair": {**SCENE, "displacement": floats(2, 2, 2), "factor": number(1.5), "background_displacement": floats(2, 2)},
        "random_displacements": {"n": count(2), "k": count(2), "generator": draw, "factor": number(2.0), "most": number(3.0), "most_magnified": number(9.0)},
    },
    "augment.photometric": {
        "brightness": {"x": SMALL, "factor": number(1.2)},
        "contrast": {"x": SMALL, "factor": number(1.2)},
        "saturation": {"x": SMALL, "factor": floats(2, of=lambda x: x)},
        "hue": {"x": SMALL, "turn": number(0.1)},
        "gamma": {"x": SMALL, "exponent": number(1.2)},
        "gaussian_noise": {"x": SMALL, "sigma": number(0.1), "generator": draw},
        "gaussian_kernel": {"sigma": number(1.0), "size": count(3)},
        "gaussian_blur": {"x": X, "sigma": number(1.0), "kernel_size": count(3)},
        "box_mask": {"boxes": boxes((0, 1, 3, 5), (1, 2, 2, 6)), "size": pair(8, 6)},
        "random_boxes": {"n": count(2), "size": pair(8, 6), "side": count(3), "generator": draw},
        "cutout": {"x": X, "boxes": boxes((0, 1, 3, 5), (1, 2, 2, 6)), "fill": number(0.0)},
        "random_photometric": {"x": SMALL, "generator": draw, "brightness_range": pair(0.3, 1.7), "contrast_range": pair(0.5, 1.5), "saturation_range": pair(0.5, 1.5), "most_hue": number(0.1)},
    },
    "augment.warp": {
        "translation": {"tx": number(1.0), "ty": floats(2)},
        "about": {"matrix": floats(2, 3, 3), "centre": pair(1.0, 2.0)},
        "rotation": {"degrees": floats(2), "centre": pair(1.0, 2.0)},
        "scaling": {"sx": floats(2, of=lambda x: x), "sy": number(2.0), "centre": pair(1.0, 2.0)},
        "shearing": {"x_degrees": floats(2), "y_degrees": number(2.0), "centre": pair(1.0, 2.0)},
        "flip_matrix": {"width": number(6.0)},
        "homography": {"source": floats(2, 4, 2), "target": floats(2, 4, 2, of=lambda x: x.flip(1))},
        "transform_points": {"points": floats(2, 5, 2), "matrix": floats(2, 3, 3)},
        "inverse_grid": {"matrix": floats(2, 3, 3), "size": pair(8, 6)},
        "sample_bilinear": {"image": X, "grid": floats(2, 4, 4, 2), "fill": number(0.0)},
        "sample_nearest": {"image": X, "grid": floats(2, 4, 4, 2), "fill": number(0.0)},
        "warp_image": {"image": X, "matrix": floats(2, 3, 3), "size": pair(8, 6), "fill": number(0.0)},
    },
    "generative.dcgan": {
        "UpBlock": {"in_channels": count(3), "out_channels": count(4)},
        "UpBlock.forward": {"self": made(lambda: dcgan.UpBlock(3, 4).eval()), "x": MAPS},
        "Generator": {"latent": count(4), "widths": pair(8, 6), "channels": count(3)},
        "Generator.forward": {"self": GAN, "z": floats(2, 4)},
        "Generator.sample": {"self": GAN, "n": count(2), "seed": count(0, zero=True)},
        "Discriminator": {"widths": pair(4, 6), "channels": count(3)},
        "Discriminator.forward": {"self": made(lambda: dcgan.Discriminator(widths=(4, 6))), "x": images(2, 3, 16, 16)},
        "batch_spread": {"x": MAPS},
    },
    "generative.gan_loss": {
        "discriminator_loss": {"real": floats(4), "fake": floats(4)},
        "generator_loss": {"fake": floats(4)},
        "play_round": {"generator": _GEN, "discriminator": _DISC, "real": images(2, 3, 16, 16), "z": floats(2, 4), "generator_optimizer": optimizer(_GEN), "discriminator_optimizer": optimizer(_DISC), "r1": number(0.1)},
    },
    "metrics.attention_iou": {
        "top_mass": {"attention": floats(2, 9, of=lambda x: x), "mass": number(0.6)},
        "intersection_over_union": {"mask": masks(2, 8, 6), "truth": masks(2, 8, 6)},
        "head_masks": {"attention": floats(2, 2, 4, of=lambda x: x), "size": count(8), "mass": number(0.6)},
        "head_ious": {"attention": floats(2, 2, 4, of=lambda x: x), "truth": masks(2, 8, 8), "mass": number(0.6)},
    },
    "metrics.calibration": {
        **{name: {"probabilities": floats(4, 5, of=rows), "labels": labels(5, 4), "bins": count(3)} for name in ("reliability", "expected_calibration_error")},
    },
    "metrics.frechet": {
        "gaussian_fit": {"features": VECTORS},
        "frechet_distance": {name: grouped(floats(4), floats(4, 4, of=lambda x: x @ x.T)) for name in ("a", "b")},
        "sqrt_psd": {"matrix": floats(4, 4, of=lambda x: x @ x.T)},
        "stage_features": {"model": NET, "images": X, "batch_size": count(2)},
    },
    "metrics.localisation": {
        "pointing_game": {**PAIRED, "tolerance": number(1.0)},
        "dilate": {"masks": masks(2, 8, 6), "radius": number(1.0)},
        "energy_in_mask": PAIRED,
        "spread_zeros": {"maps": floats(2, 8, 6)},
    },
    "metrics.probes": {
        "knn_scores": {**PROBED, "queries": floats(3, 4), "k": count(2), "temperature": number(0.07), "classes": count(3)},
        "knn_accuracy": {**PROBED, "queries": floats(3, 4), "answers": labels(None, 3), "k": count(2), "temperature": number(0.07)},
        "linear_probe": {name: grouped(VECTORS, labels(None, 6)) for name in ("train", "val", "test")},
        "fit_linear": {**PROBED, "decay": number(0.01), "classes": count(3)},
    },
    "metrics.psnr": {"psnr": {"picture": pixels(2, 3, 8, 6), "truth": floats(2, 3, 8, 6, of=lambda x: x), "where": masks(2, 1, 8, 6)}},
    "metrics.segmentation": {
        **{name: {"predicted": labels(3, 2, 4, 4), "target": labels(3, 2, 4, 4), "classes": count(3)} for name in ("confusion", "mean_iou")},
        "iou_by_class": {"table": labels(None, 3, 3)},
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
        "fit": training(evaluate_every=count(0, zero=True), progress=False),
        "is_finite": {"value": made(lambda: torch.tensor(1.0))},
        "minibatches": {"x": X, "y": labels(None, 2), "batch_size": count(2), "seed": count(0, zero=True)},
        "predictions": {"model": NET, "x": X, "batch_size": count(2)},
        "accuracy": {"model": NET, "x": X, "y": labels(5, 2), "batch_size": count(2)},
    },
    "training.losses": {"cross_entropy": {"model": NET, "x": X, "y": labels(5, 2)}},
    "training.muon": {
        "MuonAndAdamW": {"model": (small := small_vit()), "layers": small.layers, "rate": number(0.01), "decay": number(0.1)},
    },
    "training.one_cycle": {"one_cycle": training(warm_up=number(0.3), label="test")},
    "data.concepts": {"concept_masks": {"sample": made(lambda: toyworld.render(toyworld.sample_scenes(2), 16))}},
    "data.digits": {"load": {"size": count(8), "split": word("train")}},
    "data.photographs": {
        "load": {"name": word("astronaut"), "size": count(16)},
        "open": {"path": word("assets/images/front.png"), "size": count(16)},
    },
    "data.portraits": {
        "portrait_scenes": {"n": count(2, zero=True), "split": word("train"), "seed": count(0, zero=True)},
        "portraits": {"n": count(2, zero=True), "split": word("train"), "seed": count(0, zero=True), "size": count(16)},
    },
    "data.toyworld": {
        "classification": {"n": count(2, zero=True), "size": count(16), "split": word("train"), "seed": count(0, zero=True)},
    },
    "data.toyworld.render": {"render": {"scenes": SCENES, "size": count(16), "only": word("image")}},
    "data.toyworld.sampling": {"sample_scenes": {"n": count(2, zero=True), "seed": count(0, zero=True), "split": word("train")}},
    "data.toyworld.sampling.ground": {"Ground": {"kinds": pair("grass", "sand")}},
    "data.toyworld.sampling.light": {
        "Light": {"brightness": pair(0.8, 1.2), "azimuth": pair(-60.0, 60.0), "elevation": pair(30.0, 60.0), "warmth": pair(-1.0, 1.0)},
    },
    "data.toyworld.sampling.objects": {
        "Objects": {"count": pair(1, 3), "size": pair(0.3, 0.5), "distance": pair(2.5, 6.0), "turn": number(1.0)},
    },
}  # fmt: skip
GOOD = {f"{place}.{name}": arguments for place, calls in _GOOD.items() for name, arguments in calls.items()}
