"""How the networks of visual programs are taught: the VQA on simple questions, the writer on pairs of text.

Shapes: B batch, N pictures.
"""

import functools
import itertools
import time
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.asked import ABOUT, asked_scenes
from lecture_utils.data.toyworld.language.program_text import program_steps, program_text
from lecture_utils.data.toyworld.language.questions import Question, questions
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.data.toyworld.render import render
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.multimodal.visual_programs.generator import (
    IS,
    as_completion,
    as_prompt,
    backwards,
    batch_of,
    rows_of,
)
from lecture_utils.multimodal.visual_programs.modules import cut, square_around
from lecture_utils.multimodal.visual_programs.vqa import VQA
from lecture_utils.recipes._detection import SmallBackbone, start_from_classifier
from lecture_utils.recipes._programs import exact_things
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

SIMPLE = ("what colour is it ?", "what shape is it ?", "what is the ground ?", "what is the sky ?")
SKIES = ("clear", "cloudy")
WORDS = tuple(dict.fromkeys(" ".join(SIMPLE).split()))


# --- VQA: a small network for simple questions -------------------------------------------------------
class BackboneStem(nn.Module):
    """The backbone of the course's detectors, and one convolution: (B, 3, 48, 48) → cells (B, 36, D)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.backbone = SmallBackbone()
        self.fewer = nn.Conv2d(self.backbone.channels, dim, 3, 2, padding=1)

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        (fine,) = self.backbone(x)  # (B, 48, H/4, W/4)
        return self.fewer(fine).flatten(2).transpose(1, 2)  # (B, H/8 · W/8, D)


def build_vqa() -> VQA:
    """The network, untrained."""
    answers = (*COLOURS, *CLASSES, *STUFF[1:], *SKIES)
    return VQA(BackboneStem(64), WORDS, answers, dim=64, layers=2, length=8)


def simple_questions(count: int, seed: int, split: str = "train") -> tuple[Tensor, list[str], list[str]]:
    """Pictures (4 · N, 3, 48, 48), a simple question each and its answer: each whole, twice, and two cuts.

    The cuts are around true boxes, moved and grown a little, as a detector's are.
    """
    scenes, facts = asked_scenes(count, seed=seed, split=split)
    image = render(scenes, 48, only="image").image
    things = exact_things(scenes, facts, 48)
    random = torch.Generator().manual_seed(seed)
    pictures, put, answers = [], [], []
    for pixels, fact, own in zip(image, facts, things, strict=True):
        draw = torch.rand(2, 4, generator=random)
        pictures += [pixels, pixels]
        put += ["what is the ground ?", "what is the sky ?"]
        answers += [fact.ground, fact.sky]
        for row, kind in zip(draw, ("colour", "shape"), strict=True):
            thing = own[int(row[0] * len(own))]
            moved = [
                value + 2 * float(by) - 1 for value, by in zip(thing.box, row[[1, 2, 1, 2]], strict=True)
            ]
            around = 1.2 + 0.2 * float(row[3])
            pictures.append(cut(pixels, square_around(tuple(moved), 48, 48, around=around)))  # type: ignore[arg-type]
            put.append(f"what {kind} is it ?")
            answers.append(getattr(thing, kind))
    return torch.stack(pictures), put, answers


def vqa_batches(model: VQA, seed: int, *, batch: int = 64) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
    """Simple questions about pictures that never repeat."""
    for portion in itertools.count(1000 * seed):
        images, put, answers = simple_questions(320, portion)
        ids, wanted = model.encode(put), torch.tensor([model.answers.index(word) for word in answers])
        for chosen in torch.randperm(len(ids), generator=torch.Generator().manual_seed(portion)).split(batch):
            if len(chosen) == batch:
                yield (images[chosen], ids[chosen]), wanted[chosen]


def answer_loss(model: nn.Module, x: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
    """Cross-entropy of the answers."""
    return F.cross_entropy(model(*x), y)


def train_vqa(seed: int, *, steps: int, rate: float = 4e-3) -> tuple[VQA, dict[str, float]]:
    """Train on simple questions, 64 a step, from the backbone's weights that learned to classify objects."""
    torch.manual_seed(seed)
    model = build_vqa()
    start_from_classifier(model.stem.get_submodule("backbone"))
    trained, info = one_cycle(
        model, vqa_batches(model, seed), loss=answer_loss,
        optimizer=MuonAndAdamW(model, model.layers, rate), steps=steps, warm_up=0.1,
        cycle_momentum=False, label="VQA", clock=time.thread_time,
    )  # fmt: skip
    return trained, info  # type: ignore[return-value]


# --- the writer --------------------------------------------------------------------------------------
def pairs_of(put: Sequence[Question], *, whole: bool = False) -> list[tuple[str, str]]:
    """Prompts and completions that teach to write questions' programs, phrase by phrase, or whole."""
    if whole:
        return [(as_prompt(q.text), as_completion(program_text(q.program).split("\n"))) for q in put]
    out = []
    for step in (step for q in put for step in program_steps(q.program)):
        task = step.lines[-1].split(IS)[0] + IS + step.phrase  # such as "BOX0 = the ball"
        out.append((as_prompt(backwards(step.left)), as_prompt(backwards(task))))
        out.append((as_prompt(task), as_completion(step.lines)))
    return out


@functools.lru_cache(maxsize=2)
def read_questions(scenes: int, seed: int = 0) -> tuple[Question, ...]:
    """Questions of training scenes over no relation and one; nothing is rendered."""
    _, facts = asked_scenes(scenes, seed=seed)
    return tuple(questions(facts, 6, about=ABOUT))


def build_writer(*, dim: int = 96, layers: int = 2, length: int = 128) -> LanguageModel:
    """The language model, untrained, with a tokenizer to which each word of both texts is one token."""
    put = read_questions(300)
    texts = [a + b for a, b in [*pairs_of(put), *pairs_of(put, whole=True)]]
    tokenizer = Tokenizer.train(texts, 2000)
    return LanguageModel(
        tokenizer.vocabulary, dim=dim, heads=4, layers=layers, length=length, tokenizer=tokenizer
    )


def writer_batches(
    lm: LanguageModel, pairs: Sequence[tuple[str, str]], seed: int, *, batch: int = 64
) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches of such pairs for ever."""
    made = torch.Generator().manual_seed(seed)
    while True:
        for chosen in torch.randperm(len(pairs), generator=made).split(batch):
            if len(chosen) == batch:
                yield batch_of(lm, [rows_of(lm, *pairs[i]) for i in chosen.tolist()])


def token_loss(lm: nn.Module, ids: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the tokens that are to be written."""
    return F.cross_entropy(lm(ids).flatten(0, 1), target.flatten(), ignore_index=-100)


def train_writer(
    seed: int, *, steps: int, whole: bool = False, scenes: int = 1500, rate: float = 5e-3
) -> tuple[LanguageModel, dict[str, float]]:
    """Train on pairs of text over no relation and one, 64 a step."""
    torch.manual_seed(seed)
    lm = build_writer()
    pairs = pairs_of(read_questions(scenes, seed), whole=whole)
    trained, info = one_cycle(
        lm, writer_batches(lm, pairs, seed), loss=token_loss,
        optimizer=MuonAndAdamW(lm, lm.layers, rate), steps=steps, warm_up=0.05,
        cycle_momentum=False, label="program writer", clock=time.thread_time,
    )  # fmt: skip
    return trained, info  # type: ignore[return-value]
