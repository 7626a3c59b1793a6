"""Chapter 13: what the lecture claims about CLIP's words and its temperature, measured.

Each claim is one function of a seed. Its rules are fixed here, before any run; `ledger.run` applies them.
C13.1, C13.2 and C13.6 (`shift_claims`) ask the same CLIPs, `clip_runs.clip_of`.

Shapes: N pictures, K classes or pairs, D the joint space.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.chapters.ch13.clip_runs import clip_of, embedded
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT
from lecture_utils.experiments.rules import Rule, claim
from lecture_utils.metrics.retrieval import recall_at
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.clip.zero_shot import TEMPLATES, class_embeddings
from lecture_utils.recipes._clip import PAIRS, train_clip
from lecture_utils.training.kit import Figures, size

STEPS = 600  # of the CLIPs that three claims share
RADFORD = (
    'A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, '
)
#: " {}": the bare word as the captions' tokenizer cuts it inside a sentence, with the space before it.
WORDINGS: dict[str, tuple[str, ...]] = {
    "bare word": (" {}",),
    "bare word, no space before it": ("{}",),
    "a photo of a": TEMPLATES[:1],
    "six templates": TEMPLATES,
}
UNSEEN = torch.tensor([len(COLOURS) * k + c for k, c in HELD_OUT])  # numbers in PAIRS, 16
SEEN = torch.tensor([i for i in range(len(PAIRS)) if i not in UNSEEN.tolist()])  # and the other 48


@torch.no_grad()
def answers(clip: CLIP, image: Tensor, names: Sequence[str], templates: Sequence[str] = TEMPLATES) -> Tensor:
    """Which of the names is nearest to each picture's embedding (N, D), (N,)."""
    return (image @ class_embeddings(clip, names, templates).T).argmax(1)


def pair_of(its: Captioned) -> Tensor:
    """The right one of PAIRS for each picture, (N,)."""
    return len(COLOURS) * its.class_id + its.colour_id


def share(right: Tensor) -> float:
    """Share of the true ones."""
    return float(right.double().mean())


def both_kinds(count: int, seed: int) -> tuple[Captioned, Captioned]:
    """Test pictures of pairs that training shows, and of pairs that it never does."""
    seen, unseen = (captioned(count, seed=seed, split="test", held_out=held) for held in (False, True))
    return seen, unseen


# --- C13.1 -------------------------------------------------------------------------------------------
@claim(
    "C13.1",
    statement='A class is found more often by "a photo of a star" than by the bare word "star", and by the '
    "mean embedding of six such templates too.",
    paper=RADFORD + "section 3.1.4 (prompt engineering and ensembling)",
    rule=(Rule("gain_template", above=0.0), Rule("gain_ensemble", above=0.0)),
    seeds=3,
    note="One CLIP a seed, 600 steps. Which of eight classes: test pictures, 2,000 of class-colour pairs "
    "that training shows and 2,000 of pairs that it never does; the accuracy is the mean of the two. The "
    "templates are the six openings of the training captions, none of which is a single word; in one caption "
    "of five the class stands without a colour. The bare word has the space before it that it has inside a "
    "sentence: without it the tokenizer cuts it into other tokens, which is another matter (in the record, "
    "and not ruled on). All wordings are asked of the same CLIP.",
    names={
        "gain_template": 'accuracy with "a photo of a {}" minus that with bare words',
        "gain_ensemble": "accuracy with six templates minus that with bare words",
        "ensemble_over_template": 'accuracy with six templates minus that with "a photo of a {}"',
    },
)
def c13_1_templates(seed: int, budget: str) -> Figures:
    """Accuracy of each wording on both kinds of pictures, for classes and for pairs."""
    count, steps = size(budget, quick=(64, 2), full=(2000, STEPS))
    kinds = dict(zip(("seen", "unseen"), both_kinds(count, seed), strict=True))
    clip = clip_of(seed, steps)
    scores: dict[str, dict[str, float]] = {name: {} for name in WORDINGS}
    for kind, its in kinds.items():
        image = embedded(clip, its.image)
        for name, templates in WORDINGS.items():
            scores[name][kind] = share(answers(clip, image, CLASSES, templates) == its.class_id)
            scores[name][f"{kind}, pairs"] = share(answers(clip, image, PAIRS, templates) == pair_of(its))
    for own in scores.values():
        own["both"] = (own["seen"] + own["unseen"]) / 2
    bare, photo, six = (scores[n]["both"] for n in ("bare word", "a photo of a", "six templates"))
    return {
        "gain_template": photo - bare,
        "gain_ensemble": six - bare,
        "ensemble_over_template": six - photo,
        "scores": scores,
    }


# --- C13.2 -------------------------------------------------------------------------------------------
@claim(
    "C13.2",
    statement="CLIP names class and colour of pictures whose pair of the two was never trained on far more "
    "often than by chance, also if only the class were guessed.",
    paper=RADFORD + "section 3.1 (zero-shot transfer; there to data sets, here to combinations)",
    rule=(Rule("over_guess", above=0.125),),
    seeds=3,
    note="One CLIP a seed, 600 steps. 2,000 test pictures a seed of the 16 class-colour pairs that no "
    "training picture and no training caption has; the candidates are all 64 pairs, in six templates. Chance "
    "is 1 in 64. The harder measure: colour is learned first, and who knows the colour and guesses among the "
    "eight classes has an eighth of the colour's accuracy; over that the claim asks as much again as an "
    "eighth. Accuracy among the 16 unseen pairs alone flatters (two classes are left to each colour); it is "
    "in the record, as is that on pairs that training shows.",
    names={
        "over_guess": "accuracy on unseen pairs minus that of guessing the class with the colour known",
        "unseen": "accuracy on unseen pairs among all 64",
        "gap": "accuracy on seen pairs minus that on unseen ones",
    },
)
def c13_2_unseen_pairs(seed: int, budget: str) -> Figures:
    """Accuracy on seen and unseen pairs, of class, colour and both."""
    count, steps = size(budget, quick=(64, 2), full=(2000, STEPS))
    kinds = dict(zip(("seen", "unseen"), both_kinds(count, seed), strict=True))
    clip = clip_of(seed, steps)
    scores: dict[str, dict[str, float]] = {}
    for kind, its in kinds.items():
        image = embedded(clip, its.image)
        found = answers(clip, image, PAIRS)
        right_class = found // len(COLOURS) == its.class_id
        right_colour = found % len(COLOURS) == its.colour_id
        scores[kind] = {
            "pair": share(right_class & right_colour),
            "class": share(right_class),
            "colour": share(right_colour),
            "named by a seen pair": share(torch.isin(found, SEEN)),
        }
        if kind == "unseen":
            among = UNSEEN[answers(clip, image, [PAIRS[i] for i in UNSEEN.tolist()])]
            scores[kind]["among the 16"] = share(among == pair_of(its))
    unseen = scores["unseen"]
    return {
        "over_guess": unseen["pair"] - unseen["colour"] / len(CLASSES),
        "unseen": unseen["pair"],
        "gap": scores["seen"]["pair"] - unseen["pair"],
        "scores": scores,
    }


# --- C13.3 -------------------------------------------------------------------------------------------
TEMPERATURES: dict[str, float | None] = {
    "learned": None, "1": 1.0, "0.1": 0.1, "0.01": 0.01, "0.001": 0.001,
}  # fmt: skip


@claim(
    "C13.3",
    statement="A temperature held a long way above or below the one that CLIP learns costs accuracy.",
    paper=RADFORD + "section 2.5 (learned from 0.07, the logits' scale held to 100 for stability; no "
    "comparison there); T. Chen et al., A Simple Framework for Contrastive Learning of Visual "
    "Representations, ICML 2020, table 5 (temperatures of 0.05 to 1)",
    rule=(Rule("too_high_costs", above=0.0), Rule("too_low_costs", above=0.0)),
    seeds=3,
    note="Five trainings a seed of 200 steps, which differ in the temperature alone: learned from 0.07, and "
    "held at 1, 0.1, 0.01 and 0.001. The claim asks about the two ends. The rate of learning is that of the "
    "learned one, untuned for the others. Accuracy: class and colour of 2,000 test pictures among all 64 "
    "pairs, in six templates. In so few steps no arm has converged.",
    names={
        "too_high_costs": "accuracy with the learned temperature minus that with 1",
        "too_low_costs": "accuracy with the learned temperature minus that with 0.001",
        "learned_temperature": "temperature that was learned",
    },
)
def c13_3_temperature(seed: int, budget: str) -> Figures:
    """Accuracy and recall of CLIPs trained at each temperature."""
    count, steps = size(budget, quick=(64, 1), full=(2000, 200))
    its, _ = both_kinds(count, seed)
    accuracy: dict[str, float] = {}
    recall: dict[str, float] = {}
    learned = 0.0
    for name, temperature in TEMPERATURES.items():
        clip = train_clip(seed, steps=steps, temperature=temperature)
        accuracy[name] = share(answers(clip, embedded(clip, its.image), PAIRS) == pair_of(its))
        recall[name] = caption_recall(clip, its)
        learned = float((-clip.log_scale).exp()) if temperature is None else learned
    return {
        "too_high_costs": accuracy["learned"] - accuracy["1"],
        "too_low_costs": accuracy["learned"] - accuracy["0.001"],
        "learned_temperature": learned,
        "accuracy": accuracy,
        "recall_at_5": recall,
    }


def caption_recall(clip: CLIP, its: Captioned) -> float:
    """Share of 500 pictures whose caption, or one of equal words, is among the five nearest captions."""
    texts = its.text[:500]
    equal = torch.tensor([[a == b for b in texts] for a in texts])
    with torch.no_grad():
        return recall_at(embedded(clip, its.image[:500]) @ clip.texts(texts).T, 5, equal)
