"""What ZeroCap says of test pictures, beside a language model alone and beside CLIP choosing among samples.

Every way writes one caption a picture, each begins with "a photo of", and all have the same language model
and the same CLIP. Judged are the words: a caption names the right colour, a wrong one, or none; so with the
class. The settings of ZeroCap were chosen on validation pictures (`SETTINGS`), the figures are of the test
split.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.language.grammar import caption_probabilities
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.metrics.perplexity import sequence_nats
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.decoding import generate
from lecture_utils.multimodal.embedding_arithmetic import combine
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.zerocap import Guidance, zerocap

PROMPT, MOST = "a photo of", 10
SETTINGS = Guidance(fluency=0.4, steps=20, step_size=1.0, candidates=8)
BEAMS = 1
FEW, MANY = 64, 512  # samples that CLIP may choose among: as many texts as ZeroCap asks of, and eight times
LAMBDAS = (0.0, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Said:
    """What one way of captioning said of N pictures, and how it was judged; shares are in [0, 1].

    Attributes
    ----------
    captions : list of N str
    colour, class_name, both : float
        Shares that name the right one, or both.
    wrong : float
        Share that names a wrong colour or a wrong class.
    grammatical : float
        Share that the grammar of captions could have made.
    perplexity : float
        Of the captions under the language model, a token.
    seconds : float
        Processor time a caption.
    """

    captions: list[str]
    colour: float
    class_name: float
    both: float
    wrong: float
    grammatical: float
    perplexity: float
    seconds: float


def judged(captions: Sequence[str], pictures: Captioned, lm: LanguageModel, seconds: float = 0.0) -> Said:
    """Judge captions of pictures by their words, and by how the language model likes them."""
    colour, class_name, wrong = [], [], []
    for text, c, k in zip(captions, pictures.colour_id.tolist(), pictures.class_id.tolist(), strict=True):
        words = set(text.split())
        colour.append(COLOURS[c] in words)
        class_name.append(CLASSES[k] in words)
        wrong.append(bool(words & {*COLOURS, *CLASSES} - {COLOURS[c], CLASSES[k]}))
    grammar = {*caption_probabilities(), *caption_probabilities(held_out=True)}
    count = len(captions)
    return Said(
        captions=list(captions),
        colour=sum(colour) / count,
        class_name=sum(class_name) / count,
        both=sum(a and b for a, b in zip(colour, class_name, strict=True)) / count,
        wrong=sum(wrong) / count,
        grammatical=sum(text in grammar for text in captions) / count,
        perplexity=caption_perplexity(lm, captions),
        seconds=seconds / count,
    )


@torch.no_grad()
def caption_perplexity(lm: LanguageModel, captions: Sequence[str]) -> float:
    """The model's perplexity on captions that begin with the prompt, a token behind it; the end counts."""
    tokenizer = lm.tokenizer
    skip = len(tokenizer.encode(PROMPT))
    ids = [[tokenizer.start, *tokenizer.encode(text), tokenizer.end][: lm.length] for text in captions]
    longest = max(map(len, ids))
    padded = torch.tensor([row + [tokenizer.pad] * (longest - len(row)) for row in ids])
    logits = lm(padded[:, :-1])[:, skip:]
    nats, tokens = sequence_nats(logits, padded[:, 1 + skip :], tokenizer.pad)
    return math.exp(float(nats.sum()) / int(tokens.sum()))


def alone(lm: LanguageModel, count: int, seed: int = 0) -> list[str]:
    """Captions that the language model draws by itself: it has no picture."""
    tokenizer = lm.tokenizer
    start = torch.tensor([[tokenizer.start, *tokenizer.encode(PROMPT)]]).repeat(count, 1)
    chance = torch.Generator().manual_seed(seed)
    ids = generate(lm, start, MOST, end=tokenizer.end, generator=chance)
    return [tokenizer.decode(row) for row in ids]


@torch.no_grad()
def chosen(lm: LanguageModel, clip: CLIP, pictures: Tensor, samples: int, seed: int = 0) -> list[str]:
    """Of so many samples of the language model, each picture's own, the one that CLIP finds nearest to it."""
    out = []
    for number, picture in enumerate(pictures):
        texts = sorted(set(alone(lm, samples, seed=1000 * seed + number)))
        out.append(texts[int((clip.texts(texts) @ picture).argmax())])
    return out


def study(
    lm: LanguageModel, clip: CLIP, *, count: int = 64, split: str = "test", seed: int = 0
) -> dict[str, dict[str, Said]]:
    """Let all ways caption pictures of seen pairs, and of pairs held out.

    Parameters
    ----------
    lm : LanguageModel
        `shapes_lm`.
    clip : CLIP
        `shapes_clip`, of the same tokenizer.
    count : int
        Pictures of either kind.
    split, seed : str, int
        Of the pictures.

    Returns
    -------
    dict
        "seen" and "held out" → way → `Said`.
    """
    out: dict[str, dict[str, Said]] = {}
    for name, held_out in (("seen", False), ("held out", True)):
        pictures = captioned(count, seed=seed, split=split, held_out=held_out)
        with torch.no_grad():
            embedded = clip.encode_image(pictures.image)
        ways = _ways(lm, clip, embedded, seed)
        out[name] = {way: _timed(caption, pictures, lm) for way, caption in ways.items()}
    return out


def _ways(lm: LanguageModel, clip: CLIP, embedded: Tensor, seed: int) -> dict[str, Callable[[], list[str]]]:
    return {
        "language model alone": lambda: alone(lm, len(embedded), seed),
        f"CLIP chooses of {FEW}": lambda: chosen(lm, clip, embedded, FEW, seed),
        f"CLIP chooses of {MANY}": lambda: chosen(lm, clip, embedded, MANY, seed),
        "ZeroCap": lambda: zerocap(
            lm, clip, embedded, PROMPT, most=MOST, beams=BEAMS, guidance=SETTINGS
        ),
    }  # fmt: skip


def _timed(caption: Callable[[], list[str]], pictures: Captioned, lm: LanguageModel) -> Said:
    start = time.thread_time()
    captions = caption()
    return judged(captions, pictures, lm, time.thread_time() - start)


def fluency_curve(
    lm: LanguageModel,
    clip: CLIP,
    *,
    lambdas: Sequence[float] = LAMBDAS,
    count: int = 32,
    split: str = "test",
    seed: int = 0,
) -> dict[str, list[Said]]:
    """Caption the same pictures with different λ: how much of its own opinion the language model may keep.

    Returns
    -------
    dict
        "seen" and "held out" → `Said` of each λ.
    """
    out: dict[str, list[Said]] = {}
    for name, held_out in (("seen", False), ("held out", True)):
        pictures = captioned(count, seed=seed, split=split, held_out=held_out)
        with torch.no_grad():
            embedded = clip.encode_image(pictures.image)
        guides = [replace(SETTINGS, fluency=value) for value in lambdas]
        out[name] = [
            _timed(partial(zerocap, lm, clip, embedded, PROMPT, most=MOST, guidance=g), pictures, lm)
            for g in guides
        ]
    return out


@torch.no_grad()
def arithmetic(lm: LanguageModel, clip: CLIP, images: Tensor, weights: Sequence[float] = (1, -1, 1)) -> str:
    """Caption a sum of pictures (M, 3, H, W): a red star less a red ball and a blue ball, for example."""
    point = combine(clip.encode_image(images), weights)
    return zerocap(lm, clip, point[None], PROMPT, most=MOST, beams=BEAMS, guidance=SETTINGS)[0]


def analogies(count: int, *, pool: int = 600, seed: int = 0, split: str = "test") -> tuple[Captioned, Tensor]:
    """Find triples of pictures whose sum shows a fourth thing: (c, k) - (c, m) + (d, m) is (d, k).

    Returns
    -------
    pictures : Captioned
        From which the triples are.
    triples : Tensor
        (T, 4) int64, T at most `count`: the rows of the three, and of one that shows the answer.
    """
    pictures = captioned(pool, seed=seed, split=split)
    by_pair: dict[tuple[int, int], int] = {}
    for row, pair in enumerate(zip(pictures.colour_id.tolist(), pictures.class_id.tolist(), strict=True)):
        by_pair.setdefault(pair, row)
    found = [
        (row, by_pair[c, m], by_pair[d, m], by_pair[d, k])
        for (c, k), row in by_pair.items()
        for d, m in by_pair
        if c != d and k != m and (c, m) in by_pair and (d, k) in by_pair
    ]
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))[:count]
    return pictures, torch.tensor(found)[order]


@torch.no_grad()
def arithmetic_study(lm: LanguageModel, clip: CLIP, *, count: int = 64, seed: int = 0) -> dict[str, float]:
    """Caption triples of pictures; return the shares that name the answer, and the first picture instead."""
    pictures, triples = analogies(count, seed=seed)
    three = clip.encode_image(pictures.image)[triples[:, :3]]  # (T, 3, D)
    points = combine(three.transpose(0, 1), (1, -1, 1))  # (T, D)
    captions = zerocap(lm, clip, points, PROMPT, most=MOST, beams=BEAMS, guidance=SETTINGS)

    def named(column: int) -> list[tuple[bool, bool]]:
        rows = triples[:, column]
        truth = zip(pictures.colour_id[rows].tolist(), pictures.class_id[rows].tolist(), strict=True)
        return [
            (COLOURS[c] in text.split(), CLASSES[k] in text.split())
            for text, (c, k) in zip(captions, truth, strict=True)
        ]

    answer, first = named(3), named(0)
    share = {
        "colour": [c for c, _ in answer],
        "class": [k for _, k in answer],
        "both": [c and k for c, k in answer],
        "still the first": [c and k for c, k in first],
    }
    return {what: sum(hits) / len(hits) for what, hits in share.items()}
