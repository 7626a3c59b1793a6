"""What was learned by reading: the maps are the model's, costs are counted, a forgotten mask sees ahead."""

import pytest
import torch

from lecture_utils.chapters.ch14 import mask_study, reading_study
from lecture_utils.chapters.ch14.mask_study import SeesAhead, read_captions, written
from lecture_utils.chapters.ch14.reading_figures import cache_figure, look_back_figure, mask_figure
from lecture_utils.chapters.ch14.reading_study import (
    GLANCES,
    attention_maps,
    glances,
    heads_that_look,
    look_backs,
    perplexities,
    writing_cost,
)
from lecture_utils.multimodal.language_model import Block, LanguageModel
from tests.mutants import planted
from tests.parity import liven

pytestmark = pytest.mark.system("S14.2")

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2]])


def lively() -> LanguageModel:
    torch.manual_seed(0)
    lm = LanguageModel(12, dim=16, heads=2, layers=3, length=20).eval()
    liven(lm, IDS, IDS.flip(1))
    return lm.double()


def maps_are_those_of_the_model(of) -> None:
    """With the maps' weights in place of its own attention, each layer gives what the model computes."""
    lm = lively()
    maps = of(lm, IDS)
    assert maps.shape == (3, 2, 7, 7)
    torch.testing.assert_close(maps.sum(-1), torch.ones(3, 2, 7, dtype=torch.float64))
    x = lm.token(IDS) + lm.position.weight[:7]
    for block, weights in zip(lm.layers, maps, strict=True):
        _, _, value = block.attention.project(block.norm1(x))
        mixed = (weights @ value[0]).transpose(0, 1).reshape(1, 7, 16)
        x = x + block.attention.to_output(mixed)
        x = x + block.mlp(block.norm2(x))
    torch.testing.assert_close(lm.norm(x) @ lm.token.weight.T, lm(IDS), atol=1e-9, rtol=1e-9)


def test_maps_are_those_of_the_model():
    maps_are_those_of_the_model(attention_maps)


@pytest.mark.parametrize(
    "fault",
    [
        ("block.attention.project(block.norm1(x))", "block.attention.project(x)"),
        ("causal_mask(ids.shape[1])", "None"),
        (" + lm.position.weight[: ids.shape[1]]", ""),
        ("x = block(x, KVCache())", "block(x, KVCache())"),
    ],
)
def test_maps_see_a_fault(fault):
    with pytest.raises(AssertionError):
        maps_are_those_of_the_model(planted(reading_study.__name__, fault).attention_maps)


def test_a_cache_reads_each_token_once():
    cached, anew = (writing_cost(lively(), 9, cached=c, start=3) for c in (True, False))
    assert (cached.read, anew.read) == (9, 45)
    assert min(cached.seconds, anew.seconds) > 0
    fig = cache_figure({"with": [cached], "without": [anew]}, "costs")
    assert [ax.get_ylabel() for ax in fig.axes] == ["tokens read", "ms of processor time"]


def test_shipped_model_looks_back_and_knows_what_is_told():
    found = look_backs(12)
    assert all(one.words[one.clue] == one.words[one.again] and one.clue < one.again for one in found)
    mean = heads_that_look(found)
    for name in GLANCES:
        assert float(mean[name].max()) > 5 * float(mean[f"{name}, evenly"])  # chance is 1
    shown = glances(found[0], mean)
    assert [weights.shape for _, weights in shown.values()] == [(len(found[0].words),)] * 3
    look_back_figure(found[0], shown, "where it looks")


def test_perplexities_keep_their_bounds():
    got = perplexities(60)
    assert got["captions"].bound <= got["captions"].model < 1.02 * got["captions"].bound
    assert got["answers, told"].bound == 1 < got["answers, told"].model < got["answers, blind"].model


def test_only_without_a_mask_a_token_knows_what_comes():
    torch.manual_seed(0)
    for block, sees in ((Block, False), (SeesAhead, True)):
        reader = read_captions(block, steps=2)
        ids = reader.tokenizer.batch(["a red ball on sand", "a red ball on grass"], 9)
        with torch.no_grad():
            logits = reader.model(ids)
        differ = (ids[0] != ids[1]).nonzero()[0, 0]
        assert bool((logits[0, :differ] != logits[1, :differ]).any()) is sees
    assert len(written(reader, 2)) == 2
    mask_figure({"without": reader}, 1.0, "losses")


@pytest.mark.nightly
def test_a_forgotten_mask_learns_to_copy_and_cannot_write():
    """Its loss falls below the entropy of the grammar, which no honest model can; what it writes is none."""
    reader = read_captions(SeesAhead)
    assert sum(reader.losses[-20:]) / 20 < 0.1
    known = set(mask_study.captions(3000, 0))
    assert sum(text in known for text in written(reader, 40)) < 8
