"""Speech to face: the loss against loops over the paper's sums, who learns and who is fixed."""

import math

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.multimodal import speech_to_face as s2f
from lecture_utils.multimodal.sound_encoder import SoundEncoder, UnitSoundEncoder
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.7")

MODULE = "lecture_utils.multimodal.speech_to_face"
QUESTIONS = {"age": 3, "glasses": 2}


def parts(module=s2f, seed=0):
    torch.manual_seed(seed)
    encoder = module.FaceEncoder(QUESTIONS, dim=6, size=32, widths=(4, 4, 4, 4))
    decoder = module.FaceDecoder(dim=6, size=32, widths=(4, 4, 4, 4))
    return encoder.eval(), decoder.eval()


def embeddings(seed=1):
    made = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(5, 6, generator=made), 2 * torch.randn(5, 6, generator=made)


def by_loops(voice, face, decoder, encoder, weights):
    """Equations 1 and 2, number by number."""
    total = 0.0
    for v, f in zip(voice, face, strict=True):
        units = [
            abs((row @ v + b).item() - (row @ f + b).item())
            for row, b in zip(decoder.first.weight, decoder.first.bias, strict=True)
        ]
        total += sum(units) / len(units)
        total += weights[0] * sum(
            (a / v.norm() - b / f.norm()).item() ** 2 for a, b in zip(v, f, strict=True)
        )
        scores = [(encoder.answer.weight @ x.clamp_min(0) + encoder.answer.bias).tolist() for x in (v, f)]
        start, told = 0, 0.0
        for count in QUESTIONS.values():
            ours, theirs = ([math.exp(s / 2) for s in row[start : start + count]] for row in scores)
            told -= sum(t / sum(theirs) * math.log(o / sum(ours)) for o, t in zip(ours, theirs, strict=True))
            start += count
        total += weights[1] * told / len(QUESTIONS)
    return total / len(voice)


def gap(module=s2f):
    encoder, decoder = parts(module)
    voice, face = embeddings()
    got = module.speech_to_face_loss(voice, face, decoder, encoder, (0.5, 3.0)).item()
    return abs(got / by_loops(voice, face, decoder, encoder, (0.5, 3.0)) - 1)


def test_the_loss_is_that_of_equations_1_and_2():
    assert gap() < 1e-5


@pytest.mark.parametrize(
    "fault",
    [
        ("F.l1_loss(decoder.first(voice), ", "F.mse_loss(decoder.first(voice), "),
        ("F.l1_loss(decoder.first(voice), decoder.first(face))", "F.l1_loss(voice, face)"),
        ("wanted = (theirs / temperature)", "wanted = theirs"),
        (".square().sum(1).mean()", ".square().mean()"),
        ("distillation(ours, theirs) for", "distillation(theirs, ours) for"),
    ],
)  # fmt: skip
def test_another_loss_is_not(fault):
    assert gap(planted(MODULE, fault)) > 1e-3


def test_a_voice_where_its_face_is_has_the_least_loss():
    encoder, decoder = parts()
    _, face = embeddings()
    least = s2f.speech_to_face_loss(face, face, decoder, encoder)
    told = [s2f.distillation(s, s) for s in encoder.answers(face).values()]
    torch.testing.assert_close(least, torch.stack(told).mean())
    for seed in range(5):
        other = face + 0.1 * torch.randn(face.shape, generator=torch.Generator().manual_seed(seed))
        assert s2f.speech_to_face_loss(other, face, decoder, encoder) > least


def test_only_the_voice_encoder_learns_and_it_fits_a_batch():
    encoder, decoder = parts()
    torch.manual_seed(2)
    model = s2f.SpeechToFace(SoundEncoder(16, 6, widths=(8, 8)), encoder, decoder)
    encoder.requires_grad_(False)
    decoder.requires_grad_(False)
    mel, images = -4 + 2 * torch.randn(8, 16, 12), torch.rand(8, 3, 32, 32)
    optimizer = torch.optim.Adam(model.voice_encoder.parameters(), 1e-2)
    losses = []
    for _ in range(120):
        loss = model.loss(mel, images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    face = encoder(images)
    floor = s2f.speech_to_face_loss(face, face, decoder, encoder).item()
    assert losses[-1] - floor < 0.1 * (losses[0] - floor)
    assert all(p.grad is None for part in (encoder, decoder) for p in part.parameters())


def test_shapes_and_the_sound_encoders_invariants():
    encoder, decoder = parts()
    torch.manual_seed(0)
    voice = SoundEncoder(16, 6, widths=(8, 8)).eval()
    model = s2f.SpeechToFace(voice, encoder, decoder).eval()
    mel = -4 + torch.randn(3, 16, 20)
    faces = model(mel)
    assert faces.shape == (3, 3, 32, 32) and faces.min() >= 0 and faces.max() <= 1
    assert {k: v.shape for k, v in encoder.answers(voice(mel)).items()} == {"age": (3, 3), "glasses": (3, 2)}
    torch.testing.assert_close(voice(mel[1:2]), voice(mel)[1:2])
    # Frequency has its place: a sound that is moved up is another one; told again, it is the same.
    assert (voice(mel.roll(4, dims=1)) - voice(mel)).abs().max() > 1e-3
    steady = mel[:, :, :1].expand(3, 16, 40)
    inner = voice.trunk((steady[:, None] - voice.mean) / voice.spread)
    torch.testing.assert_close(inner[..., 2], inner[..., 5])
    unit = UnitSoundEncoder(16, 6, widths=(8, 8)).eval()
    torch.testing.assert_close(unit(mel).norm(dim=1), torch.ones(3))


def test_the_decoders_shuffle_is_that_of_the_library_and_its_picture_depends_on_the_embedding():
    _, decoder = parts()
    voice, face = embeddings()
    assert (decoder(voice) - decoder(face)).abs().max() > 1e-3
    x = F.relu(decoder.first(voice)).unflatten(1, (-1, 2, 2))
    shuffled = torch.nn.PixelShuffle(2)(decoder.last(decoder.blocks(x))).sigmoid()
    torch.testing.assert_close(decoder(voice), shuffled)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: s2f.FaceEncoder({}, size=32), "answers: got"),
        (lambda: s2f.FaceEncoder({"age": 1}, size=32), "answers: got"),
        (lambda: s2f.FaceEncoder(QUESTIONS, size=30), "size: got 30"),
        (lambda: s2f.FaceDecoder(size=48), "size: got 48"),
        (lambda: parts()[0](torch.rand(1, 3, 64, 64)), "want 32 × 32"),
        (lambda: parts()[1](torch.rand(2, 5)), "embedding: got"),
        (lambda: s2f.distillation(torch.rand(2, 3), torch.rand(2, 4)), "scores: got"),
        (lambda: s2f.distillation(torch.rand(2, 3), torch.rand(2, 3), 0.0), "temperature: got"),
        (lambda: s2f.speech_to_face_loss(*embeddings(), *parts()[::-1], (-1.0, 1.0)), "weights: got"),
        (lambda: SoundEncoder(10, 4), "bands: got 10"),
        (lambda: SoundEncoder(16, 4)(torch.rand(2, 8, 20)), "mel: got"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
