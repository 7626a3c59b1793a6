"""Units of sound for image to speech (S13.7): an alphabet that nobody wrote, found by k-means.

W.-N. Hsu et al., "Text-Free Image-to-Speech Synthesis Using Learned Segmental Units", ACL 2021, section 3:
speech becomes a sequence of discrete units, whose repeats are dropped; from the units sound is made again.

Simplified: units are clusters of log-mel frames, where the paper quantises inside a network that was trained
on pictures and speech; sound is made of each unit's mean spectrum for its mean length, where the paper trains
Tacotron 2.

Shapes: M mel bands, T frames, K units, N steps of a sequence or points.
"""

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_ids, check_tensor, check_whole


class Units(nn.Module):
    """Units of sound: K spectra, and how long each lasts; two further numbers end and start a sequence.

    Parameters
    ----------
    count, bands : int
        K and M.

    Attributes
    ----------
    spectra : Tensor
        (K, M), mean log-mel frames. frames : (K,), mean length of a run of each, in frames.
    """

    spectra: Tensor
    frames: Tensor

    def __init__(self, count: int, bands: int) -> None:
        super().__init__()
        self.count, self.bands = check_whole(count, "count", 2), check_whole(bands, "bands")
        self.register_buffer("spectra", torch.zeros(count, bands))
        self.register_buffer("frames", torch.ones(count))

    @property
    def end(self) -> int:
        """The number that ends a sequence, and pads it."""
        return self.count

    @property
    def start(self) -> int:
        """The number that starts a sequence."""
        return self.count + 1

    def learn(self, mels: list[Tensor], *, seed: int = 0, rounds: int = 30) -> None:
        """Find the units of sounds (M, T): k-means over all frames, then how long their runs are."""
        if not mels:
            raise ValueError("mels: got none, want one or more")
        every = torch.cat([mel.T for mel in mels])  # (frames, M)
        self.spectra.copy_(k_means(every, self.count, seed=seed, rounds=rounds))
        number, length = zip(*(runs(self.nearest(mel)) for mel in mels), strict=True)
        numbers, lengths = torch.cat(number), torch.cat(length).to(self.frames)
        total = torch.zeros_like(self.frames).index_add_(0, numbers, lengths)
        self.frames.copy_(total / numbers.bincount(minlength=self.count).clamp_min(1))

    def nearest(self, mel: Tensor) -> Tensor:
        """The unit (T,) of each frame of a sound (M, T)."""
        check_tensor(mel, "mel", self.bands, "T", some=True, finite=True)
        return torch.cdist(mel.T[None], self.spectra[None])[0].argmin(1)

    def encode(self, mel: Tensor) -> Tensor:
        """Units (N,) of a sound (M, T), without repeats."""
        return runs(self.nearest(mel))[0]

    def decode(self, units: Tensor) -> Tensor:
        """A log-mel spectrogram (M, T) of units (N,): each its mean spectrum for its mean length."""
        check_tensor(units, "units", "N", kind="int")
        check_ids(units, self.count, name="units")
        length = self.frames[units].round().clamp_min(1).long()
        return self.spectra[units.repeat_interleave(length)].T

    def batch(self, sequences: list[Tensor]) -> Tensor:
        """Sequences as (B, N): start, units, end, and ends to fill up."""
        if not sequences:
            raise ValueError("sequences: got none, want one or more")
        out = torch.full((len(sequences), 2 + max(map(len, sequences))), self.end)
        out[:, 0] = self.start
        for row, units in zip(out, sequences, strict=True):
            check_ids(units, self.count, name="units")
            row[1 : 1 + len(units)] = units
        return out


def k_means(x: Tensor, count: int, *, seed: int = 0, rounds: int = 30) -> Tensor:
    """Centres (K, M) of points (N, M) by Lloyd's rounds, from k-means++ (Arthur and Vassilvitskii 2007).

    Each round gives every point to its nearest centre and moves each centre to its points' mean; one without
    points stays. Raises ValueError for fewer points than centres.
    """
    check_tensor(x, "x", "N", "M", some=True, finite=True)
    check_whole(rounds, "rounds", 0)
    if len(x) < check_whole(count, "count"):
        raise ValueError(f"x: got {len(x)} points, want {count} or more for {count} centres")
    made = torch.Generator().manual_seed(check_whole(seed, "seed", 0))
    centres = x[torch.randint(len(x), (1,), generator=made)]  # (1, M)
    nearest = (x - centres).square().sum(1)  # (N,), squared distance to the nearest centre so far
    for _ in range(count - 1):  # a new centre where no centre is near
        chance = nearest.clamp_min(0) if nearest.sum() > 0 else torch.ones_like(nearest)
        new = x[torch.multinomial(chance.double(), 1, generator=made)]
        centres = torch.cat([centres, new])
        nearest = torch.minimum(nearest, (x - new).square().sum(1))
    for _ in range(rounds):
        own = torch.cdist(x[None], centres[None])[0].argmin(1)  # (N,)
        size = own.bincount(minlength=count)[:, None]
        total = torch.zeros_like(centres).index_add_(0, own, x)
        centres = torch.where(size > 0, total / size.clamp_min(1), centres)
    return centres


def runs(ids: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers (N,) without repeats, and how long each run was: 3 3 3 5 5 3 → (3 5 3), (3 2 1)."""
    check_units(ids, "ids", some=True)
    values, lengths = ids.unique_consecutive(return_counts=True)
    return values, lengths


def unit_error(said: Tensor, wanted: Tensor) -> float:
    """Edit distance of two sequences (N,) and (N',), as a share of the wanted one's length."""
    check_units(said, "said")
    check_units(wanted, "wanted", some=True)
    row = list(range(len(wanted) + 1))
    for i, a in enumerate(said.tolist(), start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(wanted.tolist(), start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1] / len(wanted)


def check_units(ids: Tensor, name: str, *, some: bool = False) -> None:
    """Raise ValueError unless these are (N,) integers of 0 or more; with `some`, one at least."""
    check_tensor(ids, name, "N", kind="int", some=some)
    if len(ids) and int(ids.min()) < 0:
        raise ValueError(f"{name}: got {int(ids.min())} among them, want 0 or more")
