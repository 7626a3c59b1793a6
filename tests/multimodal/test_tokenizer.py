"""Byte pair encoding: merges and ids as the `tokenizers` library has them; any text comes back whole."""

import json
import random
import time
from itertools import pairwise

import pytest
import tokenizers
import torch
from tokenizers import models, pre_tokenizers, trainers

from lecture_utils.data import toyworld
from lecture_utils.data.toyworld.language.captioned import sentences
from lecture_utils.multimodal import tokenizer
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.1")

WORLD = [
    "the low lower lowest newer wider",
    "größer, größte: ein naïves Café",
    "日本語の文章 と 한국어 문장",
    "🙂🙂 🙃 👩‍👩‍👧 e\u0301e\u0301 \u1112\u1161\u11ab",
    "  two  spaces, a\ttab\nand lines\n\n",
    "aaaa aaa aaaaaaa abababab",
    "",
]


def captions(n):
    """What chapter 13's texts look like."""
    return sentences(toyworld.sample_scenes(n, seed=0))


def random_corpora():
    """Forty small corpora over alphabets with ties, overlaps, spaces and several bytes a character."""
    rng = random.Random(0)
    letters = ["ab", "abc ", "aé 🙂", "a ", "abcdefgh   ", "".join(map(chr, range(0x1100, 0x1120)))]
    for k in range(40):
        some = letters[k % len(letters)]
        yield ["".join(rng.choices(some, k=rng.randrange(30))) for _ in range(rng.randrange(1, 30))]


def latin(text):
    """A text's bytes, each as the character of that number: then the library's ids of bytes are 0 to 255."""
    return text.encode().decode("latin-1")


def library(corpus, merges):
    """The library's BPE trained on bytes, cut before each space."""
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(" ?[^ ]+| "), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges, initial_alphabet=[chr(i) for i in range(256)], show_progress=False
    )
    theirs.train_from_iterator(map(latin, corpus), trainer)
    return theirs


def assert_same_as_library(module, corpus, merges, more=()):
    """The same merges in the same order, and the same ids of every text."""
    ours, theirs = module.Tokenizer.train(corpus, merges), library(corpus, merges)
    want = [tuple(pair) for pair in json.loads(theirs.to_str())["model"]["merges"]]
    got = [tuple(ours.tokens[i].decode("latin-1") for i in pair) for pair in ours.merges.tolist()]
    assert got == want
    ids = {token.decode("latin-1"): i for i, token in enumerate(ours.tokens)}
    assert ids == theirs.get_vocab()
    for text in [*corpus, *more]:
        assert ours.encode(text) == theirs.encode(latin(text)).ids


@pytest.mark.parametrize("merges", [0, 1, 40, 200])
def test_merges_and_ids_are_the_librarys(merges):
    assert_same_as_library(tokenizer, captions(400), merges, WORLD)
    assert_same_as_library(tokenizer, WORLD, merges, captions(5))


def test_merges_and_ids_are_the_librarys_on_random_texts():
    for n, corpus in enumerate(random_corpora()):
        assert_same_as_library(tokenizer, corpus, 3 * n, WORLD)


FAULTS = [
    ("(-pairs[pair], pair)", "-pairs[pair]"),  # ties by first met
    ("(-pairs[pair], pair)", "(-pairs[pair], pair[::-1])"),
    ("pairs[pair] += count", "pairs[pair] += 1"),  # each word once
    ("i += 2 if found else 1", "i += 1"),
    ("first = min(pairs", "first = max(pairs"),
    ("first = min(pairs, key=self.rank.__getitem__)", "first = pairs[0]"),  # the leftmost
    ('rb" ?[^ ]+| "', 'rb"[^ ]+ ?| "'),  # the space after
    ('rb" ?[^ ]+| "', 'rb".+"'),  # no cut
]


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_seen(fault):
    module = planted("lecture_utils.multimodal.tokenizer", fault)
    with pytest.raises((AssertionError, ValueError)):
        assert_same_as_library(module, captions(400), 60, WORLD)
        assert_same_as_library(module, WORLD, 60)


def test_ids_are_those_of_the_librarys_byte_level_model_too():
    """Its own table of bytes (GPT-2's), with our merges: the same tokens of any text."""
    ours = tokenizer.Tokenizer.train(captions(400) + WORLD, 150)
    spelt = {0x20: "Ġ"}  # GPT-2 shows bytes that do not print as letters from U+0100 on
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    for n, value in enumerate(value for value in range(256) if value not in plain):
        spelt[value] = chr(256 + n)
    names = ["".join(spelt.get(value, chr(value)) for value in token) for token in ours.tokens]
    merges = [(names[a], names[b]) for a, b in ours.merges.tolist()]
    theirs = tokenizers.Tokenizer(models.BPE({name: i for i, name in enumerate(names)}, merges))
    cut = pre_tokenizers.Split(tokenizers.Regex(" ?[^ ]+| "), "isolated")
    theirs.pre_tokenizer = pre_tokenizers.Sequence(
        [cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    theirs.decoder = tokenizers.decoders.ByteLevel()
    for text in captions(50) + WORLD:
        ids = ours.encode(text)
        assert ids == theirs.encode(text).ids
        assert ours.decode(ids[::2]) == theirs.decode(ids[::2])  # no UTF-8 any more


@pytest.fixture(scope="module")
def small():
    """Sixty merges of captions."""
    return tokenizer.Tokenizer.train(captions(400), 60)


def test_every_text_comes_back(small):
    rng = random.Random(1)
    everything = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    texts = ["".join(map(chr, rng.sample(everything, 20))) for _ in range(100)]
    texts += ["".join(rng.choices("a red ball on \t\n\0🙂é", k=25)) for _ in range(100)]
    for text in [*WORLD, *texts]:
        assert small.decode(small.encode(text)) == text
        assert b"".join(tokenizer.split_words(text)) == text.encode()


def test_bytes_that_are_no_text_become_the_replacement_character(small):
    smile = small.encode("🙂")
    assert len(smile) == 4
    assert small.decode(smile[:3]) == "\ufffd"
    assert small.decode([*small.encode("ring"), 0xFF, *small.encode(" ball")]) == "ring\ufffd ball"
    assert small.decode([]) == ""


@pytest.mark.parametrize("text", ["a \ud83d ball", "\ude42", "🙂\ud83d"])
def test_half_of_a_surrogate_pair_is_refused(small, text):
    for call in (small.encode, lambda x: tokenizer.Tokenizer.train([x], 3), lambda x: small.batch([x], 9)):
        with pytest.raises(ValueError, match=r"got half of a surrogate pair, U\+D.* at .*, want whole"):
            call(text)
    with pytest.raises(ValueError, match="word: got half"):
        small.merge_steps(text)


def test_steps_of_a_word_lead_from_its_bytes_to_its_tokens_one_merge_at_a_time(small):
    steps = small.merge_steps(" triangle")
    assert steps[0] == tuple(b" triangle") and list(steps[-1]) == small.encode(" triangle")
    made = []
    for before, after in pairwise(steps):
        assert b"".join(small.tokens[i] for i in after) == b" triangle"
        (new,) = set(after) - set(before)
        made.append(new)
    assert len(made) > 1 and made == sorted(made)  # in the order in which they were learned
    assert small.merge_steps(b"\xff") == [(255,)] and small.merge_steps("") == [()]


def test_ids_of_specials_come_last_and_batches_are_padded(small):
    assert (small.start, small.end, small.pad) == (316, 317, 318) and small.vocabulary == 319
    out = small.batch(["a red ball", ""], 12)
    assert out.shape == (2, 12) and out.dtype == torch.long
    ids = small.encode("a red ball")
    assert out[0].tolist() == [316, *ids, 317] + [318] * (10 - len(ids))
    assert out[1].tolist() == [316, 317] + [318] * 10
    assert small.decode(out[0]) == "a red ball" and small.decode(out[1]) == ""
    assert small.batch(["a red ball"], len(ids) + 2).shape == (1, len(ids) + 2)
    with pytest.raises(ValueError, match=f"got {len(ids) + 2} ids.*at most {len(ids) + 1}"):
        small.batch(["a", "a red ball"], len(ids) + 1)


def test_merges_alone_make_the_tokenizer_again(small):
    again = tokenizer.Tokenizer(small.merges.clone())
    assert [again.encode(text) for text in WORLD] == [small.encode(text) for text in WORLD]


def test_merges_end_where_every_word_is_one_token():
    ours = tokenizer.Tokenizer.train(["a ball a ball"], 200)
    assert len(ours.encode("a ball a ball")) == 4
    assert len(ours.merges) == len(library(["a ball a ball"], 200).get_vocab()) - 256
    assert len(tokenizer.Tokenizer.train([], 5).merges) == 0


def test_merges_that_make_no_sense_are_refused():
    for rows, why in [([[97, 256]], r"\(97, 256\) in row 0.*0 to 255"), ([[1, 2], [1, 2]], "1 pairs twice")]:
        with pytest.raises(ValueError, match=why):
            tokenizer.Tokenizer(torch.tensor(rows))
    with pytest.raises(ValueError, match="got -1"):
        tokenizer.Tokenizer(torch.tensor([[97, 98]])).decode([-1])
    with pytest.raises(ValueError, match="got 260, want 0 to 259"):
        tokenizer.Tokenizer(torch.tensor([[97, 98]])).decode([97, 260])


def test_one_text_in_place_of_several_is_refused(small):
    """A str is a sequence of strs: its letters would pass for texts."""
    for call in (lambda x: small.batch(x, 9), lambda x: tokenizer.Tokenizer.train(x, 9)):
        with pytest.raises(ValueError, match="got str, want several"):
            call("a red ball")


def test_four_thousand_captions_take_under_two_seconds():
    corpus = captions(4000)
    began = time.thread_time()
    tokenizer.Tokenizer.train(corpus, 200)
    assert time.thread_time() - began < 2
