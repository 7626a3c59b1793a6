"""Networks that others trained to caption, to answer and to write down speech: BLIP, LLaVA and Whisper.

BLIP: J. Li, D. Li, C. Xiong and S. Hoi, ICML 2022. LLaVA: H. Liu, C. Li, Q. Wu and Y. J. Lee, NeurIPS 2023.
Whisper: A. Radford et al., ICML 2023. All through `transformers`; as in `hub.transformers` nothing is
downloaded by surprise, and one line says what is missing.

Shapes: B pictures or recordings, T samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lecture_utils.hub import cache
from lecture_utils.hub import transformers as hub
from lecture_utils.ops.checks import check_images, check_sizes, check_tensor

RATE_HZ = 16_000  # what Whisper listens to


@dataclass(frozen=True)
class Speaker:
    """A trained network with what prepares its inputs and spells its outputs."""

    model: Any
    processor: Any

    def says(self, steps: int, read: int = 0, **inputs: Any) -> list[str]:
        """Write greedily, at most `steps` tokens behind the `read` ones that it was given."""
        check_sizes("says", steps=steps)
        with torch.inference_mode():
            ids = self.model.generate(**inputs, max_new_tokens=steps, do_sample=False)
        texts = self.processor.batch_decode(ids[:, read:], skip_special_tokens=True)
        return [text.strip() for text in texts]


class Captioner(Speaker):
    """BLIP, which captions: `model` is transformers' `BlipForConditionalGeneration`."""

    def describe(self, images: Tensor, *, steps: int = 30) -> list[str]:
        """Caption pictures (B, 3, H, W) in [0, 1]."""
        return self.says(
            steps, **self.processor(images=pictures(images), return_tensors="pt", do_rescale=False)
        )


class Answerer(Speaker):
    """BLIP, which answers: `model` is transformers' `BlipForQuestionAnswering`."""

    def answer(self, images: Tensor, questions: Sequence[str], *, steps: int = 10) -> list[str]:
        """Answer one question about each of B pictures (B, 3, H, W) in [0, 1]."""
        shown = pictures(images)
        check_as_many(questions, images)
        inputs = self.processor(
            images=shown, text=list(questions), padding=True, return_tensors="pt", do_rescale=False
        )
        return self.says(steps, **inputs)


class Assistant(Speaker):
    """LLaVA: `model` is transformers' `LlavaForConditionalGeneration`."""

    def answer(self, images: Tensor, questions: Sequence[str], *, steps: int = 40) -> list[str]:
        """Answer one question about each of B pictures (B, 3, H, W) in [0, 1], one after the other."""
        shown = pictures(images)
        check_as_many(questions, images)
        out = []
        for image, question in zip(shown, questions, strict=True):
            prompt = f"USER: <image>\n{question} ASSISTANT:"  # the form of LLaVA-1.5
            inputs = self.processor(images=[image], text=[prompt], return_tensors="pt", do_rescale=False)
            out += self.says(steps, inputs["input_ids"].shape[1], **inputs)
        return out


class Listener(Speaker):
    """Whisper: `model` is transformers' `WhisperForConditionalGeneration`."""

    def transcribe(self, waves: Tensor, *, steps: int = 40) -> list[str]:
        """Write down recordings (B, T), float32 at 16 kHz."""
        check_tensor(waves, "waves", "B", "T", some=True, finite=True)
        heard = self.processor(list(waves.numpy()), sampling_rate=RATE_HZ, return_tensors="pt")
        return self.says(steps, input_features=heard["input_features"])


def captioner(name: str = "Salesforce/blip-image-captioning-base") -> Captioner | None:
    """Load a BLIP that captions, from the hub or from a folder; None, and a line why, if it is not there."""
    found = _both(name, "BlipForConditionalGeneration")
    return None if found is None else Captioner(*found)


def answerer(name: str = "Salesforce/blip-vqa-base") -> Answerer | None:
    """Load a BLIP that answers questions; as `captioner`."""
    found = _both(name, "BlipForQuestionAnswering")
    return None if found is None else Answerer(*found)


def assistant(name: str = "llava-hf/llava-1.5-7b-hf") -> Assistant | None:
    """Load a LLaVA; as `captioner`. The one that is named here has 7 billion parameters."""
    found = _both(name, "LlavaForConditionalGeneration")
    return None if found is None else Assistant(*found)


def listener(name: str = "openai/whisper-tiny") -> Listener | None:
    """Load a Whisper; as `captioner`."""
    found = _both(name, "WhisperForConditionalGeneration")
    return None if found is None else Listener(*found)


def pictures(images: Tensor) -> list[Tensor]:
    """Return pictures (B, 3, H, W) in [0, 1] one by one; ValueError for anything else."""
    check_images(images, 3, unit_range=True)
    return list(images)


def check_as_many(questions: Sequence[str], images: Tensor) -> None:
    """Raise ValueError unless there is one question, a str, for each picture."""
    if isinstance(questions, str) or any(not isinstance(q, str) for q in questions):
        raise ValueError(f"questions: got {questions!r}, want one str for each picture")
    if len(questions) != len(images):
        raise ValueError(f"questions: got {len(questions)}, want one for each of {len(images)} pictures")


def _both(name: str, kind: str) -> tuple[Any, Any] | None:
    """Load a model and its processor."""
    model = hub._load(name, kind)
    if model is None:
        return None
    import transformers

    folder = name if Path(name).is_dir() else hub._cached(name)
    try:
        processor = transformers.AutoProcessor.from_pretrained(
            folder or name, local_files_only=folder is not None
        )
    except Exception as error:  # a file that is missing, damaged, or of another library's version
        cache.tell(f"The processor of {name} could not be loaded ({type(error).__name__}).")
        return None
    return model, processor
