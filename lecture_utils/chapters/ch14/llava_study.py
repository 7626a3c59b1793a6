"""What the chapter does with LLaVA: align its projection in the open, and put the picture in the wrong place.

Shapes: B pictures, P = 36 cells of the eye's grid, C = 128 features, N tokens, D the language model's width.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.asked import Asked
from lecture_utils.data.toyworld.language.prompts import SHORT, short
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, SEMANTIC, STUFF
from lecture_utils.multimodal.llava.inputs import IGNORE, llava_inputs
from lecture_utils.multimodal.llava.llava import LLaVA, answer_loss
from lecture_utils.recipes._llava import answerer, batches, build, described_lessons, short_lessons
from lecture_utils.recipes._scenes import exam, judge, material, next_words, seen, words
from lecture_utils.recipes.scenes_eye import NONE
from lecture_utils.recipes.scenes_eye import cells as cells_of
from lecture_utils.training.loop import History, fit
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

Inputs = Callable[[Tensor, Callable[[Tensor], Tensor], Tensor, Tensor], tuple[Tensor, Tensor]]
SEEN_WORDS = (*COLOURS, *CLASSES, *STUFF[1:])
AFTER = len(SHORT[1].split())  # tokens of " answer :"


def whole(ids: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Lessons as exercise 14.6 has them: ids with the last word (B, N + 1), and which are the answer's."""
    answer = torch.cat([torch.zeros_like(target[:, :1], dtype=torch.bool), target != IGNORE], dim=1)
    said = torch.where(target == IGNORE, words().pad, target)
    last = said.gather(1, answer[:, 1:].long().cumsum(1).argmax(1, keepdim=True))  # of each row
    longer = torch.cat([ids, torch.full_like(last, words().pad)], dim=1)
    place = (ids != words().pad).sum(1, keepdim=True)
    return longer.scatter(1, place, last), answer


def align_in_the_open(
    inputs: Inputs = llava_inputs, *, scenes: int = 800, steps: int = 120, batch: int = 32, seed: int = 0
) -> tuple[LLaVA, History]:
    """Stage 1 with a learner's way to put a picture among the words: the projection alone learns to describe.

    About 20 seconds of processor time.
    """
    torch.manual_seed(seed)
    portion = material(scenes)
    model = build().align_only()

    def loss(_: nn.Module, x: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
        grid, ids = x
        read, asked = inputs(model.projection(grid), model.lm.token, *whole(ids, target))
        return answer_loss(model.lm.from_embeddings(read), asked)

    optimizer = torch.optim.AdamW(model.projection.parameters(), 1e-2, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-2, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    given = batches(portion, described_lessons(portion), batch, seed)
    history = fit(model, given, loss=loss, optimizer=optimizer, steps=steps, schedule=schedule, label="W")
    model.eval()
    return model, history


# --- the picture's place ------------------------------------------------------------------------------
PLACES: dict[str, Callable[[Tensor], int | Tensor]] = {
    "before the question": lambda lengths: 1,
    "after the question": lambda lengths: lengths - AFTER,
}


def by_place(model: LLaVA, drawn: Asked) -> dict[str, float]:
    """Accuracy of one LLaVA with the picture in different places, and with another question's picture."""
    own = answerer(model)
    ways = {place: answerer(model, at=at) for place, at in PLACES.items()}
    ways["after the answer's place"] = picture_last(model)
    ways["before, but of another scene"] = lambda grid, asked: own(grid.roll(len(grid) // 2, 0), asked)
    return {name: judge(answers, drawn)["all"] for name, answers in ways.items()}


def picture_last(model: LLaVA) -> Callable[[Tensor, list[str]], list[str]]:
    """Answer with the picture behind the whole text: a causal model speaks before it has seen."""

    @torch.no_grad()
    def answers(grid: Tensor, asked: list[str]) -> list[str]:
        said = []
        for picture, text in zip(grid, asked, strict=True):
            ids = torch.tensor([[words().start, *words().encode(short(text))]])
            read = torch.cat([model.lm.token(ids), model.projection(picture[None])], dim=1)  # (1, N + P, D)
            said += next_words(model.lm.from_embeddings(read)[:, ids.shape[1] - 1])
        return said

    return answers


def tuned_with_picture(
    place: str, *, steps: int = 50, batch: int = 48, scenes: int = 800, seed: int = 0, shuffled: bool = False
) -> tuple[LLaVA, dict[str, float]]:
    """Tune on short questions with the picture at one of PLACES, or "last"; its accuracy on 200 test scenes.

    It begins with the shipped projection of stage 1. With `shuffled`, each question gets another's picture.
    """
    torch.manual_seed(seed)
    portion = material(scenes)
    model = build().tune_all()
    model.projection.load_state_dict(zoo.load("scenes_llava_aligned").projection.state_dict())  # type: ignore[union-attr]

    def loss(_: nn.Module, x: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
        grid, ids = x
        grid = grid.roll(1, 0) if shuffled else grid
        if place == "last":
            read = torch.cat([model.lm.token(ids), model.projection(grid)], dim=1)  # (B, N + P, D)
            return answer_loss(model.lm.from_embeddings(read)[:, : ids.shape[1]], target)
        lengths = (ids != words().pad).sum(dim=1)
        return answer_loss(model(grid, ids, at=PLACES[place](lengths)), target)

    one_cycle(
        model, batches(portion, short_lessons(portion), batch, seed), loss=loss, label=f"picture {place}",
        optimizer=MuonAndAdamW(model, model.lm.layers, 4e-3), steps=steps, warm_up=0.1, cycle_momentum=False,
    )  # fmt: skip
    answers = picture_last(model) if place == "last" else answerer(model, at=PLACES[place])
    return model, judge(answers, exam(200))


# --- what the projection says ---------------------------------------------------------------------------
@torch.no_grad()
def nearest_words(model: LLaVA, grid: Tensor) -> tuple[list[list[str]], Tensor]:
    """Which word's embedding lies nearest to each projected cell of pictures (B, P, C), by the cosine.

    Among colours, shapes and grounds. The mean of these words, and that of all cells, are taken off first:
    all tokens of a picture share a direction that no word has.

    Returns
    -------
    words : list of B lists of P str
    cosine : Tensor
        (B, P), of the nearest.
    """
    ids = torch.tensor([words().encode(f" {word}")[0] for word in SEEN_WORDS])
    table, cells = model.lm.token.weight[ids], model.projection(grid)  # (K, D), (B, P, D)
    table, cells = table - table.mean(0), cells - cells.flatten(0, 1).mean(0)
    near = F.normalize(cells, dim=-1) @ F.normalize(table, dim=-1).T  # (B, P, K)
    best = near.max(dim=-1)
    return [[SEEN_WORDS[k] for k in row] for row in best.indices.tolist()], best.values


def words_near_cells(model: LLaVA, drawn: Asked) -> dict[str, float]:
    """Shares of cells whose nearest word is what they show: an object's colour, its shape, or the ground."""
    near, _ = nearest_words(model, seen(drawn).float())
    _, kind, colour, _ = cells_of(drawn.scenes)
    marks: dict[str, list[bool]] = {"colour": [], "shape": [], "ground": []}
    for row, kinds, colours in zip(near, kind.tolist(), colour.tolist(), strict=True):
        for word, what, hue in zip(row, kinds, colours, strict=True):
            if hue != NONE:
                marks["colour"].append(word == COLOURS[hue])
                marks["shape"].append(word == SEMANTIC[what])
            elif SEMANTIC[what] in STUFF[1:]:
                marks["ground"].append(word == SEMANTIC[what])
    return {name: sum(own) / max(len(own), 1) for name, own in marks.items()}
