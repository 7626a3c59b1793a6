"""Chapter 16, part b: what the notebook asks of DALL-E 2: variations, ways between pictures, the prior.

Functions that the learner writes come in as parameters. All pictures are made with guidance 3 in 20 steps.

Shapes: N pictures, S shares, K draws of a prior, D = 64 width of CLIP's embeddings.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.unclip.prior import DiffusionPrior
from lecture_utils.generative.unclip.unclip import UnCLIP
from lecture_utils.ops.boxes import box_iou
from lecture_utils.ops.checks import check_tensor, check_whole
from lecture_utils.recipes._judged import conditional_accuracy, judge, judged
from lecture_utils.recipes._latent_diffusion import asked, found_boxes, ids_of, painted
from lecture_utils.recipes.shapes_prior import embedded, told_by
from lecture_utils.training.loop import predictions

Slerp = Callable[[Tensor, Tensor, float], Tensor]  # (B, D), (B, D), share → (B, D) of unit length
Best = Callable[[Tensor, Tensor], Tensor]  # draws (B, K, D), sentences (B, D) → (B, D)
WAYS = ("own picture", "prior", "sentence", "sentence, moved")


@functools.cache
def shipped() -> UnCLIP:
    """The course's prior and decoder, loaded once."""
    prior, decoder = zoo.load("shapes_prior"), zoo.load("shapes_unclip")
    assert isinstance(prior, DiffusionPrior) and isinstance(decoder, LatentDiffusion)
    return UnCLIP(prior, decoder).eval()


@functools.lru_cache(maxsize=4)
def seen(n: int = 500, seed: int = 8) -> Captioned:
    """Test pictures of the narrow world, with classes, colours and captions."""
    return captioned(n, seed=seed, split="test")


def picture_of(colour: str, name: str, nth: int = 0) -> Tensor:
    """The nth of the test pictures (3, 32, 32) that show such a thing, in the order they come."""
    some = seen()
    right = (some.class_id == CLASSES.index(name)) & (some.colour_id == COLOURS.index(colour))
    rows = right.nonzero()[:, 0]
    if check_whole(nth, "nth", 0) >= len(rows):
        raise ValueError(f"nth: got {nth}, want one of the {len(rows)} test pictures of a {colour} {name}")
    return some.image[rows[nth]]


def noises(n: int, seed: int = 0) -> Tensor:
    """Noise x_T (n, 4, 8, 8) to start from."""
    draw = torch.Generator().manual_seed(check_whole(seed, "seed", 0))
    return torch.randn(check_whole(n, "n"), *shipped().decoder.shape, generator=draw)


def variations(picture: Tensor, count: int = 15, seed: int = 0) -> Tensor:
    """Pictures (count, 3, 32, 32) of a picture's (3, 32, 32) embedding alone, each from noise of its own."""
    check_tensor(picture, "picture", 3, 32, 32, finite=True)
    return shipped().variations(embedded(picture[None])[0], count, seed=seed)


def what_stays(pictures: int = 24, each: int = 6, seed: int = 0) -> dict[str, tuple[float, float]]:
    """How far variations agree with their picture, and, beside it, with another picture.

    Returns
    -------
    dict of str to (float, float)
        Shares of agreement in class, colour and ground as the judge sees them, the IoU of the boxes that are
        found, and the cosine of CLIP's embeddings.
    """
    image = seen().image[: check_whole(pictures, "pictures", 2)]
    told = embedded(image)
    made = painted(shipped().decoder, told.repeat_interleave(each, 0), seed=seed)
    looks, boxes, points = judged(made), found_boxes(made), embedded(made)
    found: dict[str, list[float]] = {}
    for shift in (0, 1):  # the picture itself, and the one after it
        rows = (torch.arange(pictures) + shift).remainder(pictures).repeat_interleave(each)
        theirs = judged(image[rows])
        parts = {
            "class": looks.class_id == theirs.class_id,
            "colour": looks.colour_id == theirs.colour_id,
            "ground": looks.ground_id == theirs.ground_id,
            "box, IoU": box_iou(boxes, found_boxes(image)[rows]).diagonal(),
            "CLIP's cosine": (points * told[rows]).sum(1),
        }
        for name, part in parts.items():
            found.setdefault(name, []).append(part.float().mean().item())
    return {name: (own, other) for name, (own, other) in found.items()}


def between(first: Tensor, second: Tensor, shares: Sequence[float], slerp: Slerp, seed: int = 0) -> Tensor:
    """Pictures (S, 3, 32, 32) on the way from one picture's embedding to another's, from the same noise."""
    a, b = embedded(torch.stack([first, second])).split(1)
    told = torch.cat([slerp(a, b, share) for share in shares])
    noise = noises(1, seed).expand(len(told), -1, -1, -1)
    return shipped().decoder.sample(told, noise=noise, scale=3.0)


def text_diffs(
    picture: Tensor, before: str, after: str, shares: Sequence[float], slerp: Slerp, *, scale: float = 1.0
) -> Tensor:
    """A picture (3, 32, 32) turned towards what one sentence has that another has not: (S, 3, 32, 32).

    As in the paper's section 3.3, the noise is that from which the decoder makes the picture itself (DDIM,
    walked the other way), so that what no embedding says, such as the place, is kept.
    """
    image = embedded(picture[None])
    old, new = told_by(ids_of([before, after]))[1].split(1)
    difference = F.normalize(new - old, dim=1)
    decoder = shipped().decoder
    noise = decoder.encode(picture[None], image, steps=50)
    told = torch.cat([slerp(image, difference, share) for share in shares])
    return decoder.sample(told, noise=noise.expand(len(told), -1, -1, -1), steps=50, scale=scale)


def draws(texts: Sequence[str] | Tensor, tries: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Unit embeddings (B, K, D) that the prior draws for sentences or ids, and the sentences' own (B, D)."""
    words, text = told_by(texts if isinstance(texts, Tensor) else ids_of(list(texts)))
    drawn = [
        shipped().prior.draw(words, text, seed=seed + 1000 * i) for i in range(check_whole(tries, "tries"))
    ]
    return F.normalize(torch.stack(drawn, dim=1), dim=2), F.normalize(text, dim=1)


class Tries(NamedTuple):
    """What is kept of K draws: mean cosine with the sentence, and with the picture it was written of."""

    tries: int
    to_sentence: float
    to_picture: float


def by_tries(best: Best, tries: Sequence[int] = (1, 2, 4, 8), n: int = 300) -> list[Tries]:
    """Keep the best of more and more draws for n captions of test pictures."""
    some = seen(n)
    drawn, text = draws(ids_of(some.text), max(tries), seed=1)
    image, rows = embedded(some.image), []
    for count in tries:
        kept = best(drawn[:, :count], text)
        rows.append(Tries(count, (kept * text).sum(1).mean().item(), (kept * image).sum(1).mean().item()))
    return rows


@functools.lru_cache(maxsize=2)
def middles(n: int = 1000) -> tuple[Tensor, Tensor]:
    """Mean embeddings (D,) of training pictures and of their captions: the gap between the two kinds."""
    some = captioned(n, seed=0)
    return embedded(some.image).mean(0), told_by(ids_of(some.text))[1].mean(0)


def moved(text: Tensor) -> Tensor:
    """Sentences' embeddings (B, D) moved to where pictures' are, by the difference of the two means."""
    pictures, sentences = middles()
    return F.normalize(text - sentences + pictures, dim=1)


def told_in_ways(class_id: Tensor, colour_id: Tensor, seed: int = 1) -> dict[str, Tensor]:
    """For things (N,) the embedding (N, D) that the decoder is told, by way, all but the own picture's."""
    words, text = told_by(asked(class_id, colour_id))
    drawn = shipped().prior.sample(words, text, seed=seed)
    return {"prior": drawn, "sentence": text, "sentence, moved": moved(text)}


class Way(NamedTuple):
    """What came of one way to tell the decoder: shares that judges see, and the cosine of told and made."""

    shows_class: float
    by_resnet: float
    shows_colour: float
    cosine: float


def by_way(n: int = 48) -> dict[str, Way]:
    """Paint n things by each of WAYS, and let the judges look."""
    some, decoder = seen(), shipped().decoder
    class_id, colour_id = some.class_id[:n], some.colour_id[:n]
    found = {}
    ways = {WAYS[0]: embedded(some.image[:n]), **told_in_ways(class_id, colour_id)}
    for name, told in ways.items():
        made = painted(decoder, told, seed=1)
        right = conditional_accuracy(made, class_id, colour_id)
        cosine = (embedded(made) * told).sum(1).mean().item()
        found[name] = Way(right["class"], right["class_by_resnet"], right["colour"], cosine)
    return found


def rows_by_way(things: Sequence[tuple[str, str]], seed: int = 0) -> dict[str, Tensor]:
    """Pictures (N, 3, 32, 32) of (colour, name) by the ways from a sentence, each from the same noise."""
    class_id = torch.tensor([CLASSES.index(name) for _, name in things])
    colour_id = torch.tensor([COLOURS.index(colour) for colour, _ in things])
    noise, decoder = noises(len(things), seed), shipped().decoder
    ways = told_in_ways(class_id, colour_id)
    return {name: decoder.sample(told, noise=noise, scale=3.0) for name, told in ways.items()}


def one_sentence(text: str, count: int = 8, seed: int = 0) -> dict[str, Tensor]:
    """Pictures (count, 3, 32, 32) of one sentence by the ways from it; the noise differs, and so do draws."""
    check_whole(count, "count")
    drawn, sentence = draws([text] * count, 1, seed)
    ways = zip(WAYS[1:], (drawn[:, 0], sentence, moved(sentence)), strict=True)
    return {name: painted(shipped().decoder, told, seed=seed) for name, told in ways}


def grounds(pictures: Tensor) -> dict[str, int]:
    """How many of pictures (N, 3, 32, 32) have each ground, as the judge sees them."""
    found = judged(pictures).ground_id
    return {name: int((found == i).sum()) for i, name in enumerate(STUFF) if i}


def cosines(n: int = 500) -> dict[str, Tensor]:
    """Cosine (n,) of test pictures' embeddings with what might stand for them, by name."""
    some = seen(n)
    image = embedded(some.image)
    words, text = told_by(ids_of(some.text))
    pool = captioned(2000, seed=5)
    pair, others = (s.class_id * len(COLOURS) + s.colour_id for s in (some, pool))
    rows = torch.tensor([int((others == p).nonzero()[0]) for p in pair])
    told = {
        "another picture of such a thing": embedded(pool.image[rows]),
        "drawn by the prior": shipped().prior.sample(words, text, tries=1, seed=1),
        "the sentence's own": text,
        "the sentence's, moved": moved(text),
    }
    return {name: (image * other).sum(1) for name, other in told.items()}


class Faults(NamedTuple):
    """Pictures (8 · M, 3, 32, 32) asked for by class, M a class, and what the two judges took them for."""

    images: Tensor
    class_id: Tensor
    named: Tensor
    named_by_resnet: Tensor

    def wrong(self) -> Tensor:
        """Where the judge sees another class, (N,) bool."""
        return self.named != self.class_id


def faults(each: int = 8, seed: int = 2) -> Faults:
    """Ask for each class `each` times, in colours that go round, through prior and decoder."""
    class_id = torch.arange(len(CLASSES)).repeat_interleave(check_whole(each, "each"))
    colour_id = torch.arange(len(class_id)) % len(COLOURS)
    told = told_in_ways(class_id, colour_id, seed=seed)["prior"]
    made = painted(shipped().decoder, told, seed=seed)
    return Faults(made, class_id, judged(made).class_id, predictions(judge("shapes_resnet"), made).argmax(1))
