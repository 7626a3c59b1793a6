"""The eye of chapter 14: its grid, what its recipe asks of it, and the course's own weights."""

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.asked import asked_scenes
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.data.toyworld.render import render
from lecture_utils.multimodal.scene_eye import CELLS, SIZE, STRIDE, SceneEye
from lecture_utils.recipes import scenes_eye
from tests.mutants import planted

pytestmark = pytest.mark.system("S14.1")

RECIPE = "lecture_utils.recipes.scenes_eye"


def test_tokens_are_the_cells_row_by_row() -> None:
    """A patch that is drawn in one cell moves tokens in or next to it most, over eight eyes."""
    made = torch.Generator().manual_seed(0)
    plain = torch.full((1, 3, SIZE, SIZE), 0.5)
    moved = torch.zeros(4, CELLS * CELLS)
    cells = (0, 0), (1, 4), (4, 1), (5, 5)
    for seed in range(8):
        torch.manual_seed(seed)
        eye = SceneEye(16).eval()
        for i, (row, column) in enumerate(cells):
            marked = plain.clone()
            top, left = STRIDE * row, STRIDE * column
            marked[..., top : top + STRIDE, left : left + STRIDE] = torch.rand(3, 8, 8, generator=made)
            with torch.no_grad():
                moved[i] += (eye(marked) - eye(plain)).norm(dim=-1)[0]
    for (row, column), own in zip(cells, moved, strict=True):
        r, c = divmod(int(own.argmax()), CELLS)
        assert max(abs(r - row), abs(c - column)) <= 1


def test_tokens_are_layer_normed() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        grid = SceneEye(32).eval()(torch.rand(2, 3, SIZE, SIZE))
    assert torch.allclose(grid.mean(-1), torch.zeros(2, 36), atol=1e-5)
    assert torch.allclose(grid.var(-1, unbiased=False), torch.ones(2, 36), atol=1e-2)


def lesson_gap(recipe: object) -> float:
    """How far what the recipe tells of cells is from what is counted pixel by pixel, cell by cell."""
    scenes, _ = asked_scenes(12, seed=3, split="val")
    _, kind, colour, where = recipe.cells(scenes)  # type: ignore[attr-defined]
    seen = render(scenes, SIZE, only=("instance", "semantic"))
    wrong = 0.0
    for n in range(12):
        for cell in range(36):
            row, column = divmod(cell, CELLS)
            part = (n, slice(8 * row, 8 * row + 8), slice(8 * column, 8 * column + 8))
            counts = [int((seen.instance[part] == k + 1).sum()) for k in range(scenes.places)]
            k = counts.index(max(counts))
            if counts[k] >= 8:
                assert bool(scenes.present[n, k])
                want = len(STUFF) + int(scenes.class_id[n, k]), int(scenes.colour_id[n, k])
                x, y = scenes.centre[n, k].tolist()
                way = torch.tensor([6 * x - column - 0.5, 6 * y - row - 0.5, float(scenes.depth[n, k].log())])
                wrong = max(wrong, float((where[n, cell] - way).abs().max()))
            else:
                stuff = [int((seen.semantic[part] == s).sum()) for s in range(len(STUFF))]
                want = stuff.index(max(stuff)), -1
            wrong = max(wrong, float((int(kind[n, cell]), int(colour[n, cell])) != want))
    return wrong


def test_the_recipe_tells_of_each_cell_what_it_shows() -> None:
    assert lesson_gap(scenes_eye) < 1e-5


@pytest.mark.parametrize(
    "fault",
    [
        ("permute(0, 1, 3, 2, 4)", "permute(0, 3, 1, 2, 4)"),
        ("torch.stack([column, row], -1)", "torch.stack([row, column], -1)"),
        ("sum(2)[..., 1:]", "sum(2)[..., :-1]"),
        ("// 8  # pixels of an object", "// 2  # pixels of an object"),
    ],
)
def test_a_fault_in_the_lessons_is_seen(fault: tuple[str, str]) -> None:
    assert lesson_gap(planted(RECIPE, fault)) > 1e-2


def test_the_shipped_eye_tells_single_objects() -> None:
    """Forty scenes of one object: the cell that it is surest of shows its shape and its colour."""
    eye = zoo.load("scenes_eye")
    assert isinstance(eye, SceneEye)
    drawn, facts = asked_scenes(40, seed=1, split="val", objects=1)
    image, _, colour, where = scenes_eye.cells(drawn)
    with torch.no_grad():
        said = eye.read(eye(image / 255))
    middle = (said[2] - where).norm(dim=-1) + 10 * (colour < 0)
    best = middle.argmin(1)
    rows = torch.arange(40)
    shapes = [CLASSES[int(k) - len(STUFF)] for k in said[0][rows, best].argmax(-1)]
    colours = [COLOURS[int(k)] for k in said[1][rows, best].argmax(-1)]
    told = [(f.things[0].shape, f.things[0].colour) for f in facts]
    right = [one == other for one, other in zip(zip(shapes, colours, strict=True), told, strict=True)]
    assert sum(right) >= 34  # 85 %; the card's accuracies together make 96 %


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: SceneEye(12), "dim: got 12"),
        (lambda: SceneEye(8)(torch.zeros(1, 3, 32, 32)), "images: got"),
        (lambda: SceneEye(8)(torch.full((1, 3, 48, 48), 2.0)), "images: got"),
        (lambda: SceneEye(8).read(torch.zeros(1, 36, 9)), "grid: got"),
    ],
)
def test_bad_input_is_refused(wrong, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wrong()
