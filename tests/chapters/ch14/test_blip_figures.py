"""What the figures of BLIP-2 say: the masks' cells, who found what, where queries look, the claim's axis."""

import pytest
import torch
from matplotlib.colors import to_rgba
from torch import Tensor

from lecture_utils.chapters.ch14 import blip_figures
from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP
from lecture_utils.multimodal.blip2.masks import KINDS, qformer_mask
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.plotting.style import INK, VERMILION
from lecture_utils.recipes._blip import build_qformer
from lecture_utils.recipes._scenes import words

pytestmark = pytest.mark.system("S14.5")


def test_a_cell_is_coloured_where_one_may_look() -> None:
    told = ("a", "red", "star")
    fig = blip_figures.masks_figure(told, queries=2)
    for ax, kind in zip(fig.axes, KINDS, strict=True):
        drawn = torch.as_tensor(ax.images[0].get_array()) > 0
        assert torch.equal(drawn, qformer_mask(kind, 2, 3))
    assert [label.get_text() for label in fig.axes[1].get_xticklabels()] == ["query 1", "query 2", *told]


def test_anybodys_mask_is_drawn() -> None:
    def wrong(kind: str, queries: int, text: int) -> Tensor:
        return torch.zeros(queries + text, queries + text, dtype=torch.bool)

    fig = blip_figures.masks_figure(mask=wrong)
    assert all(torch.as_tensor(ax.images[0].get_array()).max() == 0 for ax in fig.axes)


def test_a_wrong_find_is_vermilion() -> None:
    similarity = torch.tensor([[0.9, 0.1], [0.8, 0.2]])
    fig = blip_figures.retrieval_figure(torch.rand(2, 3, 48, 48), ["one", "two"], similarity, "found")
    said = [next(t for t in ax.texts if t.get_text() in ("one", "two")) for ax in (fig.axes[1], fig.axes[3])]
    assert [t.get_text() for t in said] == ["one", "one"]
    assert [to_rgba(t.get_color()) for t in said] == [to_rgba(INK), to_rgba(VERMILION)]


def test_queries_look_elsewhere_after_another_question_and_the_answer_stands_below() -> None:
    torch.manual_seed(0)
    lm = LanguageModel(words().vocabulary, dim=16, heads=2, layers=1, length=64, tokenizer=words())
    model = InstructBLIP(lm, build_qformer(2, layers=3)).eval()
    questions = ["is the ball red ?", "how many things are there ?"]
    seen = torch.randn(36, 128)
    looks = blip_figures.where(model, seen, questions)
    assert looks.shape == (2, 36) and not torch.allclose(looks[0], looks[1], atol=1e-5)
    torch.testing.assert_close(looks.sum(1), torch.ones(2))
    fig = blip_figures.instructions_figure(
        torch.rand(1, 3, 48, 48), seen[None], model, [questions], "where queries look"
    )
    assert len(fig.axes) == 3 and fig.axes[1].get_title().startswith("is the ball red ?\n")


def test_the_claims_axis_shows_every_seed_and_the_gain() -> None:
    one = {"aware": 0.6, "blind": 0.5, "misled": 0.4}
    points = {q: [{**one, "gain": g} for g in (0.1, 0.2)] for q in (1.0, 4.0)}
    fig = blip_figures.queries_figure(points, "few queries")
    left, right = fig.axes
    said = [str(text) for text in left.get_legend_handles_labels()[1]]
    assert said == ["read the question", "do not read it", "read another question"]
    dots = [torch.as_tensor(line.get_ydata()).tolist() for line in right.lines if line.get_marker() == "o"]
    assert dots == [[10.0, 20.0], [10.0, 20.0]]


def test_losses_are_drawn_beside_what_guessing_costs() -> None:
    losses = {"contrast": [3.0, 1.0], "matching": [0.7, 0.6], "generation": [5.0, 2.0]}
    fig = blip_figures.losses_figure(losses, 24, "three losses")
    assert [ax.get_title(loc="left") for ax in fig.axes] == list(losses)
    assert [len(ax.lines) for ax in fig.axes] == [2, 2, 1]
