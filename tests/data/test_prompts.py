"""Prompts and documents: each word one token, every answer true of its scene, nothing said that is not so."""

import pytest

from lecture_utils.data.toyworld.language.asked import ABOUT, asked_scenes, described
from lecture_utils.data.toyworld.language.programs import ANSWERS, run
from lecture_utils.data.toyworld.language.prompts import (
    FORMS,
    LONG,
    SHORT,
    Document,
    answered,
    documents,
    encoded,
    long,
    short,
    tokens,
    vocabulary,
)
from lecture_utils.data.toyworld.language.questions import questions
from lecture_utils.data.toyworld.language.telling import true_of
from lecture_utils.data.toyworld.language.wording import parse

pytestmark = pytest.mark.system("S14.2")

TOKENIZER = tokens()


def test_each_word_with_the_space_before_it_is_one_token_and_so_is_each_answer():
    for word in {*vocabulary(), *ANSWERS}:
        assert len(TOKENIZER.encode(f" {word}")) == 1, word


def test_no_document_needs_a_letter():
    drawn = documents(60, seed=5, each=6, hops=(0, 2))
    used = {i for document in drawn for i in encoded(document, TOKENIZER)[0]}
    assert min(used) > 255
    assert TOKENIZER.decode(encoded(drawn[0], TOKENIZER)[0]).startswith((" there is", SHORT[0], LONG[0]))


def test_documents_say_what_is_true_of_their_scene():
    _, scenes = asked_scenes(40, seed=9)
    drawn = documents(40, seed=9, each=5, described_share=1.0, long_share=0.5)
    forms = set()
    for document, scene in zip(drawn, scenes, strict=True):
        assert document.description == f" {described(scene)}"
        assert all(true_of(f"{part} .", scene) for part in document.description.strip(" .").split(" . "))
        for prompt, told in document.turns:
            if prompt.startswith(SHORT[0]):
                question = prompt.removeprefix(f"{SHORT[0]} ").removesuffix(SHORT[1])
                assert run(parse(question), scene) == told.strip()
                forms.add("short")
                continue
            question = prompt.removeprefix(f"{LONG[0]} ").removesuffix(LONG[1])
            steps, so, last = told.strip().partition(" so ")
            assert all(true_of(f"{part} .", scene) for part in steps.strip(" .").split(" . "))
            assert not so or last == f"{run(parse(question), scene)} ."
            forms.add("reasoned" if so else "told")
    assert forms == set(FORMS)


def test_shares_are_those_that_were_asked_for():
    drawn = documents(300, seed=2, each=3, described_share=0.7, long_share=0.4)
    turns = [prompt for document in drawn for prompt, _ in document.turns]
    assert abs(sum(bool(document.description) for document in drawn) / 300 - 0.7) < 0.1  # 3.8 sigma
    assert abs(sum(prompt.startswith(LONG[0]) for prompt in turns) / len(turns) - 0.4) < 0.07
    assert all(not document.description for document in documents(5, described_share=0.0))
    same = documents(300, seed=2, each=3, described_share=0.7, long_share=0.4)
    assert drawn == same and drawn != documents(300, seed=3, each=3, described_share=0.7, long_share=0.4)


def test_encoded_marks_answers_and_ends_what_is_long():
    turns = ((short("is the sky clear ?"), " no"), (long("what is the ground ?"), " the ground is sand ."))
    ids, answer = encoded(Document(" there is a red ball .", turns), TOKENIZER)
    marked = [i for i, is_answer in zip(ids, answer, strict=True) if is_answer]
    assert ids[0] == TOKENIZER.start and ids[-1] == TOKENIZER.end
    assert marked == [*TOKENIZER.encode(" no the ground is sand ."), TOKENIZER.end]
    assert TOKENIZER.decode(ids) == " there is a red ball ." + "".join(a + b for a, b in turns)
    only_short = encoded(Document("", turns[:1]), TOKENIZER)
    assert only_short[0][-1] == TOKENIZER.end and not only_short[1][-1]


def test_what_has_no_question_is_a_description_alone():
    ids, answer = encoded(Document(" there is a red ball .", ()), TOKENIZER)
    assert not any(answer) and ids[-1] == TOKENIZER.end


@pytest.mark.parametrize("bad", ["", " is it red ?", "is it red ? ", 3, None])
def test_a_prompt_wants_words(bad):
    for put in (short, long):
        with pytest.raises(ValueError, match="want words without a space"):
            put(bad)


def test_an_unknown_form_is_refused():
    _, scenes = asked_scenes(1)
    question = questions(scenes, 1, about=ABOUT)[0]
    with pytest.raises(ValueError, match="form: got 'shouted'"):
        answered(question, scenes[0], "shouted")
