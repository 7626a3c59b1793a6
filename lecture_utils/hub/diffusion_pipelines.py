"""Our latent diffusion as a checkpoint of `diffusers`: five parts in a folder, run by its pipeline, S16.3.

Stable Diffusion comes as such a folder: a tokenizer, a text encoder, a U-Net, an auto-encoder and a
scheduler. Here each is made of a trained model of the course. Tokenizer, text encoder and scheduler are the
library's own classes with our numbers. The slim U-Net and the auto-encoder are laid out otherwise than the
library's, and go in as parts of our own (`diffusers_parts`), which it takes. (`ConditionalUNet` and
`PriorTransformer` are laid out as its own are: see `diffusers_weights`.)

Where `diffusers` is not installed, one line says so. Shapes: L tokens of a sentence, D width.
"""

import importlib.util
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.prompt import Prompt
from lecture_utils.generative.diffusion.schedule import (
    NoiseSchedule,
    cosine_betas,
    linear_betas,
    scaled_linear_betas,
)
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.hub import cache
from lecture_utils.hub.diffusers_weights import to_text_encoder
from lecture_utils.multimodal.tokenizer import BYTES, Tokenizer

KINDS = {"epsilon": "epsilon", "sample": "sample", "v": "v_prediction"}
SCHEDULES: dict[str, tuple[Callable[[int], Tensor], dict[str, float]]] = {
    "squaredcos_cap_v2": (cosine_betas, {}),
    "linear": (linear_betas, {"beta_start": 1e-4, "beta_end": 0.02}),
    "scaled_linear": (scaled_linear_betas, {"beta_start": 0.00085, "beta_end": 0.012}),
}


def stable_diffusion(model: LatentDiffusion, tokenizer: Tokenizer) -> Any:
    """Return the library's `StableDiffusionPipeline` of a model that is told sentences.

    Called with a sentence it makes the pictures that `model.sample` makes of it, from the same noise. Boxes
    it does not know: places for them stay empty. Its `save_pretrained` writes a folder that the library's
    `from_pretrained` reads.

    Parameters
    ----------
    model : LatentDiffusion
        Of a `SlimUNet`, with a `Prompt` as its condition.
    tokenizer : Tokenizer
        That of the text encoder.

    Returns
    -------
    diffusers.StableDiffusionPipeline or None
        None without the library; a printed line says so.

    Raises
    ------
    ValueError
        For a model of other parts.
    """
    if not isinstance(model.condition, Prompt) or not isinstance(model.net, SlimUNet):
        got = f"{type(model.condition).__name__} and {type(model.net).__name__}"
        raise ValueError(f"model: got {got}, want a Prompt and a SlimUNet")
    if not installed("A pipeline"):
        return None
    import diffusers

    from lecture_utils.hub.diffusers_parts import own_autoencoder, own_unet

    length = len(model.condition.empty)
    with torch.no_grad():
        more = model.condition.null()[length:]  # tokens of places without a box
    pipeline: Any = diffusers.StableDiffusionPipeline(
        vae=own_autoencoder(model.autoencoder),
        text_encoder=to_text_encoder(model.condition.text, tokenizer.pad),
        tokenizer=to_tokenizer(tokenizer, length),
        unet=own_unet(model.net, more, model.shape[-1]),
        scheduler=to_scheduler(model.schedule, model.kind),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's progress bars and advice out of the notebook while it saves and loads."""
    import diffusers
    import transformers

    logs: list[Any] = [diffusers.utils.logging, transformers.utils.logging]
    levels = [log.get_verbosity() for log in logs]
    for log in logs:
        log.set_verbosity(logging.CRITICAL)
        log.disable_progress_bar()
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.set_verbosity(level)
            log.enable_progress_bar()


def to_scheduler(schedule: NoiseSchedule, kind: str, name: str = "DDIMScheduler") -> Any:
    """Return a scheduler of `diffusers`, by its class's name, that samples as `spaced_steps` "trailing" does.

    Raises
    ------
    ValueError
        For a kind that is none of "epsilon", "sample" and "v".
    """
    import diffusers

    if kind not in KINDS:
        raise ValueError(f"kind: got {kind!r}, want one of {sorted(KINDS)}")
    betas: dict[str, Any] = {"trained_betas": schedule.beta[1:].float().numpy()}
    for theirs, (make, ends) in SCHEDULES.items():
        if torch.equal(make(schedule.steps), schedule.beta[1:]):
            betas = {"beta_schedule": theirs, **ends}
    more = {"clip_sample": False} if name in ("DDIMScheduler", "DDPMScheduler") else {}
    return getattr(diffusers, name)(
        num_train_timesteps=schedule.steps, prediction_type=KINDS[kind], timestep_spacing="trailing",
        steps_offset=1, **betas, **more,
    )  # fmt: skip


def to_tokenizer(tokenizer: Tokenizer, length: int) -> Any:
    """Return a tokenizer of `transformers` that gives the same ids, padded to L."""
    import tokenizers
    import transformers
    from tokenizers import models, pre_tokenizers, processors

    names = [spelt(token) for token in tokenizer.tokens]
    marks = {"<start>": tokenizer.start, "<end>": tokenizer.end, "<pad>": tokenizer.pad}
    vocabulary = {name: i for i, name in enumerate(names)} | marks
    theirs = tokenizers.Tokenizer(
        models.BPE(vocabulary, [(names[a], names[b]) for a, b in tokenizer.merges.tolist()])
    )
    theirs.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(" ?[^ ]+| "), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    theirs.decoder = tokenizers.decoders.ByteLevel()
    ends = [("<start>", tokenizer.start), ("<end>", tokenizer.end)]
    theirs.post_processor = processors.TemplateProcessing(single="<start> $A <end>", special_tokens=ends)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=theirs, bos_token="<start>", eos_token="<end>", pad_token="<pad>",
        model_max_length=length,
    )  # fmt: skip


def spelt(token: bytes) -> str:
    """Spell bytes in letters as GPT-2's table does: those that print as they are, others from U+0100 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, BYTES)]
    others = {value: chr(BYTES + n) for n, value in enumerate(v for v in range(BYTES) if v not in plain)}
    return "".join(others.get(value, chr(value)) for value in token)


def installed(what: str) -> bool:
    """Say whether `diffusers` is here, and in a line how to get it where it is not."""
    if importlib.util.find_spec("diffusers") is None:
        cache.tell(f"{what} needs the package diffusers: `pip install diffusers`, then run this cell again.")
        return False
    return True
