"""Which object is which: regions of two frames are compared, and identities handed on from frame to frame.

L. Yang, Y. Fan, N. Xu, "Video Instance Segmentation", ICCV 2019 (MaskTrack R-CNN): the tracking branch, its
probabilities and its loss, the memory of objects, and in use the score that adds the detection's own, the
overlap of boxes and the class. VPSNet's "Track" is this branch (D. Kim et al., "Video Panoptic Segmentation",
CVPR 2020).

Departures: pairs of detection and object are taken by falling score, so that no object is given to two
detections of a frame. How long an object that is not seen is remembered is a setting.

Shapes: R regions of now, N objects of earlier or of the memory, C × P × Q of a region, D of an embedding.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.boxes import box_iou, check_box_set
from lecture_utils.ops.checks import (
    check_classes,
    check_float,
    check_numbers,
    check_sizes,
    check_tensor,
    check_whole,
)

NEW = 0  # the first column of the scores: an object that was not there before


class TrackHead(nn.Module):
    """Two dense layers that turn a region into an embedding: alike for one object, unlike for two.

    Parameters
    ----------
    inputs : int
        C·P·Q.
    hidden : int
        Of both layers, so D: 1024 in the paper.

    Raises
    ------
    ValueError
        For sizes below 1, or regions that are not (R, C, P, Q) with that many numbers.
    """

    def __init__(self, inputs: int, *, hidden: int) -> None:
        super().__init__()
        check_sizes("track head", inputs=inputs, hidden=hidden)
        self.fc1, self.fc2 = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)

    def forward(self, regions: Tensor) -> Tensor:  # (R, C, P, Q)
        check_tensor(regions, "regions", "R", "C", "P", "Q")
        if regions[0:1].numel() not in (0, self.fc1.in_features):
            got = tuple(regions.shape)
            raise ValueError(f"regions: got shape {got}, want {self.fc1.in_features} numbers a region")
        return self.fc2(F.relu(self.fc1(regions.flatten(1))))  # (R, D)


def match_logits(now: Tensor, earlier: Tensor) -> Tensor:
    """Compare regions (R, D) with objects (N, D): (R, N + 1) inner products, after a 0 for "new".

    A softmax over a row gives the probabilities of the paper: 1 / (1 + Σ exp(fᵢ·fⱼ)) for a new object,
    exp(fᵢ·fₙ) over the same sum for object n.

    Raises ValueError for embeddings that are not finite floating point of one width.
    """
    check_tensor(now, "now", "R", "D", finite=True)
    check_tensor(earlier, "earlier", "N", now.shape[1], finite=True)
    return F.pad(now @ earlier.T, (1, 0))  # column 0: NEW


def match_targets(identities: Tensor, earlier: Tensor) -> Tensor:
    """The right column of `match_logits` for each identity (R,), given those of earlier (N,): (R,) int64.

    NEW for an identity that earlier has not. Raises ValueError for what are no identities.
    """
    check_classes(identities, "identities", "R")
    check_classes(earlier, "earlier", "N")
    same = identities[:, None] == earlier  # (R, N)
    return torch.where(same.any(1), same.int().argmax(1) + 1, NEW) if len(earlier) else 0 * identities


def match_loss(logits: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Cross-entropy of the right column, a mean over the regions of all pictures; 0 where there is none.

    Parameters
    ----------
    logits, targets : sequence of Tensor
        A picture: (R, N + 1) of `match_logits`, (R,) of `match_targets`.

    Raises
    ------
    ValueError
        For other than one set of targets a picture, or columns that there are not.
    """
    if not isinstance(logits, Sequence) or not isinstance(targets, Sequence) or len(logits) != len(targets):
        raise ValueError("logits, targets: got other than one of each a picture, want two lists as long")
    total, count = torch.zeros(()), 0
    for own, wanted in zip(logits, targets, strict=True):
        check_tensor(own, "logits", "R", "N + 1")
        check_classes(wanted, "targets", len(own), classes=own.shape[1])
        total = total.to(own) + F.cross_entropy(own, wanted.long(), reduction="sum")
        count += len(own)
    return total / max(count, 1)


class Tracker:
    """Hands out identities, frame by frame: 1, 2, 3, … Make a new one for each clip.

    Parameters
    ----------
    coefficients : tuple of 3 float
        α, β and γ, of the detection's score, the boxes' IoU and the class: 1, 2 and 10 in the paper.
    remember : int, optional
        For how many frames an object that is not seen keeps its place in the memory. None: for ever, as in
        the paper. 0: what is out of sight once is new when it comes back.

    Attributes
    ----------
    identities : Tensor
        (N,) int64: who is in the memory.

    Raises
    ------
    ValueError
        For settings out of range.
    """

    def __init__(
        self, *, coefficients: tuple[float, float, float] = (1.0, 2.0, 10.0), remember: int | None = None
    ) -> None:
        check_numbers(coefficients, "coefficients", 3)
        if remember is not None:
            check_whole(remember, "remember", 0)
        self.coefficients, self.remember = coefficients, remember
        self.frame = self.count = 0  # frames so far, and identities
        self.identities = torch.zeros(0, dtype=torch.int64)
        self.last_seen = self.identities  # (N,) frame
        self.labels = self.identities  # (N,)
        self.boxes, self.embeddings = torch.zeros(0, 4), torch.zeros(0, 0)  # (N, 4), (N, D)

    def step(self, embeddings: Tensor, boxes: Tensor, labels: Tensor, scores: Tensor) -> Tensor:
        """Say who is who among the detections of the next frame, and remember them as they are now.

        Parameters
        ----------
        embeddings, boxes, labels, scores : Tensor
            (R, D), (R, 4) in pixels, (R,) integers, (R,) in [0, 1]. R may be 0.

        Returns
        -------
        Tensor
            (R,) int64 identities from 1, all different.

        Raises
        ------
        ValueError
            For shapes that do not fit, or numbers out of range.
        """
        check_found(embeddings, boxes, labels, scores)
        self.forget()
        if not len(self.identities):  # an empty memory takes the width and the device of what comes
            self.embeddings, self.boxes = embeddings[:0], boxes[:0]
            self.identities, self.labels, self.last_seen = (labels[:0].long(),) * 3
        chosen = assign(self.scores(embeddings, boxes, labels, scores))  # (R,) columns
        new = chosen == NEW
        identities = torch.zeros_like(chosen)
        identities[~new] = self.identities[chosen[~new] - 1]
        identities[new] = self.count + 1 + torch.arange(int(new.sum()), device=chosen.device)
        self.count += int(new.sum())
        self._keep(identities, embeddings, boxes, labels)
        self.frame += 1
        return identities

    def scores(self, embeddings: Tensor, boxes: Tensor, labels: Tensor, scores: Tensor) -> Tensor:
        """How well each detection fits each remembered object, after a column for NEW: (R, N + 1).

        vᵢ(n) = log pᵢ(n) + α log sᵢ + β IoU(bᵢ, bₙ) + γ δ(cᵢ, cₙ). For a new object IoU counts as 0 and the
        class as right, as in the authors' code: an object of another class then loses by γ.
        """
        check_found(embeddings, boxes, labels, scores)
        alpha, beta, gamma = self.coefficients
        likely = match_logits(embeddings, self.embeddings).log_softmax(1)
        sure = alpha * scores.clamp_min(1e-6).log()[:, None]
        overlap = F.pad(box_iou(boxes, self.boxes), (1, 0))
        same = F.pad((labels[:, None] == self.labels).to(likely), (1, 0), value=1.0)
        return likely + sure + beta * overlap + gamma * same

    def forget(self) -> None:
        """Drop who has not been seen for more than `remember` frames."""
        if self.remember is not None and len(self.identities):
            missed = self.frame - 1 - self.last_seen  # frames that passed without it
            self._choose(missed <= self.remember)

    def _keep(self, identities: Tensor, embeddings: Tensor, boxes: Tensor, labels: Tensor) -> None:
        """Put detections into the memory, in place of what it had of the same identities."""
        self._choose(~torch.isin(self.identities, identities))
        self.identities = torch.cat([self.identities, identities])
        self.embeddings = torch.cat([self.embeddings, embeddings])
        self.boxes, self.labels = torch.cat([self.boxes, boxes]), torch.cat([self.labels, labels.long()])
        self.last_seen = torch.cat([self.last_seen, torch.full_like(identities, self.frame)])

    def _choose(self, rows: Tensor) -> None:
        for name in ("identities", "last_seen", "labels", "boxes", "embeddings"):
            setattr(self, name, getattr(self, name)[rows])


def check_found(embeddings: Tensor, boxes: Tensor, labels: Tensor, scores: Tensor) -> None:
    """Raise ValueError unless these are R detections: (R, D), (R, 4), (R,) from 0, (R,) in [0, 1]."""
    check_tensor(embeddings, "embeddings", "R", "D", finite=True)
    check_box_set(boxes)
    check_tensor(boxes, "boxes", len(embeddings), 4)
    check_classes(labels, "labels", len(embeddings))
    check_tensor(scores, "scores", len(embeddings))
    check_float(scores, unit_range=True, name="scores")


def assign(scores: Tensor) -> Tensor:
    """Give each row of scores (R, N + 1) a column, the best pairs first: (R,) int64.

    Column NEW may be given to many rows, each other to one only.

    Raises ValueError for scores that are not finite floating point (R, N + 1).
    """
    check_tensor(scores, "scores", "R", "N + 1", finite=True)
    chosen = [-1] * len(scores)
    taken = set()
    for pair in scores.flatten().argsort(descending=True, stable=True).tolist():
        row, column = divmod(pair, scores.shape[1])
        if chosen[row] < 0 and column not in taken:
            chosen[row] = column
            if column != NEW:
                taken.add(column)
    return torch.tensor(chosen, dtype=torch.int64, device=scores.device)
