"""How captions are judged, and that the study's ways do what they say, on a few pictures."""

import math

import pytest
import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.chapters.ch13 import zerocap_study as study
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.multimodal.zerocap import zerocap

pytestmark = pytest.mark.system("S13.5")


@pytest.fixture(scope="module")
def lm():
    return zoo.load("shapes_lm")


class LikesBalls:
    """A CLIP for which a text is near when it speaks of a ball."""

    def texts(self, texts: list[str]) -> Tensor:
        near = torch.tensor([[float("ball" in text.split())] for text in texts])
        return torch.cat([near, 1 - near], dim=1)


def test_captions_are_judged_by_their_words(lm):
    pictures = captioned(4, seed=1)
    names = [CLASSES[k] for k in pictures.class_id.tolist()]
    colours = [COLOURS[c] for c in pictures.colour_id.tolist()]
    other = CLASSES[(int(pictures.class_id[2]) + 1) % 8]
    captions = [
        f"a photo of a {colours[0]} {names[0]}",
        f"a photo of a {names[1]} on grass",
        f"a photo of a {colours[2]} {other}",
        "a photo of on on",
    ]
    said = study.judged(captions, pictures, lm, seconds=8.0)
    assert (said.colour, said.class_name, said.both, said.wrong) == (0.5, 0.5, 0.25, 0.25)
    assert "orange" not in (colours[0], colours[2]) and said.grammatical == 0.75
    assert said.seconds == 2.0


def test_perplexity_leaves_the_prompt_out_and_counts_the_end(lm):
    tokenizer, text = lm.tokenizer, "a photo of a ball"
    ids = torch.tensor([[tokenizer.start, *tokenizer.encode(text), tokenizer.end]])
    log_p = lm(ids).log_softmax(dim=2)[0]
    behind = [-log_p[at - 1, ids[0, at]].item() for at in (4, 5, 6)]  # " a", " ball" and the end
    assert study.caption_perplexity(lm, [text]) == pytest.approx(math.exp(sum(behind) / 3), rel=1e-4)
    assert study.caption_perplexity(lm, ["a photo of on on"]) > 20 * study.caption_perplexity(lm, [text])


def test_clip_chooses_the_nearest_of_the_samples(lm):
    said = study.chosen(lm, LikesBalls(), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), 60)
    assert "ball" in said[0].split() and "ball" not in said[1].split()
    assert study.alone(lm, 3, seed=5) == study.alone(lm, 3, seed=5) != study.alone(lm, 3, seed=6)


def test_zerocap_follows_a_clip_and_the_model_alone_does_not(lm):
    picture = torch.tensor([[1.0, 0.0]])
    guided = zerocap(lm, LikesBalls(), picture, study.PROMPT, most=study.MOST, guidance=study.SETTINGS)
    assert "ball" in guided[0].split()
    assert sum("ball" in text.split() for text in study.alone(lm, 50)) < 25


def test_analogies_cross_colours_and_classes():
    pictures, triples = study.analogies(20, pool=150)
    colour, class_id = pictures.colour_id[triples], pictures.class_id[triples]  # (T, 4)
    assert triples.shape == (20, 4)
    assert bool(((colour[:, 0] == colour[:, 1]) & (colour[:, 2] == colour[:, 3])).all())
    assert bool(((class_id[:, 0] == class_id[:, 3]) & (class_id[:, 1] == class_id[:, 2])).all())
    assert bool(((colour[:, 0] != colour[:, 2]) & (class_id[:, 0] != class_id[:, 1])).all())
