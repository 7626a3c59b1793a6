"""Chapter 04: what the lecture claims about looking inside networks, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. The
networks are shipped weights, the same for all seeds: a seed draws other pictures, other random networks and
other random units. So an interval covers those, not another training; each claim's note says so.

Shapes: N pictures, C units, K concepts or classes, S side of a picture.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.backbones.vit import ViT
from lecture_utils.chapters.ch04.localisation import (
    TARGETED,
    UNTARGETED,
    explanations,
    pairs,
    place_prior,
    recognised,
    score,
)
from lecture_utils.chapters.ch04.stages import (
    DEPTHS,
    NEEDED,
    SIDES,
    kinds_of,
    moved,
    trained_for,
    words_and_parts,
)
from lecture_utils.data import toyworld
from lecture_utils.data.concepts import CONCEPTS, FIELDS, KIND, concept_masks
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.explain.dissection import dissect, unit_thresholds
from lecture_utils.explain.gan_dissection import (
    dissect_generator,
    high_values,
    shares_after,
    top_units,
)
from lecture_utils.explain.hooks import activations
from lecture_utils.explain.retrieval import FeatureDatabase
from lecture_utils.explain.sanity import cascade
from lecture_utils.generative.dcgan import Generator
from lecture_utils.nn.init import he_init_
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.recipes import shapes_multilabel, shapes_segmenter
from lecture_utils.training.kit import TUNING_SEED, Figures, size


def untrained(model: nn.Module, images: Tensor, seed: int) -> nn.Module:
    """The same architecture with random weights, its batch norms' statistics taken from pictures."""
    torch.manual_seed(seed)
    fresh = copy.deepcopy(model)
    he_init_(fresh)
    for part in fresh.modules():
        if isinstance(part, FusedBatchNorm2d):
            part.momentum = 1.0  # a batch's statistics replace what was there
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)
    with torch.no_grad():
        fresh.train()(images)
    return fresh.eval()


# --- C04.1 -----------------------------------------------------------------------------------------
def objects(n: int, *, seed: int, split: str, held_out: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
    """Pictures of one object (n, 3, 32, 32), as in `toyworld.classification`, and three facts on each."""
    scenes = toyworld.sample_scenes(
        n,
        seed=seed,
        split=split,
        objects=toyworld.Objects(count=1, held_out=held_out, size=(0.36, 0.56), distance=(2.2, 4.2)),
    )
    sample = toyworld.render(scenes, 32, None, only=("image", "class_id", "colour_id", "material_id"))
    ids = {"class": sample.class_id, "colour": sample.colour_id, "material": sample.material_id}
    return sample.image, {name: column[:, 0] for name, column in ids.items()}


def pixel_features(side: int, mean: Tensor | None) -> Any:
    """A function from pictures to pixels in a row: at a smaller side, less the mean picture or not."""

    def features(images: Tensor) -> Tensor:
        images = images if mean is None else images - mean
        return nn.functional.adaptive_avg_pool2d(images, side).flatten(1)

    return features


@claim(
    "C04.1",
    statement="The nearest neighbours of a picture in a network's feature space share its class more often "
    "than its nearest neighbours in pixels do.",
    paper="A. Krizhevsky, I. Sutskever, G. Hinton, ImageNet Classification …, NeurIPS 2012 (figure 4, right)",
    rule=(Rule("gap", above=0.0), Rule("gap_new_pairs", above=0.0)),
    seeds=5,
    note="Features of the shipped shapes_resnet, which was trained to tell these classes apart, on other "
    "pictures; one training, so the interval covers pictures only. New pairs: class and colour in "
    "combinations that neither the training nor the database has.",
)
def c04_1_retrieval(seed: int, budget: str) -> Figures:
    """Precision of the five nearest neighbours by class; by colour and material for comparison.

    `gap` is that of the network's features (mean over places of the last maps) less that of the pixels in
    their best form: 32, 16 or 8 pixels a side, with or without the mean picture, by angle or distance; the
    form of every arm is chosen on other queries. Database and tuning from the validation split, queries from
    the test split.
    """
    rows, queries = size(budget, quick=(200, 60), full=(1000, 300))
    net = zoo.load("shapes_resnet")
    base, truth = objects(rows, seed=100 + seed, split="val")
    tune, tune_truth = objects(queries, seed=TUNING_SEED + seed, split="val")
    tests = {
        "gap": objects(queries, seed=seed, split="test"),
        "gap_new_pairs": objects(queries, seed=seed, split="test", held_out=True),
    }
    random_net = untrained(net, base, seed)
    forms = {
        "network": {"last maps": lambda x: activations(net, x, "stages").mean((2, 3))},
        "untrained network": {"last maps": lambda x: activations(random_net, x, "stages").mean((2, 3))},
        "pixels": {
            f"{side} a side{', centred' if mean is not None else ''}": pixel_features(side, mean)
            for side in (32, 16, 8)
            for mean in (None, base.mean(0))
        },
    }
    chosen: dict[str, str] = {}
    precision: dict[str, dict[str, dict[str, float]]] = {name: {} for name in tests}
    votes: dict[str, dict[str, float]] = {name: {} for name in tests}
    for arm, options in forms.items():
        trials = []
        for form, features in options.items():
            known, asked = features(base), features(tune)
            for metric in ("cosine", "euclidean"):
                found = FeatureDatabase(known, truth["class"], metric=metric)
                right = found.precision_at_k(asked, tune_truth["class"])
                trials.append((right, f"{form}, {metric}", features, known, metric))
        _, chosen[arm], features, known, metric = max(trials, key=lambda trial: trial[0])
        for name, (images, facts) in tests.items():
            rows_by = {fact: FeatureDatabase(known, truth[fact], metric=metric) for fact in facts}
            asked = features(images)
            precision[name][arm] = {
                fact: db.precision_at_k(asked, facts[fact]) for fact, db in rows_by.items()
            }
            voted = rows_by["class"].knn_predict(asked) == facts["class"]
            votes[name][arm] = voted.double().mean().item()
    gaps = {name: arms["network"]["class"] - arms["pixels"]["class"] for name, arms in precision.items()}
    return {**gaps, "precision_at_5": precision, "accuracy_of_5_votes": votes, "form": chosen}


# --- C04.2 -----------------------------------------------------------------------------------------
@claim(
    "C04.2",
    statement="Of two objects, Grad-CAM points at the one that is named more often than the picture's centre "
    "does; attention maps cannot tell which was named.",
    paper="R. Selvaraju et al., Grad-CAM, arXiv:1610.02391 (sections 4.1 and 4.3); S. Abnar, W. Zuidema, "
    "ACL 2020",
    rule=(
        Rule("gap", above=0.0),
        Rule("grad_cam_selectivity", above=0.0),
        Rule("attention_selectivity", equals=0.0, tolerance=1e-6),
    ),
    seeds=5,
    note="One trained network of each kind (shapes_multilabel; shapes_vit, which was trained on single "
    "objects, for attention): the interval covers pictures only. The baseline is the better of the centre "
    "and the place where training objects stand most often.",
)
def c04_2_grad_cam(seed: int, budget: str) -> Figures:
    """Pointing game and energy in the mask, on scenes of two objects of two classes, each named in turn.

    `gap`: the hit rate of Grad-CAM less that of the better baseline that sees no network. Selectivity: share
    of a map's energy on the named object less that on the other one, the mean over both namings; a map
    that does not know which was named has 0. No scene is left out because the network errs on it.
    """
    count = size(budget, quick=8, full=100)
    net, vit = zoo.load("shapes_multilabel"), zoo.load("shapes_vit")
    assert isinstance(vit, ViT)
    scenes = pairs(count, seed=seed, split="test")
    prior = place_prior(400, seed=TUNING_SEED)
    *_, (_, scrambled) = cascade(net, seed=seed)
    found = explanations(net, vit, scrambled, scenes, prior, samples=16, seed=seed)
    rows = {name: score(maps, scenes.masks) for name, maps in found.items()}
    hits = {name: row["pointing"] for name, row in rows.items()}
    change = {name: (maps[:, 0] - maps[:, 1]).abs().amax().item() for name, maps in found.items()}
    return {
        "gap": hits["Grad-CAM"] - max(hits["centre"], hits["where objects stand"]),
        "grad_cam_selectivity": rows["Grad-CAM"]["selectivity"],
        "attention_selectivity": rows["attention rollout"]["selectivity"],
        "methods": rows,
        "largest_change_by_naming_the_other": {name: change[name] for name in (*TARGETED, *UNTARGETED)},
        "recognised": recognised(net, scenes),
    }


# --- C04.3 -----------------------------------------------------------------------------------------
def dissected(seed: int, budget: str, minimum: float) -> Figures:
    """Concepts that are some unit's best with IoU above `minimum`, by kind, in a trained and a random net."""
    n = size(budget, quick=60, full=400)
    net = zoo.load("shapes_multilabel")
    side = shapes_multilabel.SIZE
    scenes = {split: shapes_multilabel.scenes(n, seed=700 + seed, split=split) for split in ("val", "test")}
    images = {
        split: toyworld.render(part, side, None, only=("image",)).image for split, part in scenes.items()
    }
    masks = concept_masks(toyworld.render(scenes["test"], side, None, only=FIELDS))  # (N, 24, S, S)
    figures: Figures = {}
    for name, model in (("trained", net), ("random", untrained(net, images["val"], 700 + seed))):
        thresholds = unit_thresholds(activations(model, images["val"], "stages"))
        found = dissect(activations(model, images["test"], "stages"), masks, CONCEPTS, thresholds=thresholds)
        detectors = found.detectors(minimum)
        kinds = [KIND[concept] for concept in detectors]
        figures[f"concepts_{name}"] = float(len(kinds) - kinds.count("colour"))
        figures[f"colours_{name}"] = float(kinds.count("colour"))
        figures[f"units_{name}"] = float(sum(len(units) for units in detectors.values()))
        figures[f"detectors_{name}"] = {concept: len(units) for concept, units in detectors.items()}
        figures[f"kinds_{name}"] = {kind: kinds.count(kind) for kind in dict.fromkeys(KIND.values())}
    return figures


@claim(
    "C04.3",
    statement="Dissection finds units for more than four concepts beside colours in a trained network, and "
    "for almost none in one with random weights.",
    paper="D. Bau et al., Network Dissection, CVPR 2017 (sections 2 and 3.4, figure 8)",
    rule=(Rule("concepts_trained", above=4.0), Rule("concepts_random", below=1.0)),
    seeds=5,
    names={
        "concepts_trained": "concepts with a detector, trained",
        "concepts_random": "concepts with a detector, random weights",
        "colours_trained": "colours with a detector, trained",
        "colours_random": "colours with a detector, random weights",
    },
    note="The paper's settings: a unit fires on its top 0.5 % of values and detects a concept with an IoU "
    "above 0.04. One trained network (shapes_multilabel); random ones and pictures by seed. Of 24 concepts "
    "the 16 that are no colours count: stuff, classes, materials. Colours stand apart because a random first "
    "layer passes some colours and not others, whatever is trained. (Measured before with colours among the "
    "concepts, on other seeds, the second half of the rule failed: random networks had detectors of two to "
    "four concepts, all of them colours. This rule was written after that run and before this one.)",
    boundary=Boundary("IoU above which a unit is a detector", (0.01, 0.02, 0.04, 0.08, 0.16), dissected),
)
def c04_3_dissection(seed: int, budget: str) -> Figures:
    """Concepts, of the 16 that are no colours, that are the best of some unit with an IoU above 0.04.

    Units are those of the 64 last maps. Thresholds come from one set of pictures, IoUs from another. The
    random network has the same architecture, and batch norms whose statistics fit the pictures.
    """
    return dissected(seed, budget, 0.04)


# --- C04.4 -----------------------------------------------------------------------------------------
LAYER, COUNT, DRAWS = "blocks.0", 12, 10  # 12 of the 64 units of the 8 × 8 maps


def segment(images: Tensor) -> Tensor:
    """Concept of each pixel by the shipped segmenter: (N, 3, S, S) → (N, S, S) index into its CONCEPTS."""
    net = zoo.load("shapes_segmenter")
    with torch.inference_mode():
        return torch.cat([net(part).argmax(1) for part in images.split(128)])


@claim(
    "C04.4",
    statement="Objects shrink in generated pictures when the units that agree with them are switched off, "
    "and not when as many random units are.",
    paper="D. Bau et al., GAN Dissection, ICLR 2019 (sections 3.2 and 4.4)",
    rule=(Rule("fall", above=0.25), Rule("fall_random", below=0.1)),
    seeds=5,
    note="One trained generator (shapes_gan): the interval covers latent vectors and random draws. Areas are "
    "measured by the shipped segmenter. Layer and number of units were chosen on latent vectors that are not "
    "measured, of nine pairs.",
)
def c04_4_ablation(seed: int, budget: str) -> Figures:
    """Share of the object's area that goes when its 12 units of 64 are set to zero, and when 12 others are.

    Units are chosen on 200 pictures and measured on 200 others. Random units: 10 draws from all others.
    Besides: the same for the units of every concept, and what appears on empty ground when the object's units
    are forced, in a patch of 2 × 2 places (8 × 8 pixels), to the level that they exceed in 1 % of places.
    """
    n = size(budget, quick=40, full=200)
    generator, names = zoo.load("shapes_gan"), shapes_segmenter.CONCEPTS
    assert isinstance(generator, Generator)
    thing, count = names.index("object"), len(names)
    look, z = (generator.sample(n, seed=1000 + 2 * seed + k) for k in (0, 1))
    found = dissect_generator(generator, LAYER, look, segment, names)

    def shares(units: list[int], z: Tensor = z, **how: Any) -> Tensor:  # (N, K)
        return shares_after(generator, LAYER, z, segment, count, units=units, **how)

    before = shares([]).mean(0)  # (K,)
    lost = {name: 1 - shares(top_units(found, name, COUNT)).mean(0) / before for name in names}  # each (K,)
    units = top_units(found, "object", COUNT)
    others = [unit for unit in range(len(found.iou)) if unit not in units]
    draws = torch.Generator().manual_seed(seed)
    picks = [[others[i] for i in torch.randperm(len(others), generator=draws)[:COUNT]] for _ in range(DRAWS)]
    falls = [(1 - shares(pick).mean(0)[thing] / before[thing]).item() for pick in picks]

    maps = activations(generator, look, LAYER)
    region = torch.zeros(maps.shape[2:], dtype=torch.bool)
    region[5:7, 3:5] = True  # on the ground, in the middle
    plain = shares([])[:, thing]
    empty = z[plain < 0.005]  # pictures without an object

    def inserted(chosen: list[int]) -> float:
        how = {"value": high_values(maps, chosen), "region": region}
        return shares(chosen, empty, **how)[:, thing].mean().item()

    return {
        "fall": lost["object"][thing].item(),
        "fall_random": sum(falls) / len(falls),
        "falls_random": falls,
        "lost_by_units_of": {name: dict(zip(names, row.tolist(), strict=True)) for name, row in lost.items()},
        "share_before": dict(zip(names, before.tolist(), strict=True)),
        "inserted": inserted(units),
        "inserted_random": sum(map(inserted, picks)) / DRAWS,
        "inserted_nothing": plain[plain < 0.005].mean().item(),
        "empty_pictures": len(empty),
        "units": units,
        "generator": zoo.card("shapes_gan").sha256[:12],
    }  # fmt: skip


# --- C04.5 -----------------------------------------------------------------------------------------
MARKS = (20, 80, 320)  # steps of training at which the boundary looks


def pictured(name: str, n: int, seed: int, split: str) -> toyworld.Sample:
    """Scenes such as a network was trained on: of one to three objects, or of one."""
    if name == "shapes_multilabel":
        scenes = shapes_multilabel.scenes(n, seed=seed, split=split)
    else:
        scenes = toyworld.sample_scenes(n, seed=seed, split=split, objects=toyworld.ONE_OBJECT)
    return toyworld.render(scenes, SIDES[name], None, only=NEEDED)


def scenes_for(budget: str) -> int:
    """Scenes that set the thresholds, and as many that are looked at."""
    return size(budget, quick=40, full=300)


def stage_by_stage(nets: dict[str, nn.Module], seed: int, n: int) -> Figures:
    """Shares of units by kind of concept for each network, and for its architecture with random weights."""
    tables: dict[str, Any] = {}
    gains, losses, random_gains, random_losses = [], [], [], []
    for name, net in nets.items():
        level, look = (pictured(name, n, 800 + seed, split) for split in ("val", "test"))
        masks = words_and_parts(look)
        for arm, model in (("trained", net), ("random", untrained(net, level.image, 800 + seed))):
            shares = kinds_of(model, DEPTHS[name], level.image, look.image, masks)
            tables[f"{name}, {arm}"] = shares
            gain, loss = moved(shares)
            if arm == "trained":
                gains.append(gain)
                losses.append(loss)
            else:
                random_gains.append(gain)
                random_losses.append(loss)
    return {
        "gain": min(gains),
        "loss": min(losses),
        "gain_random": max(random_gains),
        "loss_random": max(random_losses),
        "shares": tables,
    }


def after_steps(seed: int, budget: str, steps: float) -> Figures:
    """The same for a network that was trained for so many steps, one training a seed."""
    marks, pictures = size(budget, quick=((2, 3), 96), full=(MARKS, 2400))
    at = int(steps) if budget != "quick" else marks[-1]
    net = trained_for(seed, marks, pictures)[at]
    return stage_by_stage({"shapes_multilabel": net}, seed, scenes_for(budget))


@claim(
    "C04.5",
    statement="With depth, a trained network's units come to detect classes or parts of objects, and fewer "
    "detect colours or textures; those of a random network do not come to detect classes or parts.",
    paper="D. Bau et al., Network Dissection, CVPR 2017 (section 3.3, figure 5)",
    rule=(Rule("gain", above=0.25), Rule("loss", above=0.0), Rule("gain_random", below=0.1)),
    seeds=5,
    names={
        "gain": "share of units for parts and classes, last stage less first",
        "loss": "share of units for colours and textures, first stage less last",
        "gain_random": "the first of these with random weights",
        "loss_random": "the second of these with random weights",
    },
    note="Two trained networks (shapes_multilabel and shapes_resnet), of which the one that moves less "
    "counts; of the random ones, the one that moves more. Seeds draw pictures and random weights. 30 "
    "concepts: 4 stuffs, 8 colours, 3 textures (the patterns of objects), 7 parts (corners, tips, lobes, "
    "arms, ends, around keypoints) and 8 classes; a unit fires on its top 0.5 % and detects its best concept "
    "if their IoU is above 0.04. Shares are of all units of a stage. The boundary trains networks anew, one "
    "a seed, and looks at them on the way. The rule has no control for its second figure: random networks "
    "have fewer units for colours with depth too, so a part of that fall is depth, not training. (The rule "
    "was written before any run; the statement was cut to what the rule tests after the first.)",
    boundary=Boundary("steps of training", MARKS, after_steps),
)
def c04_5_depth(seed: int, budget: str) -> Figures:
    """Kind of concept by stage, for two trained networks and two with random weights.

    `gain` is what the last stage has more of units for parts and classes than the first; `loss` what it has
    less of units for colours and textures.
    """
    n = scenes_for(budget)
    nets = {
        "shapes_multilabel": zoo.load("shapes_multilabel"),
        "shapes_resnet": zoo.load("shapes_resnet"),
    }
    return stage_by_stage(nets, seed, n)
