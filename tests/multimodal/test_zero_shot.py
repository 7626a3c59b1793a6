"""Zero-shot: sentences as classes, ensembled as embeddings; tags, each word by its own threshold."""

import hashlib
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.clip import zero_shot as right
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.4")
NAMES = ("star", "orange star", "ball")
TEMPLATES = ("a photo of a {}", "{}", "look at a {} on sand")


class Stub(nn.Module):
    """Two encoders that know nothing: every sentence has its own direction, and every picture."""

    def __init__(self, log_scale: float = 2.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(log_scale))

    def texts(self, texts: list[str]) -> Tensor:
        return torch.stack([F.normalize(torch.randn(6, generator=seeded(text)), dim=0) for text in texts])

    def encode_image(self, images: Tensor) -> Tensor:
        to_space = torch.randn(images[0].numel(), 6, generator=torch.Generator().manual_seed(1))
        return F.normalize(images.flatten(1) @ to_space, dim=-1)


def seeded(text: str) -> torch.Generator:
    return torch.Generator().manual_seed(int(hashlib.sha256(text.encode()).hexdigest()[:8], 16))


CLIP = Stub()
PICTURES = torch.rand(5, 3, 4, 6, generator=torch.Generator().manual_seed(2))


def by_loop(clip: Stub, names: tuple[str, ...], templates: tuple[str, ...]) -> Tensor:
    """The paper's two lines (its notebook "Prompt engineering for ImageNet"), one class at a time."""
    out = []
    for name in names:
        total = torch.zeros(6)
        for template in templates:
            article = "an" if name[0] in "aeiou" else "a"
            sentence = template.replace("a {}", f"{article} {name}").replace("{}", name)
            total = total + clip.texts([sentence])[0]
        mean = total / len(templates)
        out.append(mean / mean.pow(2).sum().sqrt())
    return torch.stack(out)


def differs(module: ModuleType) -> bool:
    """Whether embeddings, scores or tags are other than the loops say."""
    want = by_loop(CLIP, NAMES, TEMPLATES)
    got = module.class_embeddings(CLIP, NAMES, TEMPLATES)
    if got.shape != want.shape or not torch.allclose(got, want, atol=1e-6):
        return True
    scores = torch.stack(
        [torch.stack([2.718281828**2 * (p @ w) for w in want]) for p in CLIP.encode_image(PICTURES)]
    )
    if not torch.allclose(module.zero_shot(CLIP, PICTURES, want), scores, atol=1e-5):
        return True
    cosines = scores / 2.718281828**2
    limits = cosines.median(0).values + 1e-4  # of each word's own
    tagged = torch.stack([own > limit for own, limit in zip(cosines.T, limits, strict=True)], dim=1)
    return not module.tags(CLIP, PICTURES, want, limits).equal(tagged)


def test_equals_the_loops() -> None:
    assert not differs(right)


@pytest.mark.parametrize(
    "fault",
    [
        ("embedded.mean(dim=1)", "embedded[:, 0]"),  # the first template alone
        ("for name in names for template in templates", "for template in templates for name in names"),
        ("F.normalize(embedded.mean(dim=1), dim=-1)", "embedded.mean(dim=1)"),
        ("F.normalize(embedded.mean(dim=1), dim=-1)", "F.normalize(embedded.mean(dim=1), dim=0)"),
        ('before[:-1] + "n "', "before"),  # "a orange star"
        ("clip.log_scale.exp()", "clip.log_scale"),
        (">= thresholds", ">= thresholds.mean()"),
    ],
)
def test_a_fault_is_found(fault: tuple[str, str]) -> None:
    assert differs(planted(right.__name__, fault))


@pytest.mark.parametrize(
    ("template", "name", "want"),
    [
        ("a photo of a {}", "star", "a photo of a star"),
        ("a photo of a {}", "orange star", "a photo of an orange star"),
        ("{}", "orange", "orange"),
        ("a {} on sand", "orange ball", "an orange ball on sand"),
        ("something {}", "orange", "something orange"),
        ("a sea {}", "urchin", "a sea urchin"),
        ("sea {}", "urchin", "sea urchin"),  # not every a before a blank is an article
    ],
)
def test_articles(template: str, name: str, want: str) -> None:
    assert right.fill(template, name) == want


def test_order_and_repetition_of_templates_do_not_matter() -> None:
    want = right.class_embeddings(CLIP, NAMES, TEMPLATES)
    for templates in (TEMPLATES[::-1], TEMPLATES * 2):
        torch.testing.assert_close(right.class_embeddings(CLIP, NAMES, templates), want)
    torch.testing.assert_close(want.norm(dim=-1), torch.ones(3))


def test_one_picture_can_have_none_or_all_of_the_words() -> None:
    embeddings = right.class_embeddings(CLIP, NAMES)
    assert right.tags(CLIP, PICTURES, embeddings, -1.0).all()
    assert not right.tags(CLIP, PICTURES, embeddings, 1.01).any()
    assert right.tags(CLIP, PICTURES[:1], embeddings, 0.0).shape == (1, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: right.fill("a photo", "star"), "templates: got 'a photo'"),
        (lambda e: right.fill("{} or {}", "star"), "templates: got"),
        (lambda e: right.fill("{}", " "), "names: got ' '"),
        (lambda e: right.class_embeddings(CLIP, "star"), "names: got 'star'"),
        (lambda e: right.class_embeddings(CLIP, []), "names: got"),
        (lambda e: right.class_embeddings(CLIP, NAMES, "a {}"), "templates: got 'a {}'"),
        (lambda e: right.zero_shot(CLIP, PICTURES, 2 * e), "embeddings: got lengths from 2 to 2"),
        (lambda e: right.zero_shot(CLIP, PICTURES, e[0]), "embeddings: got"),
        (lambda e: right.zero_shot(CLIP, (255 * PICTURES).byte(), e), "images: got dtype torch.uint8"),
        (lambda e: right.zero_shot(CLIP, PICTURES[0], e), "images: got"),
        (lambda e: right.tags(CLIP, PICTURES, e, float("nan")), "thresholds: got"),
        (lambda e: right.tags(CLIP, PICTURES, e, torch.zeros(2)), "thresholds: got"),
    ],
)
def test_bad_input_is_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(right.class_embeddings(CLIP, NAMES))  # type: ignore[operator]
