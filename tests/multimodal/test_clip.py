"""CLIP's loss against the paper's pseudo-code; what may and may not change it; one batch learned."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.multimodal.clip import loss as loss_module
from lecture_utils.multimodal.clip.clip import CLIP, START_LOG_SCALE
from lecture_utils.multimodal.clip.image_encoder import ResNetEncoder, ViTEncoder
from lecture_utils.multimodal.clip.loss import clip_loss
from lecture_utils.multimodal.clip.quick_gelu import QuickGELU
from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.4")


def unit(count: int, dim: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    made = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, dim, generator=made, dtype=dtype), dim=1)


def small(image: str = "vit", size: int = 16) -> CLIP:
    torch.manual_seed(0)
    words = Tokenizer.train(["a red ball", "a blue star"], 20)
    encoder = (
        ViTEncoder(image=size, patch=4, width=16, heads=2, layers=1, out=8)
        if image == "vit"
        else ResNetEncoder(image=size, width=8, blocks=(1, 1), heads=2, out=8)
    )
    text = TextEncoder(
        vocabulary=words.vocabulary, length=12, end=words.end, width=16, heads=2, layers=1, out=8
    )
    return CLIP(encoder, text, words)


# --- the loss ----------------------------------------------------------------------------------------
def figure_3(image: np.ndarray, text: np.ndarray, t: float) -> float:
    """The paper's pseudo-code, from the scaled similarities on, in numpy."""

    def cross_entropy_loss(logits: np.ndarray, labels: np.ndarray, axis: int) -> float:
        high = logits.max(axis=axis, keepdims=True)
        log_p = logits - high - np.log(np.exp(logits - high).sum(axis=axis, keepdims=True))
        log_p = log_p if axis == 1 else log_p.T  # each row one question
        return float(-log_p[np.arange(len(labels)), labels].mean())

    logits = np.dot(image, text.T) * np.exp(t)
    labels = np.arange(len(logits))
    return (cross_entropy_loss(logits, labels, axis=0) + cross_entropy_loss(logits, labels, axis=1)) / 2


def compare_loss(module: object) -> None:
    for count, dim, t in ((5, 3, 2.0), (7, 4, START_LOG_SCALE), (1, 6, 0.0), (3, 2, -1.0)):
        image, text = unit(count, dim, count), unit(count, dim, 50 + count)
        got = module.clip_loss(image, text, torch.tensor(t, dtype=torch.float64))  # type: ignore[attr-defined]
        assert abs(float(got) - figure_3(image.numpy(), text.numpy(), t)) < 1e-10


def test_the_loss_is_figure_3() -> None:
    compare_loss(loss_module)


@pytest.mark.parametrize(
    "fault",
    [
        ("device=image.device).exp()", "device=image.device)"),
        ("F.cross_entropy(logits.T, right)", "F.cross_entropy(logits, right)"),
        ("(loss_image + loss_text) / 2", "loss_image + loss_text"),
        ("(loss_image + loss_text) / 2", "loss_image"),
        ("scale * image @ text.T", "scale * image @ text.T.flip(1)"),
    ],
    ids=["not exponentiated", "one side twice", "a sum", "one side", "pairs out of order"],
)
def test_figure_3_sees(fault: tuple[str, str]) -> None:
    with pytest.raises(AssertionError):
        compare_loss(planted("lecture_utils.multimodal.clip.loss", fault))


def test_loss_and_gradients_equal_transformers_on_embeddings() -> None:
    modeling = pytest.importorskip("transformers.models.clip.modeling_clip")
    gradients = []
    for own in (True, False):
        image, text = (unit(6, 4, seed).requires_grad_() for seed in (1, 2))
        t = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
        value = (
            clip_loss(image, text, t)
            if own
            else modeling.image_text_contrastive_loss(text @ image.T * t.exp())
        )
        gradients.append((value, *torch.autograd.grad(value, (image, text, t))))
    for got, want in zip(*gradients, strict=True):
        torch.testing.assert_close(got, want)


def test_the_gradient_of_the_temperature_is_what_the_softmax_leaves_over() -> None:
    """d loss / dt = mean over both sides of Σ_j p_ij s_ij - s_ii, s the scaled similarities."""
    image, text = unit(6, 4, 3), unit(6, 4, 4)
    t = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    (got,) = torch.autograd.grad(clip_loss(image, text, t), t)
    s = t.detach().exp() * image @ text.T
    sides = [((side.softmax(1) * side).sum(1) - side.diagonal()).mean() for side in (s, s.T)]
    torch.testing.assert_close(got, sum(sides) / 2)


def test_batch_order_and_the_names_of_the_sides_do_not_matter_but_the_pairing_does() -> None:
    image, text, t = unit(8, 5, 5), unit(8, 5, 6), torch.tensor(2.0)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    want = clip_loss(image, text, t)
    torch.testing.assert_close(clip_loss(image[order], text[order], t), want)
    torch.testing.assert_close(clip_loss(text, image, t), want)
    turn = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0]
    torch.testing.assert_close(clip_loss(image @ turn, text @ turn, t), want)
    assert (clip_loss(image, text.roll(1, 0), t) - want).abs() > 0.1


def test_the_least_loss_is_at_perfect_alignment() -> None:
    """Pairs that coincide, and lie as far from the others as can be; descent finds nothing below that."""
    eye = torch.eye(4, dtype=torch.float64)
    simplex = F.normalize(eye - 1 / 4, dim=1)  # the farthest apart that four directions can be
    t = torch.tensor(1.5, dtype=torch.float64)
    least = clip_loss(simplex, simplex, t)
    assert least < clip_loss(eye, eye, t) < clip_loss(eye, eye.roll(1, 0), t)
    a, b = (unit(4, 4, seed).requires_grad_() for seed in (7, 8))
    optimizer = torch.optim.Adam([a, b], 0.05)
    for _ in range(400):
        optimizer.zero_grad()
        value = clip_loss(F.normalize(a, dim=1), F.normalize(b, dim=1), t)
        value.backward()
        optimizer.step()
    assert least - 1e-9 <= value < least + 1e-3


@pytest.mark.parametrize("t", [-3.0, 0.0, START_LOG_SCALE, math.log(100)])
def test_nothing_told_apart_costs_log_b(t: float) -> None:
    same = unit(1, 4, 9).expand(6, 4)
    torch.testing.assert_close(clip_loss(same, same, t), torch.tensor(math.log(6)).double())


# --- the model ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("image", ["vit", "resnet"])
def test_one_batch_is_learned(image: str) -> None:
    clip = small(image)
    pictures = torch.rand(6, 3, 16, 16)
    ids = clip.ids([f"a {word} star" for word in ("red", "blue", "green", "grey", "pink", "dark")])
    optimizer = torch.optim.Adam(clip.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = clip_loss(clip.encode_image(pictures), clip.encode_text(ids), clip.log_scale)
        loss.backward()
        optimizer.step()
        clip.clip_scale_()
    assert loss < 0.05
    assert bool((clip(pictures, ids).argmax(1) == torch.arange(6)).all())


def test_embeddings_are_of_unit_length_and_logits_their_scaled_products() -> None:
    clip = small().eval()
    pictures, ids = torch.rand(3, 3, 16, 16), clip.ids(["a red ball", "a star"])
    image, text = clip.encode_image(pictures), clip.encode_text(ids)
    for x in (image, text):
        torch.testing.assert_close(x.norm(dim=1), torch.ones(len(x)))
    assert image.shape == (3, clip.dim) and text.shape == (2, clip.dim) and clip.length == 12
    torch.testing.assert_close(clip(pictures, ids), image @ text.T / 0.07)


def test_nothing_behind_the_end_counts_and_everything_before_it_does() -> None:
    clip = small().eval()
    end, pad = clip.tokenizer.end, clip.tokenizer.pad
    short = torch.tensor([[5, 6, 7, end]])
    padded = torch.tensor([[5, 6, 7, end, pad, pad, pad]])
    other = torch.tensor([[5, 6, 7, end, 9, end, 11]])
    want = clip.encode_text(short)
    torch.testing.assert_close(clip.encode_text(padded), want)
    torch.testing.assert_close(clip.encode_text(other), want)
    for place in range(3):
        changed = short.clone()
        changed[0, place] = 40
        assert (clip.encode_text(changed) - want).abs().max() > 1e-3
    assert (clip.encode_text(torch.tensor([[6, 5, 7, end]])) - want).abs().max() > 1e-4  # order counts


def test_the_text_sees_only_what_came_before() -> None:
    encoder = small().text_encoder.double().eval()
    made = torch.Generator().manual_seed(0)
    ids = torch.cat([torch.randint(0, 200, (1, 6), generator=made), torch.tensor([[encoder.end]])], dim=1)
    tokens = encoder.tokens(ids)
    for place in range(6):
        changed = ids.clone()
        changed[0, place] += 1
        moved = (encoder.tokens(changed) - tokens).abs().amax(2)[0] > 1e-9
        assert torch.equal(moved, torch.arange(7) >= place)


def test_the_scale_starts_at_one_over_seven_hundredths_and_stops_at_a_hundred() -> None:
    clip = small()
    assert abs(clip.log_scale.item() - math.log(1 / 0.07)) < 1e-6
    clip.clip_scale_()
    assert abs(clip.log_scale.item() - math.log(1 / 0.07)) < 1e-6
    clip.log_scale.data.fill_(9.0)
    clip.clip_scale_()
    assert abs(clip.log_scale.item() - math.log(100)) < 1e-6 and clip.log_scale.requires_grad


def test_the_tokenizer_comes_with_the_weights() -> None:
    clip, other = small(), small()
    other.merges.zero_()
    other.load_state_dict(clip.state_dict())
    text = ["a red star"]
    assert torch.equal(other.ids(text), clip.ids(text))
    torch.testing.assert_close(other.texts(text), clip.texts(text))
    assert clip.tokenizer.encode("a red ball") == clip.ids(["a red ball"])[0, 1:-1].tolist()


def test_quick_gelu_is_near_the_exact_one() -> None:
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    gap = (QuickGELU()(x) - F.gelu(x)).abs().max()
    assert 0.02 < gap < 0.021


@pytest.mark.parametrize("image", ["vit", "resnet"])
def test_pictures_of_another_size_or_kind_are_refused(image: str) -> None:
    encoder = small(image).image_encoder
    with pytest.raises(ValueError, match="got 16 × 20 pixels, want 16 × 16"):
        encoder(torch.rand(1, 3, 16, 20))
    with pytest.raises(ValueError, match="float64"):
        encoder(torch.rand(1, 3, 16, 16, dtype=torch.float64))
    assert encoder.eval()(torch.rand(1, 3, 16, 16)).shape == (1, 8)


def test_texts_that_cannot_be_read_are_refused() -> None:
    clip = small()
    with pytest.raises(ValueError, match="without the end token"):
        clip.encode_text(torch.tensor([[1, 2, 3]]))
    with pytest.raises(ValueError, match="want 12 or fewer"):
        clip.texts(["a red ball and a blue star in the dark"])
    end = clip.tokenizer.end
    for wrong in (torch.full((1, 13), end), torch.full((3,), end), torch.full((1, 1, 3), end)):
        with pytest.raises(ValueError, match=r"want \(B, 12 or fewer\)"):
            clip.encode_text(wrong)
    assert clip.encode_text(torch.full((1, 12), end)).shape == (1, 8)
    with pytest.raises(ValueError, match="want a list"):
        clip.texts("a red ball")
    with pytest.raises(ValueError, match="want 0 to"):
        clip.encode_text(torch.tensor([[1, 10_000, clip.tokenizer.end]]))


def test_without_its_tokenizer_a_model_reads_ids_and_refuses_texts() -> None:
    clip = small()
    without = CLIP(clip.image_encoder, clip.text_encoder)
    ids = clip.ids(["a star"])
    torch.testing.assert_close(without.encode_text(ids), clip.encode_text(ids))
    with pytest.raises(ValueError, match="without the end token"):
        without.texts(["a star"])


def test_projections_start_with_a_spread_of_one_over_the_root_of_the_width() -> None:
    torch.manual_seed(0)
    image = ViTEncoder(image=8, patch=4, width=100, heads=2, layers=1, out=50)
    text = TextEncoder(vocabulary=20, length=5, end=3, width=100, heads=2, layers=1, out=50)
    for encoder in (image, text):
        assert abs(encoder.projection.weight.std().item() - 0.1) < 0.01


def test_embeddings_that_were_not_normalised_are_refused() -> None:
    with pytest.raises(ValueError, match=r"image embeddings: got lengths.*F.normalize"):
        clip_loss(2 * unit(3, 4, 1), unit(3, 4, 2), 0.0)
    with pytest.raises(ValueError, match="text embeddings"):
        clip_loss(unit(3, 4, 1), unit(2, 4, 2), 0.0)
    with pytest.raises(ValueError, match="log_scale"):
        clip_loss(unit(3, 4, 1), unit(3, 4, 2), math.nan)
