"""The recipe of CLIP: whose caption is whose, what the switches change, and whether the judge can judge."""

import itertools

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.multimodal.clip.loss import clip_loss
from lecture_utils.recipes import _clip

pytestmark = pytest.mark.system("S13.4")


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_clip, "PORTION", 32)


def test_every_word_of_the_captions_is_one_token() -> None:
    words = _clip.tokenizer()
    for text in captioned(50, seed=3, size=8).text:
        assert len(words.encode(text)) == len(text.split())


def test_each_picture_comes_with_its_caption_and_none_comes_twice() -> None:
    words, some = _clip.tokenizer(), captioned(32, seed=2000)
    drawn = list(itertools.islice(_clip.pairs(2, batch=8), 5))
    for k, (images, ids) in enumerate(drawn[:4]):
        assert torch.equal(images, some.image[8 * k : 8 * k + 8])
        assert [words.decode(row) for row in ids] == list(some.text[8 * k : 8 * k + 8])
    assert not torch.equal(drawn[4][0], drawn[0][0])


def test_shuffled_captions_are_those_of_the_batch_in_another_order() -> None:
    words, some = _clip.tokenizer(), captioned(32, seed=0)
    images, ids = next(_clip.pairs(0, batch=32, shuffled=True))
    texts = [words.decode(row) for row in ids]
    assert torch.equal(images, some.image)
    assert sorted(texts) == sorted(some.text) and texts != list(some.text)


def test_two_single_sides_are_the_whole_loss() -> None:
    image, text = (nn.functional.normalize(torch.randn(2, 5, 4), dim=2)).unbind()
    t = torch.tensor(1.0)
    sides = _clip.one_sided_loss(image, text, t), _clip.one_sided_loss(text, image, t)
    torch.testing.assert_close(sum(sides) / 2, clip_loss(image, text, t))
    assert (sides[0] - sides[1]).abs() > 1e-3


def test_a_fixed_temperature_stays_and_a_learned_one_moves() -> None:
    fixed = _clip.train_clip(0, steps=3, batch=8, image="small", temperature=0.5)
    assert abs(fixed.log_scale.exp().item() - 2) < 1e-6
    learned = _clip.train_clip(0, steps=3, batch=8, image="small")
    assert abs(learned.log_scale.item() - _clip.build_clip("small").log_scale.item()) > 1e-4
    with pytest.raises(ValueError, match="temperature"):
        _clip.train_clip(0, steps=3, temperature=0.0)


def test_a_seed_trains_the_same_model_again_and_a_loss_of_ones_own_is_used() -> None:
    one, two = (_clip.train_clip(1, steps=2, batch=8, image="small") for _ in range(2))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    asked = []

    def own(image: Tensor, text: Tensor, log_scale: Tensor) -> Tensor:
        asked.append(image.shape)
        return clip_loss(image, text, log_scale)

    mine = _clip.build_clip("small")
    assert _clip.train_clip(1, steps=2, batch=8, loss=own, clip=mine) is mine
    assert asked == [(8, 64)] * 2


class Knowing(nn.Module):
    """In place of a CLIP: knows class and colour of each picture and text; `shift` is added to the class."""

    def __init__(self, shift: int = 0) -> None:
        super().__init__()
        self.shift = shift
        self.known: dict[bytes, tuple[int, int]] = {}
        for held_out in (False, True):
            some = captioned(40, seed=7, split="val", held_out=held_out)
            for image, name, colour in zip(some.image, some.class_id, some.colour_id, strict=True):
                self.known[image.numpy().tobytes()] = (int(name), int(colour))

    def encode_image(self, images: Tensor) -> Tensor:
        out = torch.zeros(len(images), 16)
        for row, image in zip(out, images, strict=True):
            name, colour = self.known[image.numpy().tobytes()]
            row[(name + self.shift) % 8], row[8 + colour] = 1, 1
        return nn.functional.normalize(out, dim=1)

    def texts(self, texts: list[str]) -> Tensor:
        out = torch.zeros(len(texts), 16)
        for row, text in zip(out, texts, strict=True):
            for word in text.split():
                if word in CLASSES:
                    row[CLASSES.index(word)] = 1
                if word in COLOURS:
                    row[8 + COLOURS.index(word)] = 1
        return nn.functional.normalize(out, dim=1)


def test_the_judge_knows_right_from_wrong() -> None:
    right = _clip.judge(Knowing(), count=40)  # type: ignore[arg-type]
    for name in ("seen", "held_out"):
        assert all(right[f"{name}_{what}"] == 1 for what in ("pair", "class", "colour", "class_alone"))
    wrong = _clip.judge(Knowing(3), count=40)  # type: ignore[arg-type]
    for name in ("seen", "held_out"):
        assert all(wrong[f"{name}_{what}"] == 0 for what in ("pair", "class", "class_alone"))
        assert wrong[f"{name}_colour"] == 1
    assert wrong["seen_text_recall_5"] < right["seen_text_recall_5"]


def test_one_who_knows_all_calls_each_caption_true_and_the_rarest_first() -> None:
    some = captioned(60, seed=11, size=8)
    scores = _clip.knowing(some)
    true = scores > -1
    assert bool(true.diagonal().all())
    for i, j in itertools.product(range(60), range(60)):
        name, colour, *_ = _clip.told(some.text[j])
        if name not in (None, int(some.class_id[i])) or colour not in (None, int(some.colour_id[i])):
            assert not true[i, j]
    assert _clip.told("a photo of an orange ring on sand under a clear sky") == (
        CLASSES.index("ring"), COLOURS.index("orange"), 3, False,
    )  # fmt: skip
    assert _clip.told("i see something red") == (None, COLOURS.index("red"), None, None)
    blind = _clip.knowing(some, clouds=False) > -1
    assert bool((blind >= true).all()) and bool((blind > true).any())
    shared, first = true.sum(0), scores.argmax(1)
    assert bool((shared[first] <= shared).all()) and bool((shared[first] < shared).any())


def test_an_encoder_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="got 'vgg', want"):
        _clip.build_clip("vgg")
