"""Visual programs: what their language can and cannot say, how they run, what the modules and editors do."""

import pytest
import torch
from torch import Tensor

from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.multimodal.visual_programs import generator
from lecture_utils.multimodal.visual_programs.attributes import find_horizon, foot_depth, name_colour
from lecture_utils.multimodal.visual_programs.editors import (
    background_blur,
    colour_pop,
    editor_modules,
    emoji,
)
from lecture_utils.multimodal.visual_programs.generator import LineWriter, WholeWriter, batch_of, rows_of
from lecture_utils.multimodal.visual_programs.interpreter import run, told, trace_text
from lecture_utils.multimodal.visual_programs.modules import (
    cut,
    evaluate,
    question_modules,
    relate,
    seg,
    square_around,
)
from lecture_utils.multimodal.visual_programs.program import ProgramError, check_program, read_program
from lecture_utils.multimodal.visual_programs.values import Found, Picture
from lecture_utils.multimodal.visual_programs.vqa import VQA, CellProjection, CellStem
from tests.mutants import planted

pytestmark = pytest.mark.system("S14.7")

PALETTE = {"red": (0.83, 0.13, 0.16), "blue": (0.16, 0.3, 0.8), "green": (0.07, 0.55, 0.27)}


def thing(x: float, depth_m: float, words: str = "red star") -> Found:
    colour, shape = words.split()
    mask = torch.zeros(20, 20, dtype=torch.bool)
    mask[8:12, int(20 * x) - 2 : int(20 * x) + 2] = True
    return Found((20 * x - 2, 8.0, 20 * x + 2, 12.0), shape, colour, x, depth_m, mask)


THINGS = [thing(0.2, 3.0), thing(0.5, 4.0, "blue ball"), thing(0.8, 3.1, "red ball")]
MODULES = question_modules(lambda image: THINGS, lambda image, question: question.split()[1])


def picture(seed: int = 0) -> Picture:
    return Picture(torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(seed)))


# --- the language --------------------------------------------------------------------------------
def test_a_program_reads_back_as_it_was_written() -> None:
    text = "B = LOC(image=IMAGE, object='red star')\nANSWER0 = COUNT(box=B)\nA = EVAL(expr='{ANSWER0} > 0')"
    program = read_program(text)
    assert "\n".join(str(line) for line in program) == text
    assert program[2].reads() == ["ANSWER0"]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('ls')",
        "A = __import__(name='os')",
        "A = LOC(image=IMAGE, object='x').__class__",
        "A = LOC(image=IMAGE.pixels, object='star')",
        "A = LOC(image=open('/etc/passwd'), object='star')",
        "A = LOC(image=IMAGE, object='star'); import os",
        "A = LOC(image=IMAGE, object='a\\'b')",
        "A = LOC(image=IMAGE, object='star', object='ball')",
        'A = LOC(image=IMAGE, object="star")',
        "A = LOC(image=IMAGE, object='__dict__')",
        "A = LOC(image=IMAGE object='star')",
        "A = LOC(image=IMAGE, )",
        "for i in range(9): pass",
        "lambda: 0",
        "BOX0 = LOC(**IMAGE)",
        "box = COUNT(box=BOX0)",
        "A = EVAL(expr='" + "1" * 81 + "')",
        "",
        "\n".join(["A = COUNT(box=A)"] * 33),
    ],
)
def test_what_is_no_program_is_refused(text: str) -> None:
    with pytest.raises(ProgramError, match=r"got .* want"):
        read_program(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A = EXEC(code='1')", "module: got EXEC"),
        ("A = COUNT(box=BOX7)", "name: got BOX7"),
        ("A = EVAL(expr='{B} > 0')", "name: got B"),
        ("A = COUNT(image=IMAGE)", "arguments: got image"),
        ("A = LOC(image=IMAGE)", "arguments: got image"),
        ("IMAGE = LOC(image=IMAGE, object='star')", "IMAGE left as it was given"),
    ],
)
def test_a_program_that_cannot_run_is_refused_before_it_runs(text: str, says: str) -> None:
    called = []
    modules = {**MODULES, "LOC": lambda image, object: called.append(object)}
    with pytest.raises(ProgramError, match=says):
        run(read_program("B0 = LOC(image=IMAGE, object='star')\n" + text), modules, picture())
    assert not called


@pytest.mark.parametrize(
    "expr", ["__import__('os')", "1 + 1", "a > 2", "2 > 1 > 0", "{A} > 0", "1 >", "x.y == 1"]
)
def test_eval_compares_and_does_nothing_else(expr: str) -> None:
    with pytest.raises(ValueError, match="EVAL: got"):
        evaluate(expr)
    assert [evaluate(e) for e in ("2 > 1", "1 > 1", "10 > 9", "red == red", "red == blue", "2 == 2")] == [
        "yes", "no", "yes", "yes", "no", "yes",
    ]  # fmt: skip


# --- the interpreter -----------------------------------------------------------------------------
PROGRAM = """
BOX0 = LOC(image=IMAGE, object='star')
BOX0 = RELATE(image=IMAGE, object='ball', relation='right of', box=BOX0)
ANSWER0 = COUNT(box=BOX0)
ANSWER0 = EVAL(expr='{ANSWER0} > 1')
FINAL = RESULT(var=ANSWER0)
"""


def test_each_line_is_run_and_told() -> None:
    answer, trace = run(read_program(PROGRAM), MODULES, picture())
    assert answer == "yes"
    assert [told(step.value) for step in trace] == [
        "1: red star", "2: blue ball, red ball", "2", "yes", "yes",
    ]  # fmt: skip
    assert trace[1].given["box"] == [THINGS[0]]
    assert "→ 2: blue ball, red ball" in trace_text(trace)


def test_a_failure_ends_the_run_and_is_told() -> None:
    text = PROGRAM.replace("object='star'", "object='ball'")
    answer, trace = run(read_program(text), MODULES, picture())
    assert answer is None and len(trace) == 2 and trace[1].value is None
    assert trace[1].problem == "RELATE: got 2 things (blue ball, red ball), want one"
    assert trace[1].problem in trace_text(trace)


def test_what_is_no_fault_of_a_module_is_not_swallowed() -> None:
    def broken(box: list[Found]) -> int:
        raise KeyError("a fault in the code")

    with pytest.raises(KeyError):
        run(read_program(PROGRAM), {**MODULES, "COUNT": broken}, picture())


@pytest.mark.parametrize(
    "fault",
    [
        ("        state[line.target] = value\n", "        state.setdefault(line.target, value)\n"),
        ("return PLACEHOLDER.sub(lambda found: str(state[found.group(1)]), argument)", "return argument"),
        ("return None, trace\n        state", "continue\n        state"),
    ],
)
def test_a_fault_in_the_interpreter_is_seen(fault: tuple[str, str]) -> None:
    copy = planted("lecture_utils.multimodal.visual_programs.interpreter", fault)
    wrong = read_program(PROGRAM.replace("object='star'", "object='ball'", 1))
    try:
        same = copy.run(read_program(PROGRAM), MODULES, picture())[0] == "yes"
        same = same and len(copy.run(wrong, MODULES, picture())[1]) == 2
    except (ValueError, KeyError):
        same = False
    assert not same


# --- the modules ---------------------------------------------------------------------------------
def test_relations_are_of_places_and_depths() -> None:
    left, middle, right = THINGS
    assert relate(THINGS, "left of", middle) == [left]
    assert relate(THINGS, "right of", left) == [middle, right]
    assert relate(THINGS, "in front of", middle) == [left, right]
    assert relate(THINGS, "behind", left) == [middle]  # 0.1 m is not behind
    assert relate([thing(0.2, 3.0), thing(0.27, 3.0)], "right of", thing(0.2, 3.0)) == []
    with pytest.raises(ValueError, match="relation: got 'above'"):
        relate(THINGS, "above", left)


@pytest.mark.parametrize(
    "fault",
    [
        ("right_m = thing.x - anchor.x", "right_m = anchor.x - thing.x"),
        ("behind_m = thing.depth_m - anchor.depth_m", "behind_m = anchor.depth_m - thing.depth_m"),
        ('"behind": behind_m > APART_M', '"behind": behind_m > 0'),
    ],
)
def test_a_fault_in_relate_is_seen(fault: tuple[str, str]) -> None:
    copy = planted("lecture_utils.multimodal.visual_programs.modules", fault)
    known = [("left of", THINGS[1]), ("in front of", THINGS[1]), ("behind", THINGS[0])]
    assert any(copy.relate(THINGS, how, to) != relate(THINGS, how, to) for how, to in known)


def test_modules_find_keep_and_join() -> None:
    assert MODULES["LOC"](image=picture(), object="red thing") == [THINGS[0], THINGS[2]]
    assert MODULES["FILTER"](box=THINGS, without="red") == [THINGS[1]]
    assert MODULES["INTERSECT"](box=THINGS[:2], other=THINGS[1:]) == [THINGS[1]]
    assert MODULES["UNION"](box=THINGS[:2], other=THINGS[1:]) == THINGS
    assert MODULES["RESULT"](var=3) == "3"
    assert int(seg(picture(), THINGS).sum()) == 48 and int(seg(picture(), []).sum()) == 0
    with pytest.raises(ValueError, match="CROP: got 3 things"):
        MODULES["CROP"](image=picture(), box=THINGS)


def test_a_cut_is_a_square_inside_the_picture_and_enlarged() -> None:
    assert square_around((0.0, 0.0, 4.0, 2.0), 20, 20, around=1.5) == (0.0, 0.0, 6.0, 6.0)
    assert square_around((8.0, 8.0, 12.0, 10.0), 20, 20, around=1.0) == (8.0, 7.0, 12.0, 11.0)
    image = picture().pixels
    torch.testing.assert_close(cut(image, (0.0, 0.0, 20.0, 20.0)), image)  # all of it is itself
    ramp = torch.linspace(0, 1, 20).expand(3, 20, 20)  # its value tells the column
    read = cut(ramp, (5.0, 5.0, 15.0, 15.0))[0, 10] * 19
    torch.testing.assert_close(read, 5 + (torch.arange(20) + 0.5) / 2 - 0.5)
    made = MODULES["CROP"](image=picture(), box=[THINGS[0]])
    assert made.window == square_around(THINGS[0].box, 20, 20) and made.pixels.shape == (3, 20, 20)


def test_a_colour_is_named_by_the_pixels_inside() -> None:
    mask = THINGS[0].mask
    pixels = torch.ones(3, 20, 20) * torch.tensor(PALETTE["green"])[:, None, None]
    pixels[:, mask] = 0.85 * torch.tensor(PALETTE["blue"])[:, None]  # in the shade
    assert name_colour(pixels, mask, PALETTE) == "blue"
    assert name_colour(pixels, ~mask, PALETTE) == "green"
    with pytest.raises(ValueError, match="no pixel"):
        name_colour(pixels, mask & ~mask, PALETTE)


def test_depth_is_read_from_the_foot_and_the_horizon() -> None:
    pixels = torch.full((3, 50, 40), 0.8)
    pixels[:, 18:] = 0.3
    free = torch.ones(50, 40, dtype=torch.bool)
    assert find_horizon(pixels, free) == pytest.approx(18 / 50)
    pixels[:, 14:20, 5:30] = torch.rand(3, 6, 25)  # a thing stands before it
    free[14:20, 5:30] = False
    assert find_horizon(pixels, free) == pytest.approx(18 / 50)
    assert foot_depth(0.36 + 0.5, 0.36, 1.5) == pytest.approx(3.0)
    assert foot_depth(0.3, 0.36, 1.5) > 50  # no foot above the horizon: far away


# --- the editors ---------------------------------------------------------------------------------
def test_editors_change_what_they_say_and_nothing_else() -> None:
    image, mask = picture(), THINGS[0].mask
    popped = colour_pop(image, mask).pixels
    assert torch.equal(popped[:, mask], image.pixels[:, mask])
    assert torch.equal(popped[0, ~mask], popped[2, ~mask])
    blurred = background_blur(image, mask).pixels
    assert torch.equal(blurred[:, mask], image.pixels[:, mask])
    assert float(blurred[:, ~mask].var()) < float(image.pixels[:, ~mask].var())
    painted = editor_modules(PALETTE)["REPLACE"](image=image, mask=mask, colour="blue").pixels
    assert torch.equal(painted[:, ~mask], image.pixels[:, ~mask])
    assert float(painted[2, mask].mean()) > float(painted[0, mask].mean())
    stamped = emoji(image, [THINGS[0]]).pixels
    assert torch.equal(stamped[:, :, 10:], image.pixels[:, :, 10:]) and not torch.equal(stamped, image.pixels)


def test_no_colour_of_the_object_runs_out_in_the_blur() -> None:
    mask = THINGS[0].mask
    pixels = torch.zeros(3, 20, 20)
    pixels[0, mask] = 1.0
    assert float(background_blur(Picture(pixels), mask).pixels[:, ~mask].max()) < 1e-5


def test_editors_refuse_a_mask_that_is_not_the_pictures() -> None:
    with pytest.raises(ValueError, match="BGBLUR, mask: got"):
        background_blur(picture(), torch.ones(10, 20, dtype=torch.bool))
    with pytest.raises(ValueError, match="no pixel of an object"):
        colour_pop(picture(), torch.zeros(20, 20, dtype=torch.bool))
    with pytest.raises(ValueError, match="colour: got 'mauve'"):
        editor_modules(PALETTE)["REPLACE"](image=picture(), mask=THINGS[0].mask, colour="mauve")


# --- the networks --------------------------------------------------------------------------------
def a_vqa() -> VQA:
    torch.manual_seed(0)
    return VQA(
        CellStem(16), ["is", "it", "red", "blue", "?"], ["yes", "no"], cells=36, dim=16, layers=1
    ).eval()


def test_a_longer_neighbour_in_the_batch_changes_no_answer() -> None:
    model, pictures = a_vqa(), torch.rand(2, 3, 48, 48)
    both = model(pictures, model.encode(["is it red ?", "is it red it red it red ?"]))
    alone = model(pictures[:1], model.encode(["is it red ?"]))
    torch.testing.assert_close(both[:1], alone)
    assert not torch.allclose(model(pictures[:1], model.encode(["is it blue ?"])), alone)
    assert not torch.allclose(model(pictures[1:], model.encode(["is it red ?"])), alone)


def test_the_vqa_can_learn_one_batch() -> None:
    torch.manual_seed(0)
    model = VQA(
        CellProjection(6, 16), ["is", "it", "red", "blue", "?"], ["yes", "no"], cells=4, dim=16, layers=1
    )
    cells, wanted = torch.randn(8, 4, 6), torch.tensor([0, 1] * 4)
    ids = model.encode(["is it red ?", "is it blue ?"] * 4)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model(cells, ids), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.05
    assert model.eval().answer(cells, ["is it red ?", "is it blue ?"] * 4) == ["yes", "no"] * 4


def test_the_vqa_refuses_words_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="unknown 'green'"):
        a_vqa().encode(["is it green ?"])
    with pytest.raises(ValueError, match="got 0 words"):
        a_vqa().encode([""])


class Scripted(LanguageModel):
    """Completes prompts from a table, so that writers can be tried without a training."""

    table: dict[str, str]


def scripted(monkeypatch: pytest.MonkeyPatch, table: dict[str, str]) -> LanguageModel:
    monkeypatch.setattr(generator, "complete", lambda lm, prompts, most=64: [table[p] for p in prompts])
    tokenizer = Tokenizer(torch.empty(0, 2, dtype=torch.int64))
    return LanguageModel(tokenizer.vocabulary, dim=8, heads=1, layers=1, length=60, tokenizer=tokenizer)


def test_line_by_line_what_is_left_is_read_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = scripted(
        monkeypatch,
        {
            " ? ball the of left star a there is": " ball the = BOX0",
            " BOX0 = the ball": " BOX0 = LOC(image=IMAGE, object= ' ball ')",
            " ? BOX0 of left star a there is": " BOX0 of left star = BOX0",
            " BOX0 = star left of BOX0": " BOX0 = RELATE(box=BOX0)",
            " ? BOX0 a there is": " ? BOX0 a there is = FINAL",
            " FINAL = is there a BOX0 ?": " A = COUNT(box=BOX0) ; FINAL = RESULT(var=A)",
            " ? odd star how": " star = BOX0",
            " BOX0 = star": " BOX0 = LOC(image=IMAGE, object= ' star ')",
            " ? odd BOX0 how": " ring the" * 40 + " = BOX0",  # not there, and too long to be read
        },
    )
    good, stuck = LineWriter(lm).write(["is there a star left of the ball ?", "how star odd ?"])
    assert [line.split(" = ")[1].split("(")[0] for line in good.split("\n")] == [
        "LOC",
        "RELATE",
        "COUNT",
        "RESULT",
    ]
    assert stuck == "BOX0 = LOC(image=IMAGE, object='star')"  # what it has, and no answer


def test_a_writer_can_learn_its_pairs_by_heart() -> None:
    torch.manual_seed(0)
    tokenizer = Tokenizer(torch.empty(0, 2, dtype=torch.int64))
    lm = LanguageModel(tokenizer.vocabulary, dim=32, heads=2, layers=1, length=80, tokenizer=tokenizer)
    pairs = [(" a ?", " X = P() ; F = R()"), (" bb ?", " Y = Q() ; F = R()")]
    ids, target = batch_of(lm, [rows_of(lm, a, b) for a, b in pairs])
    optimizer = torch.optim.AdamW(lm.parameters(), 1e-2)
    for _ in range(150):
        logits = lm(ids).flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits, target.flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ids, target = batch_of(lm, [rows_of(lm, pairs[0][0], pairs[0][1])])
    assert WholeWriter(lm.eval()).write(["a ?"]) == ["X = P()\nF = R()"]
    assert target[0, -1] == tokenizer.end and int((target[0] >= 0).sum()) == len(pairs[0][1]) + 1


def test_a_phrase_is_replaced_where_it_stands_last() -> None:
    assert generator.with_name("a ball left of the ball ?", "ball", "BOX0") == "a ball left of the BOX0 ?"
    for phrase in ("ring", "", "bal"):
        with pytest.raises(ValueError, match="want words that stand in"):
            generator.with_name("a ball ?", phrase, "BOX0")


def test_values_are_checked() -> None:
    with pytest.raises(ValueError, match="colour images"):
        Picture(torch.rand(20, 20, 3))
    with pytest.raises(ValueError, match="want x1 < x2"):
        Found((4.0, 0.0, 4.0, 2.0), "star", "red", 0.5, 3.0, torch.ones(4, 4, dtype=torch.bool))
    mask: Tensor = THINGS[0].mask
    with pytest.raises(ValueError, match="depth_m"):
        Found((0.0, 0.0, 4.0, 2.0), "star", "red", 0.5, 0.0, mask)
    check_program(read_program(PROGRAM), MODULES)
