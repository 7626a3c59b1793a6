"""Chapter 14: where the captioner looks, judged; its maps, figures, and the widget's pictures."""

import pytest
import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.chapters.ch14 import attention_figures as figures
from lecture_utils.chapters.ch14 import attention_study as study
from lecture_utils.chapters.ch14.widgets.attention_per_word import LONGEST, SCENES, scenes, shipped
from lecture_utils.data.toyworld.language.facts import Facts, Thing
from lecture_utils.data.toyworld.render import render
from lecture_utils.explain.grad_cam import grad_cam
from lecture_utils.multimodal.scene_eye import CELLS, SIZE, SceneEye
from lecture_utils.multimodal.show_attend_tell.captioner import ShowAttendTell
from lecture_utils.multimodal.show_attend_tell.describe import Told, describe
from lecture_utils.recipes import scenes_captioner as recipe
from tests.mutants import planted

pytestmark = pytest.mark.system("S14.1")

STUDY = "lecture_utils.chapters.ch14.attention_study"


def thing(place: int, colour: str, shape: str, x: float = 0.5, depth: float = 3.0) -> Thing:
    return Thing(place, colour, shape, "plain", x, depth)


TWO = Facts(7, (thing(1, "red", "ball", 0.2), thing(0, "blue", "star", 0.8, 4.0)), "sand", "clear")
SAME = Facts(8, (thing(0, "red", "ball", 0.2), thing(1, "red", "ball", 0.8, 4.0)), "grass", "clear")


def test_a_caption_leaves_out_the_sky_and_is_true() -> None:
    said = recipe.caption(TWO)
    assert said == (
        "there is a red ball . there is a blue star . there is a red ball left of the blue star . "
        "the ground is sand ."
    )
    assert recipe.truths(said, TWO) == [True] * 4
    assert recipe.truths(said, SAME) == [True, False, False, False]
    assert recipe.truths("there is a . a ball red", TWO) == [False, False]
    assert recipe.tokenizer().decode(recipe.encoded([said])[0]).strip() == said
    assert len(recipe.tokenizer().encode(f" {said}")) == len(said.split())


def test_marks_count_what_is_true_and_what_is_the_same() -> None:
    said = [recipe.caption(TWO), "there is a red ball . there is a red star .", ""]
    told = [Told(text, text.split(), torch.zeros(0, 36), -1.0 - i) for i, text in enumerate(said)]
    marks = recipe.marks(told, [TWO, TWO, TWO])
    assert marks == {
        "true_statements": 5 / 6,
        "true_captions": 1 / 3,
        "same_captions": 1 / 3,
        "log_probability": -2.0,
    }


def test_lessons_are_the_captions_and_their_own_grids() -> None:
    some = recipe.captioned(70, seed=2, split="val")
    batches = recipe.lessons(some, 0, batch=32)
    for _ in range(3):
        grid, ids = next(batches)
        assert int((ids != recipe.tokenizer().pad).sum(1).max()) == ids.shape[1], "no longer than it must be"
        for own, row in zip(grid, ids, strict=True):
            n = some.text.index(recipe.tokenizer().decode(row).strip())
            same = [
                torch.equal(own, some.grid[m].float()) for m, t in enumerate(some.text) if t == some.text[n]
            ]
            assert any(same)


def test_words_name_one_object_or_none() -> None:
    words = recipe.caption(TWO).split()
    named = dict(zip(range(len(words)), study.named(words, TWO), strict=True))
    assert [i for i, place in named.items() if place == 1] == [3, 4, 15, 16]
    assert [i for i, place in named.items() if place == 0] == [9, 10, 20, 21]
    assert study.named(["there", "is", "a", "red", "ball", "."], SAME) == [None] * 6, "which of the two?"
    assert study.named(["the", "blue", "thing", "is", "a", "star", "."], TWO) == [None] * 7


def test_regions_are_the_cells_on_which_the_object_is() -> None:
    drawn = recipe.captioned(20, seed=4, split="val").scenes
    region, instance = study.regions(drawn), render(drawn, SIZE, only="instance").instance
    assert region.shape == (20, drawn.places, 36)
    for n in range(20):
        for k in range(drawn.places):
            for cell in range(36):
                row, column = divmod(cell, CELLS)
                part = instance[n, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
                assert bool(region[n, k, cell]) == (int((part == k + 1).sum()) >= 8)


def looks_of(cells: list[int]) -> tuple[list[study.Look], Tensor]:
    """Words about object 0, 0, 1 of scene 0 and 0 of scene 1, each looking mostly at the given cell."""
    about = [(0, 0, "red"), (0, 0, "ball"), (0, 1, "star"), (1, 0, "cross")]
    region = torch.zeros(2, 2, 36, dtype=torch.bool)
    region[0, 0, [0, 1]] = region[0, 1, [14, 15, 20]] = region[1, 0, [14]] = True
    found = []
    for step, ((scene, place, word), cell) in enumerate(zip(about, cells, strict=True)):
        weights = torch.full((36,), 0.5 / 35)
        weights[cell] = 0.5
        found.append(study.Look(scene, step, place, word, weights))
    return found, region


def test_pointing_counts_by_hand() -> None:
    found, region = looks_of([0, 20, 20, 14])
    got = study.pointing(found, region)
    want = {
        "hit": 3 / 4,  # the second word looks at the star
        "chance": (2 + 2 + 3 + 1) / 36 / 4,
        "centre": (0 + 0 + 3 / 4 + 1 / 4) / 4,
        "fixed": 1 / 4,  # cell 20 is attended most, and shows the star alone
        "hit_of_several": 2 / 3,
        "other_word": (0 + 0 + 1 / 2) / 3,  # two against the star's look, the star against theirs
        "hit_colour": 1.0,
        "hit_shape": 2 / 3,
    }  # fmt: skip
    for name, value in want.items():
        assert got[name] == pytest.approx(value), name
    assert got["mass"] == pytest.approx((0.5 + 0.5 / 35 + 1 / 35 + 0.5 + 1 / 35 + 0.5) / 4)


@pytest.mark.parametrize(
    "fault",
    [
        ("found[i].place != found[j].place", "i != j"),
        ("weights[other].argmax", "weights[mine].argmax"),
        ("share = 1 / mine.bincount()[mine]", "share = torch.ones(len(mine))"),
        ("weights.mean(0).argmax()", "weights[0].argmax()"),
        ("for row in (2, 3) for column in (2, 3)", "for row in (0, 1) for column in (2, 3)"),
    ],
)
def test_a_fault_in_the_judgement_is_seen(fault: tuple[str, str]) -> None:
    found, region = looks_of([0, 20, 20, 14])
    wrong = planted(STUDY, fault).pointing(found, region)
    assert wrong != pytest.approx(study.pointing(found, region))


def test_the_looks_are_those_of_the_words() -> None:
    """The weights of a look are those with which the captioner found its word, and not the next one."""
    some, own = recipe.captioned(12, seed=4, split="val"), shipped()
    found = study.looks(own, some)
    assert found
    for look in found[:8]:
        words = some.text[look.scene].split()
        assert words[look.step] == look.word
        said = describe(own, some.grid[look.scene : look.scene + 1].float())[0]
        if said.words[: look.step] == words[: look.step]:
            assert torch.allclose(said.weights[look.step], look.weights, atol=1e-4)


class Seen(nn.Module):
    """The eye and the captioner as one network of pictures, for chapter 04's Grad-CAM."""

    def __init__(self, eye: SceneEye, own: ShowAttendTell, ids: Tensor) -> None:
        super().__init__()
        self.eye, self.own, self.ids = eye, own, ids

    def forward(self, image: Tensor) -> Tensor:
        return self.own(self.eye(image), self.ids[:, :-1])[0]


def test_the_maps_of_a_word_are_those_of_chapter_04_and_of_the_formula() -> None:
    some = recipe.captioned(12, seed=4, split="val")
    eye, own = zoo.load("scenes_eye"), shipped()
    image = render(some.scenes[:1], SIZE, only="image").image
    grid = eye(image).detach()
    ids, step = recipe.encoded(some.text[:1]), 3
    word = int(ids[0, step + 1])
    as_maps = lambda tokens: tokens.transpose(1, 2).unflatten(2, (CELLS, CELLS))  # noqa: E731
    want = grad_cam(
        Seen(eye, own, ids).eval(), image, lambda y: y[:, step, word], layer="eye.norm", as_maps=as_maps
    )
    mean, cells = study.word_maps(own, grid, some.text[0], step)
    assert torch.allclose(mean, want.flatten(), rtol=1e-3, atol=1e-5)
    moved, up = grid.clone(), 1e-2  # cell by cell: by how much the score falls as a cell fades
    place = int(cells.argmax())
    moved[0, place] *= 1 - up
    with torch.no_grad():
        fall = (own(grid, ids[:, :-1])[0] - own(moved, ids[:, :-1])[0])[0, step, word] / up
    assert float(fall) == pytest.approx(float(cells[place]), rel=0.2, abs=0.05)


def test_gates_lie_between_shut_and_open() -> None:
    some = recipe.captioned(12, seed=4, split="val")
    gates = study.gates(shipped(), some.grid[:1].float(), some.text[0])
    assert gates.shape == (len(some.text[0].split()),)
    assert bool(((gates > 0) & (gates < 1)).all())


def test_figures_are_drawn() -> None:
    some = recipe.captioned(12, seed=4, split="val")
    pictures = render(some.scenes[:3], 96, only="image").image
    told = describe(shipped(), some.grid[:3].float())
    regions = {3: study.regions(some.scenes[:1])[0, 0]}
    first = told[0]
    fig = figures.words_figure(pictures[0], first.words, first.weights, title="x", regions=regions)
    assert len(fig.axes) > len(figures.telling(first.words))
    facts = list(some.facts[:3])
    assert figures.failures_figure(list(pictures), [one.text for one in told], facts).axes
    assert figures.two_maps_figure(pictures[0], ["a"], {"attention": [first.weights[2]]}).axes
    assert figures.gate_figure(first.words, torch.rand(len(first.words))).axes
    scores = dict.fromkeys(("hit", "other_word", "fixed", "centre", "chance"), 0.5)
    assert figures.looks_figure([{"scores": scores}] * 3, "x").axes


def test_the_widgets_scenes_fit_its_controls() -> None:
    shown = scenes(shipped())
    assert len(shown) == SCENES
    for one in shown:
        assert len(one.true) == len(one.told.words) <= LONGEST
        assert one.told.words[-1] == "."
