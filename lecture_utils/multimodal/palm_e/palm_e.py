"""PaLM-E (S14.8): a language model whose sentences have vectors of sensors among their words.

D. Driess, F. Xia, M. S. M. Sajjadi, C. Lynch, A. Chowdhery et al., "PaLM-E: An Embodied Multimodal Language
Model", ICML 2023, section 3: the prefix is words and continuous vectors, interleaved; the loss is the next
word's, on the answer alone. What answers is text: a plan that a low-level policy carries out (`policy.py`).

Simplified: a language model of some 400,000 weights; one picture and one state a sentence.

Shapes: B batch, N tokens of text, P vectors of a sensor, M all tokens of a sentence, D width,
V vocabulary.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.ops.checks import check_ids, check_tensor

IGNORE = -100  # a target that is no target


def interleave(ids: Tensor, embed: Callable[[Tensor], Tensor], slots: Mapping[int, Tensor]) -> Tensor:
    """Make a multi-modal sentence: vectors of sensors take the places of their markers (section 3).

    Parameters
    ----------
    ids : Tensor
        (N,) int64, words and markers.
    embed : callable
        Word ids (n,) to vectors (n, D).
    slots : mapping of int to Tensor
        For each marker's id the vectors (P, D) that stand in its place, as often as it occurs.

    Returns
    -------
    Tensor
        (M, D).

    Raises
    ------
    ValueError
        For ids that are not (N,) int64, or vectors of another width than the words'.
    """
    check_tensor(ids, "ids", "N", kind="int", some=True)
    if int(ids.min()) < 0:
        raise ValueError(f"ids: got {int(ids.min())}, want 0 or more")
    words = embed(ids)  # (N, D)
    parts, first = [], 0
    for at, token in enumerate(ids.tolist()):
        if token in slots:
            check_tensor(slots[token], "slots", "P", words.shape[-1])
            parts += [words[first:at], slots[token]]  # the words before it, then the sensor
            first = at + 1
    return torch.cat([*parts, words[first:]])  # (M, D)


class PaLME(nn.Module):
    """A language model with sensors.

    Parameters
    ----------
    lm : LanguageModel
    sensors : mapping of str to nn.Module
        By name: readings (B, …) to vectors (B, P, D).
    markers : mapping of str to int
        For each sensor the token that is its place in a text.
    interleave : callable
        Makes the sentence; the package's own, or a learner's.

    Raises
    ------
    ValueError
        For sensors without a marker or markers without a sensor, or two of one token.
    """

    def __init__(
        self,
        lm: LanguageModel,
        sensors: Mapping[str, nn.Module],
        markers: Mapping[str, int],
        *,
        interleave: Callable[..., Tensor] = interleave,
    ) -> None:
        super().__init__()
        if set(sensors) != set(markers) or len(set(markers.values())) < len(markers):
            raise ValueError(f"markers: got {dict(markers)}, want one token each for {sorted(sensors)}")
        check_ids(torch.tensor(list(markers.values())), lm.vocabulary, name="markers")
        self.lm, self.markers = lm, dict(markers)
        self.sensors = nn.ModuleDict(dict(sensors))
        self.interleave = interleave

    def forward(
        self, ids: Tensor, readings: Mapping[str, Tensor], cache: KVCache | None = None
    ) -> Tensor:  # fmt: skip
        """Return logits (B, N, V) of what comes after each word, and after all vectors of a marker.

        Parameters
        ----------
        ids : Tensor
            (B, N) int64, words and markers; what is padded on the right is never seen by what is before it.
        readings : mapping of str to Tensor
            For each sensor that `ids` has a marker of: (B, …), as that sensor takes them.
        cache : KVCache, optional
            Grows by all of the sentences, which must be of one length then; more words are read by `lm`.
        """
        slots = self.perceive(ids, readings)  # marker → (B, P, D)
        rows = [
            self.interleave(row, self.lm.token, {mark: vectors[b] for mark, vectors in slots.items()})
            for b, row in enumerate(ids)
        ]  # B of (M, D)
        if cache is not None and len({len(row) for row in rows}) > 1:
            raise ValueError(f"cache: got sentences of {[len(row) for row in rows]} vectors, want one length")
        logits = self.lm.from_embeddings(pad_sequence(rows, batch_first=True), cache)  # (B, M, V)
        last = self.places(ids, slots)  # (B, N): where each word, or the last vector of a marker, stands
        return logits.gather(1, last[..., None].expand(-1, -1, logits.shape[-1]))

    def perceive(self, ids: Tensor, readings: Mapping[str, Tensor]) -> dict[int, Tensor]:
        """Let each sensor encode its readings: by marker, vectors (B, P, D)."""
        check_tensor(ids, "ids", "B", "N", kind="any", some=True)
        check_ids(ids, self.lm.vocabulary)
        if unknown := set(readings) - set(self.markers):
            raise ValueError(f"readings: got {sorted(unknown)}, want some of {sorted(self.markers)}")
        for name, mark in self.markers.items():
            if bool((ids == mark).any()) and name not in readings:
                raise ValueError(f"readings: got {sorted(readings)}, want {name!r} too: its marker is in ids")
        slots = {self.markers[name]: self.sensors[name](reading) for name, reading in readings.items()}
        for vectors in slots.values():
            check_tensor(vectors, "sensor's vectors", len(ids), "P", self.lm.dim)
        return slots

    def places(self, ids: Tensor, slots: Mapping[int, Tensor]) -> Tensor:
        """Return (B, N): where in its sentence each token stands; of a marker, its last vector."""
        length = torch.ones_like(ids)
        for mark, vectors in slots.items():
            length[ids == mark] = vectors.shape[1]
        return length.cumsum(dim=1) - 1


def plan_loss(model: PaLME, ids: Tensor, readings: Mapping[str, Tensor], target: Tensor) -> Tensor:
    """Return the mean cross-entropy of the plans' words, given all that stands before each of them.

    Parameters
    ----------
    model : PaLME
    ids : Tensor
        (B, N) int64: prompt with markers, then the plan.
    readings : mapping of str to Tensor
        As for the model.
    target : Tensor
        (B, N) int64: of each token the next, or IGNORE in the prompt and the padding.
    """
    check_tensor(target, "target", *ids.shape, kind="int")
    told = target[target != IGNORE]
    check_ids(told, model.lm.vocabulary, name="target")
    return F.cross_entropy(model(ids, readings).flatten(0, 1), target.flatten(), ignore_index=IGNORE)
