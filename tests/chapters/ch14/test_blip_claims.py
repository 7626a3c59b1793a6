"""C14.4's parts: where both arms begin, and who is misled."""

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.chapters.ch14 import blip_claims
from lecture_utils.multimodal.blip2.blip2 import BLIP2
from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP

pytestmark = pytest.mark.system("S14.5")


@pytest.mark.parametrize("queries", [1, 4, 16])
def test_both_arms_begin_with_the_same_weights_those_of_stage_1(queries: int) -> None:
    aware, blind = (blip_claims.started(arm, queries, 3) for arm in (InstructBLIP, BLIP2))
    ours, theirs = aware.state_dict(), blind.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    stage1 = zoo.load("scenes_qformer").qformer
    assert torch.equal(ours["qformer.queries"], stage1.queries[:queries])  # type: ignore[union-attr,index]
    assert torch.equal(ours["qformer.place"], stage1.place)  # type: ignore[union-attr,arg-type]
    other = blip_claims.started(BLIP2, queries, 4)
    assert not torch.equal(other.projection.weight, blind.projection.weight)  # the seed's part


def test_the_misled_read_the_next_question(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[list[str], list[str]]] = []

    def answered(model: object, grid: object, asked: list[str], read: list[str]) -> list[str]:
        heard.append((asked, read))
        return asked

    monkeypatch.setattr(blip_claims, "answered", answered)
    blip_claims.misled(blip_claims.started(InstructBLIP, 1, 0))(torch.zeros(3, 36, 128), ["a", "b", "c"])  # type: ignore[arg-type]
    assert heard == [(["a", "b", "c"], ["b", "c", "a"])]
