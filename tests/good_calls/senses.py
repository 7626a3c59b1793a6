"""Good calls of systems from one sense to another: sound to image, image to speech, speech to face."""

import torch

from lecture_utils.multimodal.image_to_speech import ImageToUnits
from lecture_utils.multimodal.sound_encoder import SoundEncoder, UnitSoundEncoder
from lecture_utils.multimodal.sound_to_image import ImageDecoder, SoundToImage
from lecture_utils.multimodal.speech_to_face import FaceDecoder, FaceEncoder, SpeechToFace
from lecture_utils.multimodal.speech_units import Units
from tests.bad_calls import count, floats, images, labels, made, number
from tests.good_calls.makers import Call


def voice() -> SoundEncoder:
    """(B, 8, T) → (B, 6)."""
    return SoundEncoder(8, 6, widths=(4, 4)).eval()


def face() -> FaceEncoder:
    """Pictures (B, 3, 16, 16) → (B, 6) → two questions."""
    return FaceEncoder({"age": 3, "glasses": 2}, dim=6, size=16, widths=(4, 4, 4, 4)).eval()


def from_front() -> FaceDecoder:
    """(B, 6) → (B, 3, 32, 32)."""
    return FaceDecoder(dim=6, size=32, widths=(4, 4, 4, 4)).eval()


def painter() -> ImageDecoder:
    """(B, 6) and layouts → (B, 3, 8, 8)."""
    return ImageDecoder(dim=6, width=4, layers=1, size=8).eval()


def units() -> Units:
    """Three units of eight bands."""
    own = Units(3, 8)
    own.spectra.copy_(torch.eye(3, 8))
    return own


def teller() -> ImageToUnits:
    """Features (B, 4, H, W) → units."""
    return ImageToUnits(4, units(), width=6).eval()


MEL, LAYOUT = floats(2, 8, 12), floats(2, 5, of=lambda x: 0.2 + 0.5 * x)
TOLD = labels(5, 2, 4)

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.sound_encoder": {
        "SoundEncoder": {"bands": count(8), "dim": count(6), "widths": (4, 4)},
        "SoundEncoder.forward": {"self": made(voice), "mel": MEL},
        "UnitSoundEncoder.forward": {
            "self": made(lambda: UnitSoundEncoder(8, 6, widths=(4, 4)).eval()), "mel": MEL},
    },
    "multimodal.speech_to_face": {
        "FaceEncoder": {"questions": {"age": 3}, "dim": count(6), "size": count(16)},
        "FaceEncoder.forward": {"self": made(face), "images": images(2, 3, 16, 16)},
        "FaceEncoder.answers": {"self": made(face), "embedding": floats(2, 6)},
        "FaceDecoder": {"dim": count(6), "size": count(32), "widths": (4, 4, 4, 4)},
        "FaceDecoder.forward": {"self": made(from_front), "embedding": floats(2, 6)},
        "SpeechToFace.forward": {
            "self": made(lambda: SpeechToFace(voice(), face(), from_front())), "mel": MEL},
        "speech_to_face_loss": {"voice": floats(2, 6), "face": floats(2, 6),
            "decoder": made(from_front), "encoder": made(face), "weights": (1.0, 1.0)},
        "distillation": {"ours": floats(2, 3), "theirs": floats(2, 3), "temperature": number(2.0)},
    },
    "multimodal.sound_to_image": {
        "ImageDecoder": {"dim": count(6), "width": count(4), "layers": count(1), "size": count(8)},
        "ImageDecoder.forward": {"self": made(painter), "embedding": floats(2, 6), "layout": LAYOUT},
        "seen_from": {"layout": LAYOUT, "size": count(8)},
        "SoundToImage.forward": {
            "self": made(lambda: SoundToImage(UnitSoundEncoder(8, 6, widths=(4, 4)).eval(), painter())),
            "mel": MEL, "layout": LAYOUT},
        "info_nce": {"ours": floats(3, 4), "theirs": floats(3, 4), "temperature": number(0.2)},
        "alignment_loss": {"ours": floats(3, 4), "theirs": floats(3, 4), "temperature": number(0.2),
            "pull": number(1.0)},
    },
    "multimodal.speech_units": {
        "Units": {"count": count(3), "bands": count(8)},
        "Units.nearest": {"self": made(units), "mel": floats(8, 12)},
        "Units.encode": {"self": made(units), "mel": floats(8, 12)},
        "Units.decode": {"self": made(units), "units": labels(3, 5)},
        "k_means": {"x": floats(9, 3), "count": count(3), "seed": count(0, zero=True),
            "rounds": count(2, zero=True)},
        "runs": {"ids": labels(3, 7)},
        "unit_error": {"said": labels(3, 4), "wanted": labels(3, 5)},
    },
    "multimodal.image_to_speech": {
        "ImageToUnits": {"channels": count(4), "units": made(units), "width": count(6)},
        "ImageToUnits.forward": {"self": made(teller), "features": floats(2, 4, 3, 3), "ids": TOLD},
        "ImageToUnits.tell": {"self": made(teller), "features": floats(2, 4, 3, 3), "most": count(3)},
        "unit_loss": {"scores": floats(2, 3, 4), "ids": labels(4, 2, 4), "end": 3},
        "WordRecogniser": {"bands": count(8), "words": count(3), "width": count(4)},
    },
}  # fmt: skip
