"""Chapter 13: does a net with two senses neglect one of them, and what helps, measured.

The claim is one function of a seed. Its rules are fixed here, before any run; `ledger.run` applies it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch13.fusion import (
    LateFusion,
    Senses,
    Words,
    balanced_loss,
    joint_loss,
    picture_loss,
    text_loss,
)
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, MATERIALS
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.metrics.probes import linear_probe
from lecture_utils.training.kit import Figures, mirrored, size, train_cycle

BATCH, PEAK_RATE, STEPS = 64, 2e-3, 1200
Loss = Callable[[nn.Module, Senses, Tensor], Tensor]
ARMS: dict[str, Loss] = {"one loss": joint_loss, "a loss for each sense": balanced_loss}


@dataclass(frozen=True, eq=False)
class Told:
    """Pictures with captions as words, N of each; and whether the caption names the class."""

    images: Tensor
    words: Tensor
    class_id: Tensor
    told: Tensor

    @classmethod
    def of(cls, its: Captioned, words: Words) -> "Told":
        """Read the captions."""
        names = [CLASSES[k] for k in its.class_id.tolist()]
        told = [name in text.split() for name, text in zip(names, its.text, strict=True)]
        return cls(its.image, words(its.text), its.class_id, torch.tensor(told))


def batches(its: Told, seed: int) -> Iterator[tuple[Senses, Tensor]]:
    """Batches without end, each pass in its own order, half of the pictures mirrored."""
    draw = torch.Generator().manual_seed(seed)
    while True:
        for chosen in torch.randperm(len(its.images), generator=draw).split(BATCH):
            yield (mirrored(its.images[chosen], draw), its.words[chosen]), its.class_id[chosen]


def fitted(its: Told, vocabulary: int, seed: int, steps: int, loss: Loss) -> LateFusion:
    """Train; all arms of a seed begin with the same weights and see the same batches."""
    torch.manual_seed(seed)
    model = LateFusion(vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=0.01)
    train_cycle(model, batches(its, seed), loss=loss, optimizer=optimizer, steps=steps, warm_up=0.2)
    return model.eval()


def share_right(logits: Tensor, label: Tensor) -> float:
    """Accuracy of logits (N, K)."""
    return float((logits.argmax(1) == label).double().mean())


@torch.no_grad()
def with_and_without(model: LateFusion, train: Told, test: Told) -> dict[str, float]:
    """Accuracy with both senses, where the caption does not name the class, and without each sense.

    A sense is withheld by putting the mean of its training features in its place: it then says the same of
    every picture.
    """
    mean_seen, mean_read = (x.mean(0) for x in model.features((train.images, train.words)))
    seen, read = model.features((test.images, test.words))
    both, label = model.fused(seen, read), test.class_id
    return {
        "both": share_right(both, label),
        "untold": share_right(both[~test.told], label[~test.told]),
        "without text": share_right(model.fused(seen, mean_read.expand_as(read)), label),
        "without picture": share_right(model.fused(mean_seen.expand_as(seen), read), label),
    }


def probed(model: LateFusion, train: Told, test: Told) -> float:
    """Accuracy of a linear classifier on the picture's features: what the encoder knows, whoever asks."""
    with torch.no_grad():
        seen, unseen = (model.features((own.images, own.words))[0] for own in (train, test))
    held = len(seen) // 5
    parts = (seen[held:], train.class_id[held:]), (seen[:held], train.class_id[:held])
    return linear_probe(*parts, (unseen, test.class_id))[1]


def after_steps(seed: int, budget: str, steps: float = STEPS) -> Figures:
    """Accuracies of nets that are trained for so many steps."""
    count, judged = size(budget, quick=(128, 200), full=(3200, 4000))
    steps = int(size(budget, quick=2, full=steps))
    texts_of = captioned(count, seed=seed, materials=MATERIALS)
    words = Words(texts_of.text)
    train = Told.of(texts_of, words)
    test = Told.of(captioned(judged, seed=seed, split="test", materials=MATERIALS), words)
    scores: dict[str, dict[str, float]] = {}
    for name, loss in ARMS.items():
        model = fitted(train, len(words), seed, steps, loss)
        scores[name] = with_and_without(model, train, test) | {"probe": probed(model, train, test)}
        scores[name]["both, training"] = with_and_without(model, train, train)["both"]
    alone: dict[str, float] = {}
    for i, (name, loss) in enumerate({"picture": picture_loss, "text": text_loss}.items()):
        model = fitted(train, len(words), seed, steps, loss)
        with torch.no_grad():
            features = model.features((test.images, test.words))[i]
            alone[name] = share_right(model.heads[i](features), test.class_id)
        if name == "picture":
            alone["picture, probe"] = probed(model, train, test)
    fused, balanced = scores["one loss"], scores["a loss for each sense"]
    lost = alone["picture"] - fused["without text"]
    known = alone["picture, probe"]
    return {
        "lost": lost,
        "leans": fused["without picture"] - fused["without text"],
        "given_back": (balanced["without text"] - fused["without text"]) / lost if lost > 0 else 0.0,
        "gain_untold": balanced["untold"] - fused["untold"],
        "gain_both": balanced["both"] - fused["both"],
        "encoder_lost": known - fused["probe"],
        "encoder_lost_balanced": known - balanced["probe"],
        "scores": scores,
        "alone": alone,
    }


# --- C13.4 -------------------------------------------------------------------------------------------
@claim(
    "C13.4",
    statement="A net that fuses pictures and captions under one loss leans on the captions, and without them "
    "does worse than a net of pictures alone; a further loss for each sense gives back more than half of "
    "that, and finds more classes where the caption does not name it.",
    paper="X. Peng, Y. Wei, A. Deng, D. Wang, D. Hu, Balanced Multimodal Learning via On-the-fly Gradient "
    "Modulation, CVPR 2022, section 3.2 and table 1; W. Wang, D. Tran, M. Feiszli, What Makes Training "
    "Multi-Modal Classification Networks Hard?, CVPR 2020, sections 1 and 3",
    rule=(
        Rule("lost", above=0.0),
        Rule("leans", above=0.0),
        Rule("given_back", above=0.5),
        Rule("gain_untold", above=0.0),
    ),
    seeds=5,
    note="The class of one object, of eight. The picture shows it always, in four materials; the caption "
    "names it in nine of ten, and is learned much faster. 3,200 training pictures, 4,000 test pictures a "
    "seed. Both encoders are small, their features are joined and one linear layer decides. All arms have "
    "the same first weights, batches and steps; the further losses have weight 1 each, untuned. A sense is "
    "withheld by the mean of its training features. What is lost is the accuracy of a net of pictures alone "
    "minus that of the fused net without its caption; what a linear classifier on the frozen picture "
    "encoder finds is in the record and not ruled on. Along the boundary all arms have other numbers "
    "of steps.",
    names={
        "lost": "accuracy of a net of pictures alone minus the fused net's without the caption",
        "leans": "fused net: accuracy without the picture minus accuracy without the caption",
        "given_back": "share of what was lost that a loss for each sense gives back",
        "gain_untold": "gain by a loss for each sense where the caption does not name the class",
        "gain_both": "gain by a loss for each sense over all, with both senses",
        "encoder_lost": "what a linear classifier finds with the encoder of a net of pictures alone minus "
        "that with the fused net's",
        "encoder_lost_balanced": "the same with a loss for each sense",
    },
    boundary=Boundary("steps of training", (150, 2400), after_steps),
)
def c13_4_neglect(seed: int, budget: str) -> Figures:
    """Accuracies with and without each sense, under one loss and under a loss for each sense."""
    return after_steps(seed, budget)
