"""Speech to face (S13.7): a voice is mapped to where a face network would put the speaker's face.

T.-H. Oh, T. Dekel, C. Kim, I. Mosseri, W. T. Freeman, M. Rubinstein, W. Matusik, "Speech2Face: Learning the
Face Behind a Voice", CVPR 2019. Three parts (figure 2): a face encoder that was trained to recognise, a face
decoder that makes of its embedding a face from the front with a neutral expression (F. Cole et al., CVPR
2017), and a voice encoder that learns to give the embedding of the face whose mouth spoke. The first two are
fixed while it learns; nobody labels a voice.

Simplified: the face encoder is trained on attributes of toy faces where the paper has VGG-Face, which tells
2,622 persons apart; the decoder is trained with pictures' L1 alone, without landmarks and warped textures.

What comes out is, in the authors' words, no reconstruction of a person but an average-looking face with the
features that go with such voices: what the voice does not tell (skin, hair, eyes) is the training set's mean.

Shapes: B batch, S the picture's side, D width of the embedding, K answers over all questions, M mel bands, T
frames.
"""

import itertools
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.sound_encoder import SoundEncoder
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.checks import check_images, check_number, check_tensor, check_whole, check_wholes

TEMPERATURE = 2.0  # of the distillation: equation 2


class FaceEncoder(nn.Module):
    """Faces → an embedding, and from it the answers to questions about the face.

    Parameters
    ----------
    questions : mapping of str to int
        How many answers each has, such as {"glasses": 2}; at least one question.
    dim : int
        D.
    size : int
        S, a multiple of 16.
    widths : sequence of 4 int
        Channels of its convolutions.

    Raises
    ------
    ValueError
        For sizes that do not fit, or pictures of another size.
    """

    def __init__(
        self,
        questions: Mapping[str, int],
        *,
        dim: int = 64,
        size: int = 64,
        widths: Sequence[int] = (24, 40, 64, 96),
    ) -> None:
        super().__init__()
        check_whole(dim, "dim")
        check_wholes(widths, "widths", 4)
        check_wholes(list(questions.values()), "answers", least=2)
        if check_whole(size, "size") % 16:
            raise ValueError(f"size: got {size}, want a multiple of 16")
        self.questions, self.size = dict(questions), size
        self.trunk = nn.Sequential()
        for before, after in zip((3, *widths[:-1]), widths, strict=True):
            conv = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            self.trunk.extend([conv, FusedBatchNorm2d(after), nn.ReLU()])
        self.embed = nn.Linear(widths[-1] * (size // 16) ** 2, dim)
        self.answer = nn.Linear(dim, sum(self.questions.values()))

    def forward(self, images: Tensor) -> Tensor:  # (B, 3, S, S) in [0, 1]
        check_images(images, 3, like=self.answer.weight)
        if images.shape[2:] != (self.size, self.size):
            raise ValueError(f"images: got {tuple(images.shape[2:])}, want {self.size} × {self.size}")
        x = self.trunk((images - 0.5) / 0.25)  # (B, C, S/16, S/16)
        return self.embed(x.flatten(1))  # (B, D): v_f, before any rectifier

    def answers(self, embedding: Tensor) -> dict[str, Tensor]:
        """Scores (B, answers) for each question, of an embedding (B, D): f_VGG, the last layer."""
        check_tensor(embedding, "embedding", "B", self.embed.out_features, some=True)
        scores = self.answer(F.relu(embedding))  # (B, K)
        return dict(zip(self.questions, scores.split(list(self.questions.values()), dim=1), strict=True))


class FaceDecoder(nn.Module):
    """Embedding → a face from the front: one matrix, then convolutions that double the side.

    Parameters
    ----------
    dim, size : int
        D and S, a multiple of 32.
    widths : sequence of int
        Channels at sides S/16, S/8, S/4 and S/2.

    Raises
    ------
    ValueError
        For sizes that do not fit.
    """

    def __init__(self, *, dim: int = 64, size: int = 64, widths: Sequence[int] = (96, 72, 56, 40)) -> None:
        super().__init__()
        check_whole(dim, "dim")
        check_wholes(widths, "widths", 4)
        if check_whole(size, "size") % 32:
            raise ValueError(f"size: got {size}, want a multiple of 32")
        self.first = nn.Linear(dim, widths[0] * (size // 16) ** 2)
        self.side = size // 16
        self.blocks = nn.Sequential()
        for before, after in itertools.pairwise(widths):
            conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
            self.blocks.extend([nn.Upsample(scale_factor=2), conv, FusedBatchNorm2d(after), nn.ReLU()])
        self.last = nn.Conv2d(widths[-1], 3 * 4, 3, padding=1)

    def forward(self, embedding: Tensor) -> Tensor:  # (B, D)
        check_tensor(embedding, "embedding", "B", self.first.in_features, some=True, finite=True)
        x = F.relu(self.first(embedding)).unflatten(1, (-1, self.side, self.side))  # (B, C, S/16, S/16)
        x = self.last(self.blocks(x))  # (B, 12, S/2, S/2)
        return F.pixel_shuffle(x, 2).sigmoid()  # (B, 3, S, S)


class SpeechToFace(nn.Module):
    """The three parts: `face_encoder` and `face_decoder`, fixed, and `voice_encoder`, which learns from them.

    Parameters
    ----------
    voice_encoder : SoundEncoder
        Spectrograms (B, M, T) → (B, D).
    face_encoder : FaceEncoder
    face_decoder : FaceDecoder
    """

    def __init__(
        self, voice_encoder: SoundEncoder, face_encoder: FaceEncoder, face_decoder: FaceDecoder
    ) -> None:
        super().__init__()
        self.voice_encoder, self.face_encoder = voice_encoder, face_encoder
        self.face_decoder = face_decoder

    def forward(self, mel: Tensor) -> Tensor:
        """Voices (B, M, T) → faces (B, 3, S, S)."""
        return self.face_decoder(self.voice_encoder(mel))

    def loss(self, mel: Tensor, images: Tensor, weights: tuple[float, float] = (1.0, 1.0)) -> Tensor:
        """`speech_to_face_loss` of voices (B, M, T) and pictures (B, 3, S, S) of those who speak."""
        with torch.no_grad():
            face = self.face_encoder(images)  # (B, D): v_f, the teacher's
        return speech_to_face_loss(
            self.voice_encoder(mel), face, self.face_decoder, self.face_encoder, weights
        )


def speech_to_face_loss(
    voice: Tensor,
    face: Tensor,
    decoder: FaceDecoder,
    encoder: FaceEncoder,
    weights: tuple[float, float] = (1.0, 1.0),
) -> Tensor:
    """Equation 1: ‖f_dec(v_f) - f_dec(v_s)‖₁ + λ₁ ‖v_f / |v_f| - v_s / |v_s|‖² + λ₂ distillation.

    f_dec is the decoder's first layer. The distillation (equation 2; G. Hinton et al. 2015) compares what the
    face encoder's last layer would answer.

    Parameters
    ----------
    voice, face : Tensor
        v_s and v_f, (B, D).
    decoder, encoder
        The fixed parts.
    weights : (float, float)
        λ₁ and λ₂, 0 or more. The paper has 0.025 and 200, for its own lengths; the first term here is
        a mean.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        For shapes that differ.
    """
    check_tensor(voice, "voice", "B", "D", some=True, finite=True)
    check_tensor(face, "face", *voice.shape, finite=True)
    for value in weights:
        check_number(value, "weights", 0)
    first = F.l1_loss(decoder.first(voice), decoder.first(face))
    turned = (F.normalize(voice, dim=1) - F.normalize(face, dim=1)).square().sum(1).mean()
    asked = zip(encoder.answers(voice).values(), encoder.answers(face).values(), strict=True)
    told = torch.stack([distillation(ours, theirs) for ours, theirs in asked]).mean()
    return first + weights[0] * turned + weights[1] * told


def distillation(ours: Tensor, theirs: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Equation 2: -Σ p(theirs) log p(ours), softmaxes of scores (B, K) over a temperature; the mean."""
    check_tensor(ours, "scores", "B", "K", some=True, finite=True)
    check_tensor(theirs, "scores", *ours.shape, finite=True)
    check_number(temperature, "temperature", 0, above=True)
    wanted = (theirs / temperature).softmax(1)
    return -(wanted * (ours / temperature).log_softmax(1)).sum(1).mean()
