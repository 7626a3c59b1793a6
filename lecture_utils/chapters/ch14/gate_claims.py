"""Chapter 14: what a gate that is shut at first is good for, measured.

The claim is one function of a seed. Its rules are fixed here, before any run; `ledger.run` applies it.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.data.toyworld.language.prompts import documents, encoded
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.multimodal.flamingo.flamingo import Flamingo
from lecture_utils.multimodal.flamingo.gated_cross_attention import Attend, Combine, gated_cross_attention
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.recipes import scenes_flamingo
from lecture_utils.recipes._flamingo import Tutor
from lecture_utils.recipes._scenes import exam, eye, judge, language_model, material, words
from lecture_utils.training.kit import Figures, size

OPEN = 1.0  # alpha of the gates that are open at first: tanh(1) = 0.76
ARMS = ("shut at first", "open at first", "no gate")
KINDS = (("named", 3, 1.0),)  # questions alone: in-context learning is not the point here


def ungated(gate: float = 1.0) -> Combine:
    """What adds both branches through one gate that never moves; 1 is no gate at all."""

    def combine(
        text: Tensor, latents: Tensor, attend: Attend, mlp: Callable[[Tensor], Tensor], alpha: Tensor
    ) -> Tensor:
        text = text + gate * attend(text, latents)
        return text + gate * mlp(text)

    return combine


def started(arm: str, seed: int) -> Flamingo:
    """A Flamingo before it learns; all arms of a seed have the same weights but for the gates."""
    torch.manual_seed(seed)
    model = scenes_flamingo.build(combine=ungated() if arm == "no gate" else gated_cross_attention)
    if arm == "open at first":
        for layer in model.new_layers():
            torch.nn.init.constant_(layer.alpha, OPEN)
    return model


def plain_texts(count: int, seed: int) -> Tensor:
    """Test documents without a picture as ids (B, N), padded on the right."""
    tokenizer = words()
    rows = [encoded(document, tokenizer)[0] for document in documents(count, seed=seed, split="test")]
    rows = [row for row in rows if len(row) <= language_model().length]
    longest = max(map(len, rows))
    return torch.tensor([row + [tokenizer.pad] * (longest - len(row)) for row in rows])


@torch.no_grad()
def text_nats(model: Flamingo | LanguageModel, ids: Tensor) -> float:
    """Mean -log p of a token of plain texts, for a Flamingo or its language model alone."""
    total, count = 0.0, 0
    for part in ids.split(50):
        given = part[:, :-1]
        reads = model(given, None, torch.zeros_like(given)) if isinstance(model, Flamingo) else model(given)
        nats = F.cross_entropy(reads.transpose(1, 2), part[:, 1:], reduction="none")
        told = part[:, 1:] != words().pad
        total, count = total + float(nats[told].double().sum()), count + int(told.sum())
    return total / count


def begins(seed: int, budget: str, gate: float = 1.0) -> Figures:
    """How far the untrained new layers move the language model's loss on text: shut, and held at `gate`."""
    ids = plain_texts(size(budget, quick=10, full=150), seed)
    before = text_nats(language_model(), ids)
    torch.manual_seed(seed)
    held = scenes_flamingo.build(combine=ungated(gate))
    return {
        "harm": text_nats(held, ids) - before,
        "moved": text_nats(started("shut at first", seed), ids) - before,
        "nats": before,
    }


def trained_share(model: Flamingo) -> float:
    """Which part of all weights, the eye's included, training moves."""
    learned = sum(p.numel() for p in model.learned())
    return learned / (sum(p.numel() for p in [*model.parameters(), *eye().parameters()]))


# --- C14.2 -------------------------------------------------------------------------------------------
@claim(
    "C14.2",
    statement="New layers behind gates that are shut leave a language model's loss exactly as it was; the "
    "same layers at random, without gates, raise it.",
    paper="J.-B. Alayrac et al., Flamingo: a Visual Language Model for Few-Shot Learning, NeurIPS 2022, "
    "section 2.2 and table 3 (tanh gating: without it training was less stable, and the overall score lower)",
    rule=(Rule("harm", above=0.0), Rule("moved", equals=0.0)),
    seeds=3,
    note="The loss is the mean over all tokens of 150 test documents without a picture. Then three arms "
    "learn from the same questions about pictures for the same number of steps: gates shut at first, open "
    "at first (0.76, free to move), and none. Their accuracy on questions about test pictures, and their "
    "loss on text afterwards, are in the record and not ruled on; so is the share of all weights that "
    "training moves. Along the boundary the gates of the untrained layers are held at other values.",
    names={
        "harm": "nats a token that random new layers without gates add on plain text",
        "moved": "nats a token that the same layers add behind shut gates",
        "nats": "nats a token of the language model alone",
        "trained_share": "share of all weights that training moves",
    },
    boundary=Boundary("gate of the untrained layers", (0.01, 0.1, 0.3), begins),
)
def c14_2_gates(seed: int, budget: str) -> Figures:
    """Losses on text as training begins; accuracies and losses after the same training with three gates."""
    scenes, steps, judged = size(budget, quick=(150, 2, 20), full=(3000, 250, 400))
    ids = plain_texts(size(budget, quick=10, full=150), seed)
    arms: dict[str, dict[str, float]] = {}
    for arm in ARMS:
        model = started(arm, seed)
        tutor = Tutor(material(scenes), seed)
        info = scenes_flamingo.taught(model, tutor, steps=steps, kinds=KINDS)
        scores = judge(scenes_flamingo.answerer(model), exam(judged))
        arms[arm] = scores | {"training loss": info["loss"], "nats after": text_nats(model, ids)}
    return begins(seed, budget) | {"trained_share": trained_share(model), "arms": arms}
