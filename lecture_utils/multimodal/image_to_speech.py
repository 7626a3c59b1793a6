"""Image to speech (S13.7): a picture is told aloud without a word being written: units of sound, then sound.

W.-N. Hsu, D. Harwath, T. Miller, C. Song, J. Glass, "Text-Free Image-to-Speech Synthesis Using Learned
Segmental Units", ACL 2021. Speech becomes a sequence of discrete units, repeats dropped; an image-to-unit
model, which is a captioner whose words are units (Show, Attend and Tell: soft attention over the places of a
fixed network's features), is trained on pictures and spoken captions; a unit-to-speech model makes sound of
units.

Simplified: units by k-means, and sound from them by look-up (`speech_units`); a GRU in place of an LSTM.
Phases are found by Griffin and Lim (`ops.mel`), where the paper has a neural vocoder.

Shapes: B batch, M mel bands, T frames, K units, N steps of a sequence, C × H × W the picture's features, P =
H · W places, U width of the state.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.speech_units import Units
from lecture_utils.ops.checks import check_ids, check_number, check_tensor, check_whole


class ImageToUnits(nn.Module):
    """Captions a picture in units: at each step it looks at some places, and says which unit comes next.

    Parameters
    ----------
    channels : int
        C, of a fixed network's features.
    units : Units
    width : int
        U.

    Raises
    ------
    ValueError
        When called, for anything but features (B, C, H, W) and units that fit.
    """

    def __init__(self, channels: int, units: Units, *, width: int = 128) -> None:
        super().__init__()
        check_whole(channels, "channels")
        check_whole(width, "width")
        self.units, self.channels = units, channels
        self.table = nn.Embedding(units.count + 2, width)
        self.begin = nn.Linear(channels, width)
        self.ask = nn.Linear(width, channels)
        self.cell = nn.GRUCell(width + channels, width)
        self.say = nn.Linear(width + channels, units.count + 1)

    def places(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, C, H, W) as places (B, P, C), and the state (B, U) from which telling begins."""
        check_tensor(features, "features", "B", self.channels, "H", "W", some=True, finite=True)
        places = features.flatten(2).mT  # (B, P, C)
        return places, torch.tanh(self.begin(places.mean(1)))

    def step(self, places: Tensor, state: Tensor, unit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step: scores of the next unit (B, K + 1), the new state (B, U), and the attention (B, P)."""
        query = self.ask(state)[:, None]  # (B, 1, C)
        weight = ((places * query).sum(-1) / self.channels**0.5).softmax(1)  # (B, P): where it looks
        seen = (weight[..., None] * places).sum(1)  # (B, C)
        state = self.cell(torch.cat([self.table(unit), seen], dim=1), state)  # (B, U)
        return self.say(torch.cat([state, seen], dim=1)), state, weight

    def forward(self, features: Tensor, ids: Tensor) -> Tensor:
        """Scores (B, N - 1, K + 1) of what comes after each of ids (B, N) but the last, which it is told."""
        places, state = self.places(features)  # (B, P, C), (B, U)
        check_ids(ids, self.units.count + 2, name="units")
        check_tensor(ids, "units", len(features), "N", kind="int")
        scores = []
        for unit in ids[:, :-1].unbind(1):
            score, state, _ = self.step(places, state, unit)
            scores.append(score)
        return torch.stack(scores, dim=1)

    @torch.no_grad()
    def tell(self, features: Tensor, most: int = 64) -> tuple[list[Tensor], Tensor]:
        """Say the likeliest unit, step by step, until the end.

        Parameters
        ----------
        features : Tensor
            (B, C, H, W).
        most : int
            Steps after which it is cut off.

        Returns
        -------
        units : list of Tensor
            (N,) int64 for each picture.
        attention : Tensor
            (B, steps, P): where it looked before each unit.
        """
        check_whole(most, "most")
        places, state = self.places(features)  # (B, P, C), (B, U)
        unit = torch.full((len(features),), self.units.start, device=places.device)
        said, looked, over = [], [], torch.zeros_like(unit, dtype=torch.bool)
        for _ in range(most):
            score, state, weight = self.step(places, state, unit)
            unit = score.argmax(1)
            over = over | (unit == self.units.end)
            said.append(torch.where(over, self.units.end, unit))
            looked.append(weight)
            if bool(over.all()):
                break
        every = torch.stack(said, dim=1)  # (B, steps)
        return [row[row != self.units.end] for row in every], torch.stack(looked, dim=1)


def unit_loss(scores: Tensor, ids: Tensor, end: int) -> Tensor:
    """Cross-entropy of the next unit, over units and one end for each sequence.

    Parameters
    ----------
    scores : Tensor
        (B, N - 1, K + 1), of `ImageToUnits`.
    ids : Tensor
        (B, N) int64: start, units, end, ends.
    end : int
        K. What follows the first end does not count.
    """
    check_tensor(scores, "scores", "B", "N", "K", some=True, finite=True)
    check_tensor(ids, "units", scores.shape[0], scores.shape[1] + 1, kind="int")
    if not isinstance(end, int) or end != scores.shape[2] - 1:
        raise ValueError(f"end: got {end!r}, want {scores.shape[2] - 1}, the last of the scores")
    wanted = ids[:, 1:]
    check_ids(wanted, end + 1, name="units")
    filled = (wanted == end).cumsum(1) > 1  # beyond the first end
    return F.cross_entropy(scores.flatten(0, 1), wanted.masked_fill(filled, -100).flatten())


class WordRecogniser(nn.Module):
    """Which words a sound holds: a convolutional net's score for each word, at its best moment.

    It is the judge of what was said, and knows the words from other voices.

    Parameters
    ----------
    bands, words : int
        M, and how many words there are.
    width : int
        Channels.
    mean, spread : float
        By which log₁₀ powers are brought to about 0 and 1.
    """

    def __init__(
        self, bands: int, words: int, *, width: int = 96, mean: float = -4.0, spread: float = 2.5
    ) -> None:
        super().__init__()
        self.bands, self.mean, self.spread = check_whole(bands, "bands"), mean, spread
        check_number(spread, "spread", 0, above=True)
        check_whole(words, "words")
        check_whole(width, "width")
        self.trunk = nn.Sequential()
        for before, stride in ((bands, 1), (width, 2), (width, 2), (width, 1)):
            conv = nn.Conv1d(before, width, 5, stride=stride, padding=2, bias=False)
            self.trunk.extend([conv, nn.BatchNorm1d(width), nn.ReLU()])
        self.head = nn.Conv1d(width, words, 3, padding=1)

    def forward(self, mel: Tensor) -> Tensor:  # (B, M, T)
        check_tensor(mel, "mel", "B", self.bands, "T", some=True)
        x = self.trunk((mel - self.mean) / self.spread)  # (B, C, T/4)
        return self.head(x).logsumexp(2)  # (B, words): the best moment, softly
