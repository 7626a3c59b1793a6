"""Tracks (S18.2): matches between pairs of pictures joined into points that many pictures see.

Each match says that two corners are one point, so a point is what is connected: union-find (B. Galler, M.
Fischer, "An Improved Equivalence Algorithm", Communications of the ACM 1964). A track with two corners in one
picture holds a wrong match somewhere, and is dropped whole.

Shapes: N pictures, P tracks, M matches.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_tensor, check_whole, check_wholes


class UnionFind:
    """Sets of things that were said to be one; `find` names the set of a thing from 0 to `count` - 1."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(check_whole(count, "count", 0)))

    def find(self, item: int) -> int:
        """Follow parents to the top; on the way, hang each item a step higher."""
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def union(self, a: int, b: int) -> None:
        """Say that two are one."""
        self.parent[self.find(a)] = self.find(b)


def build_tracks(counts: Sequence[int], pairs: Mapping[tuple[int, int], Tensor]) -> Tensor:
    """Join matches into tracks.

    Parameters
    ----------
    counts : sequence of int
        How many corners each of the N pictures has.
    pairs : mapping
        (i, j) → (M, 2) int64: which corner of picture i is which of picture j.

    Returns
    -------
    Tensor
        (P, N) int64: the corner of each track in each picture, -1 where it has none. Longest tracks first.

    Raises
    ------
    ValueError
        For pictures or corners that there are not.
    """
    check_wholes(counts, "counts", least=0)
    first = [sum(counts[:i]) for i in range(len(counts) + 1)]
    sets = UnionFind(first[-1])
    for (i, j), matched in pairs.items():
        check_tensor(matched, f"pairs[{i}, {j}]", "M", 2, kind="int")
        if not 0 <= i < len(counts) or not 0 <= j < len(counts) or i == j:
            raise ValueError(f"pairs: got pictures {i} and {j}, want two of {len(counts)}")
        most = torch.tensor([counts[i], counts[j]])
        if bool(((matched < 0) | (matched >= most)).any()):
            raise ValueError(
                f"pairs[{i}, {j}]: got a corner that is not there, want 0 to {most.tolist()} - 1"
            )
        for a, b in matched.tolist():
            sets.union(first[i] + a, first[j] + b)
    members = defaultdict(list)
    for picture, count in enumerate(counts):
        for corner in range(count):
            members[sets.find(first[picture] + corner)].append((picture, corner))
    rows = []
    for track in members.values():
        if 2 <= len(track) == len({picture for picture, _ in track}):
            row = [-1] * len(counts)
            for picture, corner in track:
                row[picture] = corner
            rows.append(row)
    rows.sort(key=lambda row: sum(corner < 0 for corner in row))
    return torch.tensor(rows, dtype=torch.long).reshape(-1, len(counts))
