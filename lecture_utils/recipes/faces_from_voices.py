"""Weights `faces_from_voices`: a toy Speech2Face, its face encoder, face decoder and voice encoder.

T.-H. Oh et al., "Speech2Face", CVPR 2019. Three trainings one after the other, as in the paper: the encoder
learns to answer questions about faces in the wild; the decoder to draw from its embedding the same person
from the front; and the voice encoder, with both fixed, to give the embedding of whoever speaks.
"""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.faces import sample_faces, sample_speakers
from lecture_utils.metrics.psnr import psnr
from lecture_utils.multimodal.sound_encoder import SoundEncoder
from lecture_utils.multimodal.speech_to_face import (
    FaceDecoder,
    FaceEncoder,
    SpeechToFace,
    speech_to_face_loss,
)
from lecture_utils.recipes import _speakers as people
from lecture_utils.recipes._parts import rows, taught

DIM, BATCH, PERSONS, VOICES = 64, 32, 4000, 1600
STEPS = {"face": 900, "decoder": 900, "voice": 700}
RATES = {"face": 3e-3, "decoder": 4e-3, "voice": 3e-3}
WEIGHTS = (1.0, 1.0)  # λ₁ and λ₂


def build() -> SpeechToFace:
    """The model, untrained: voices (B, 64, 64) log-mel → faces (B, 3, 64, 64)."""
    return SpeechToFace(
        SoundEncoder(people.BANDS, DIM, widths=(16, 32, 48, 64)),
        FaceEncoder(people.QUESTIONS, dim=DIM, size=people.SIZE),
        FaceDecoder(dim=DIM, size=people.SIZE, widths=(64, 48, 32, 24)),
    )


def ask(encoder: nn.Module, images: Tensor, wanted: Tensor) -> Tensor:
    """The face encoder's loss: cross-entropy, the mean over questions."""
    scores = encoder.answers(encoder(images)).values()  # type: ignore[operator]
    return torch.stack([F.cross_entropy(s, w) for s, w in zip(scores, wanted.unbind(1), strict=True)]).mean()


def train(seed: int = 0, *, steps: int | None = None) -> tuple[SpeechToFace, dict[str, float]]:
    """Train the three parts; return the model and steps, seconds (processor time), last loss.

    Parameters
    ----------
    seed : int
        Of weights, persons and their order.
    steps : int, optional
        Of each part, STEPS where not given.
    """
    torch.manual_seed(seed)
    model, begun = build(), time.thread_time()
    counts = STEPS if steps is None else dict.fromkeys(STEPS, steps)
    persons = sample_faces(PERSONS if steps is None else 4 * BATCH, seed)
    wild, frontal = people.portraits(persons), people.portraits(persons, frontal=True)
    wanted = torch.stack(list(people.answers(persons).values()), dim=1)  # (N, questions)
    faces = rows(torch.cat([wild, frontal]), wanted.repeat(2, 1), batch=BATCH, seed=seed)
    taught(model.face_encoder, faces, ask, rate=RATES["face"], steps=counts["face"], label="face")
    model.face_encoder.eval().requires_grad_(False)
    embedded = embeddings(model.face_encoder, wild)

    def draw(decoder: nn.Module, embedding: Tensor, image: Tensor) -> Tensor:
        return F.l1_loss(decoder(embedding), image)

    pairs = rows(embedded, frontal, batch=BATCH, seed=seed)
    taught(model.face_decoder, pairs, draw, rate=RATES["decoder"], steps=counts["decoder"], label="decoder")
    model.face_decoder.eval().requires_grad_(False)
    speakers = sample_speakers(VOICES if steps is None else 2 * BATCH, seed)  # the first of the same persons
    mel = people.heard(speakers)

    def follow(encoder: nn.Module, heard: Tensor, face: Tensor) -> Tensor:
        return speech_to_face_loss(encoder(heard), face, model.face_decoder, model.face_encoder, WEIGHTS)

    pairs = ((shifted(m), e) for m, e in rows(mel, embedded[: len(mel)], batch=BATCH, seed=seed))
    info = taught(
        model.voice_encoder, pairs, follow, rate=RATES["voice"], steps=counts["voice"], label="voice"
    )
    model.requires_grad_(True)
    return model.eval(), info | {"steps": sum(counts.values()), "seconds": time.thread_time() - begun}


def embeddings(encoder: FaceEncoder, images: Tensor) -> Tensor:
    """v_f (N, D) of pictures as bytes (N, 3, 64, 64)."""
    with torch.inference_mode():
        found = torch.cat([encoder(part / 255) for part in images.split(500)])
    return found.clone()


def shifted(mel: Tensor, most: int = 12) -> Tensor:
    """Move spectrograms (B, M, T) in time by up to so many frames, each batch by another number."""
    by = int(torch.randint(-most, most + 1, ()))
    return mel.roll(by, dims=2)


def evaluate(model: SpeechToFace) -> dict[str, float]:
    """Balanced accuracy of each question on 500 test persons, from voice and from a frontal face; PSNR.

    A guess that knows nothing has 1 / answers in the mean, whatever it prefers.
    """
    speakers = sample_speakers(500, seed=0, split="test")
    frontal = people.portraits(speakers.faces, frontal=True)
    with torch.inference_mode():
        voice = model.voice_encoder(people.heard(speakers))
        face = embeddings(model.face_encoder, frontal)
        drawn = model.face_decoder(embeddings(model.face_encoder, people.portraits(speakers.faces)))
    figures = {"decoder_psnr": psnr(drawn, frontal / 255).mean().item()}
    for source, embedding in (("voice", voice), ("face", face)):
        right = people.balanced(model.face_encoder, embedding, people.answers(speakers.faces))
        figures |= {f"{source}: {name}": value for name, value in right.items()}
    return figures
