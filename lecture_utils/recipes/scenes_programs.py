"""Weights `scenes_programs`: a program writer that has read programs, and a VQA for simple questions.

T. Gupta and A. Kembhavi, "Visual Programming", CVPR 2023. The writer is a language model of two layers that
was taught, on text alone, to take questions over no relation and one apart; questions over two and three are
new to it. The VQA looks at whole pictures (the ground, the sky) and at cuts (colour and shape of what is in
the middle). LOC is the course's Mask R-CNN, which is no part of these weights.
"""

from torch import nn

from lecture_utils.data.toyworld.language.asked import asked
from lecture_utils.data.toyworld.language.program_text import program_text
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.visual_programs.generator import LineWriter
from lecture_utils.multimodal.visual_programs.vqa import VQA
from lecture_utils.recipes._program_training import build_vqa, build_writer, train_vqa, train_writer
from lecture_utils.recipes._programs import answers_of_programs

STEPS, VQA_STEPS = 400, 320


class ProgramSystem(nn.Module):
    """The two networks that belong to visual programs, besides the detector.

    Parameters
    ----------
    writer : LanguageModel
        For `LineWriter`.
    vqa : VQA
        For the module VQA.
    """

    def __init__(self, writer: LanguageModel, vqa: VQA) -> None:
        super().__init__()
        self.writer, self.vqa = writer, vqa


def build() -> ProgramSystem:
    """Both networks, untrained."""
    return ProgramSystem(build_writer(), build_vqa())


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train both, one after the other; `steps` are the writer's, the VQA has as many in proportion."""
    writer, of_writer = train_writer(seed, steps=steps)
    vqa, of_vqa = train_vqa(seed, steps=max(1, steps * VQA_STEPS // STEPS))
    seconds = of_writer["seconds"] + of_vqa["seconds"]
    return ProgramSystem(writer, vqa).eval(), of_writer | {"seconds": seconds, "loss_vqa": of_vqa["loss"]}


def evaluate(model: ProgramSystem) -> dict[str, float]:
    """On test pictures, by relations: shares of programs written exactly, and of answers that are right."""
    out: dict[str, float] = {}
    for name, hops in (("0_1_hops", (0, 1)), ("2_hops", 2), ("3_hops", 3)):
        kinds = ("exists", "count", "what", "is")
        drawn = asked(100, split="test", each=3, kinds=kinds, hops=hops, objects=(2, 3))
        put = drawn.questions
        texts = LineWriter(model.writer).write([q.text for q in put])
        right = [word == q.answer for word, q in zip(answers_of_programs(drawn, model), put, strict=True)]
        exact = [text == program_text(q.program) for text, q in zip(texts, put, strict=True)]
        out[f"programs_{name}"], out[f"answers_{name}"] = sum(exact) / len(put), sum(right) / len(put)
    return out
