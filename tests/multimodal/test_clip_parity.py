"""CLIP, whole, against transformers' `CLIPModel` with the same weights; its ResNet against open code."""

import functools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.hub import clip_weights
from lecture_utils.multimodal.clip import attention_pool, image_encoder
from tests.mutants import planted
from tests.parity import assert_parity, liven, parity_gap

pytestmark = pytest.mark.system("S13.4")
transformers = pytest.importorskip("transformers")

END, LENGTH, SIDE = 90, 9, 24
FOLDER = "lecture_utils.multimodal.clip"


class Asked(nn.Module):
    """One side of a CLIPModel as a function of one tensor."""

    def __init__(self, model: nn.Module, side: str) -> None:
        super().__init__()
        self.side = side
        self.encoder = getattr(model, f"{'vision' if side == 'image' else 'text'}_model")
        self.projection = getattr(model, f"{'visual' if side == 'image' else 'text'}_projection")

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.projection(self.encoder(x).pooler_output), dim=1)


def texts(count: int, seed: int) -> Tensor:
    """Token ids (count, 9) that end at different places, with anything behind the end."""
    made = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, END + 4, (count, LENGTH), generator=made)
    ids[ids == END] = END + 4  # the end is not the highest id
    ids[torch.arange(count), torch.randint(2, LENGTH, (count,), generator=made)] = END
    return ids


@functools.cache
def lively(activation: str = "quick_gelu") -> tuple[nn.Module, list[Tensor], list[Tensor]]:
    """A small CLIPModel in which picture and text count; two batches of normalised pictures, two of ids."""
    torch.manual_seed(0)
    shared = {"num_hidden_layers": 2, "hidden_act": activation, "projection_dim": 12}
    vision = {"hidden_size": 24, "intermediate_size": 40, "num_attention_heads": 3}
    words = {"hidden_size": 20, "intermediate_size": 36, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config=words | shared
        | {"vocab_size": END + 5, "max_position_embeddings": LENGTH + 2, "eos_token_id": END},
        vision_config=vision | shared | {"image_size": SIDE, "patch_size": 8},
        projection_dim=12,
    )  # fmt: skip
    theirs = transformers.CLIPModel(config).eval()
    pictures, ids = [*torch.randn(2, 4, 3, SIDE, SIDE)], [texts(4, seed) for seed in (0, 1)]
    liven(Asked(theirs, "image"), *pictures)
    liven(Asked(theirs, "text"), *ids)
    theirs.logit_scale.data.fill_(1.7)
    return theirs, pictures, ids


def in_unit_range(x: Tensor) -> Tensor:
    """Undo the normalisation that our model applies."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (clip_weights.MEAN, clip_weights.STD))
    return x * std + mean


def compare(activation: str = "quick_gelu") -> None:
    """Hold the model that `clip_weights` makes against the library's: both embeddings and the logits."""
    theirs, pictures, ids = lively(activation)
    ours = clip_weights.from_transformers(theirs)
    assert_parity(lambda x: ours.encode_image(in_unit_range(x)), Asked(theirs, "image"), *pictures)
    assert_parity(ours.encode_text, Asked(theirs, "text"), *ids)
    assert_parity(
        lambda x: ours(in_unit_range(x), ids[0]),
        lambda x: theirs(pixel_values=x, input_ids=ids[0]).logits_per_image,
        *pictures,
    )


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_a_small_clip_equals_transformers(activation: str) -> None:
    compare(activation)


NAMES = {
    "text_encoder": "TextEncoder",
    "image_encoder": "ViTEncoder",
    "clip": "CLIP",
    "quick_gelu": "QuickGELU",
}
FAULTS = {
    "no causal mask": ("text_encoder", "layer(tokens, mask)", "layer(tokens)"),
    "read at the last place": ("text_encoder", ".int().argmax(dim=1)", ".int().argmax(dim=1) * 0 - 1"),
    "read at the highest id": ("text_encoder", "(ids == self.end).int().argmax", "ids.argmax"),
    "no last norm of texts": ("text_encoder", "self.norm(features)", "features"),
    "positions from the end": (
        "text_encoder", "self.position[: ids.shape[1]]", "self.position[-ids.shape[1] :]",
    ),
    "no norm before the layers": (
        "image_encoder", "self.norm_before(tokens + self.position)", "tokens + self.position",
    ),
    "norm before the positions": (
        "image_encoder", "self.norm_before(tokens + self.position)",
        "self.norm_before(tokens) + self.position",
    ),
    "no last norm of pictures": (
        "image_encoder", "self.norm(self.tokens(x)[:, 0])", "self.tokens(x)[:, 0]",
    ),
    "mean of the tokens": ("image_encoder", "self.tokens(x)[:, 0]", "self.tokens(x).mean(1)"),
    "patches column by column": ("image_encoder", "b w r c -> b (r c) w", "b w r c -> b (c r) w"),
    "temperature not exponentiated": (
        "clip", "self.log_scale.exp() * self.encode_image", "self.log_scale * self.encode_image",
    ),
    "pictures not of unit length": (
        "clip", "F.normalize(self.image_encoder((images - self.mean) / self.std), dim=1)",
        "self.image_encoder((images - self.mean) / self.std)",
    ),
    "mean forgotten": ("clip", "(images - self.mean) / self.std", "images / self.std"),
    "the exact GELU": ("quick_gelu", "x * torch.sigmoid(1.702 * x)", "torch.nn.functional.gelu(x)"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_sees(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, right, wrong = FAULTS[fault]
    copy, name = planted(f"{FOLDER}.{module}", (right, wrong)), NAMES[module]
    monkeypatch.setattr(clip_weights, name, getattr(copy, name))
    if module == "quick_gelu":
        monkeypatch.setitem(clip_weights.ACTIVATIONS, "quick_gelu", copy.QuickGELU)
    with pytest.raises(AssertionError, match="outputs differ by"):
        compare()


def test_loss_and_gradients_equal_transformers() -> None:
    from lecture_utils.multimodal.clip.loss import clip_loss

    theirs, pictures, ids = lively()
    ours = clip_weights.from_transformers(theirs)
    theirs.zero_grad()
    want = theirs(pixel_values=pictures[0], input_ids=ids[0], return_loss=True).loss
    want.backward()
    got = clip_loss(ours.encode_image(in_unit_range(pictures[0])), ours.encode_text(ids[0]), ours.log_scale)
    got.backward()
    torch.testing.assert_close(got, want)
    own = {name: value.grad for name, value in ours.named_parameters()}
    for name, value in theirs.named_parameters():
        mine = own[clip_weights.our_name(name)]
        assert mine is not None and value.grad is not None
        scale = float(value.grad.abs().max())
        assert float((mine - value.grad).abs().max()) <= 1e-3 * scale + 1e-6, name
    assert own["log_scale"].abs() > 1e-4  # type: ignore[union-attr]


# --- the ResNet with attention pooling ---------------------------------------------------------------
def open_coded(
    x: Tensor, w: dict[str, Tensor], *, blocks: tuple[int, ...], stride: int, heads: int
) -> Tensor:
    """Section 2.4's ResNet in functions, with PyTorch's own multi-head attention for the pool."""

    def conv(x: Tensor, name: str, **how: int) -> Tensor:
        return F.conv2d(x, w[f"{name}.weight"], **how)  # type: ignore[arg-type]

    def norm(x: Tensor, name: str) -> Tensor:
        mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        return F.batch_norm(x, mean, var, w[f"{name}.weight"], w[f"{name}.bias"])

    for i, step in enumerate((stride, 1, 1)):
        x = F.relu(norm(conv(x, f"stem.{3 * i}", stride=step, padding=1), f"stem.{3 * i + 1}"))
    x, number = F.avg_pool2d(x, 2), 0
    for k, count in enumerate(blocks):
        for i in range(count):
            name, shrink = f"stages.{number}", 2 if k > 0 and i == 0 else 1
            y = F.relu(norm(conv(x, f"{name}.conv1"), f"{name}.norm1"))
            y = F.relu(norm(conv(y, f"{name}.conv2", padding=1), f"{name}.norm2"))
            y = norm(conv(F.avg_pool2d(y, shrink), f"{name}.conv3"), f"{name}.norm3")
            if i == 0:
                x = norm(conv(F.avg_pool2d(x, shrink), f"{name}.shortcut.0"), f"{name}.shortcut.1")
            x, number = F.relu(x + y), number + 1
    tokens = x.flatten(2).permute(2, 0, 1)  # (H·W, B, C)
    tokens = torch.cat([tokens.mean(0, keepdim=True), tokens]) + w["pool.position"][:, None]
    parts = {part: w[f"pool.to_{part}.weight"] for part in ("query", "key", "value", "output")}
    bias = torch.cat([w[f"pool.to_{part}.bias"] for part in ("query", "key", "value")])
    pooled, _ = F.multi_head_attention_forward(
        tokens[:1], tokens, tokens, x.shape[1], heads, None, bias, None, None, False, 0.0,
        parts["output"], w["pool.to_output.bias"], training=False, need_weights=False,
        use_separate_proj_weight=True, q_proj_weight=parts["query"], k_proj_weight=parts["key"],
        v_proj_weight=parts["value"],
    )  # fmt: skip
    return pooled[0]


@functools.cache
def lively_resnet(stride: int) -> tuple[dict[str, Tensor], dict[str, object], tuple[Tensor, Tensor]]:
    """Weights of a small ResNet in which the picture counts, its settings, two batches of pictures."""
    torch.manual_seed(0)
    settings: dict[str, object] = {
        "image": 8 * stride, "width": 4, "blocks": (2, 1), "heads": 2, "out": 5, "stem_stride": stride,
    }  # fmt: skip
    ours = image_encoder.ResNetEncoder(**settings).eval()  # type: ignore[arg-type]
    pictures = torch.randn(3, 3, 8 * stride, 8 * stride), torch.randn(3, 3, 8 * stride, 8 * stride)
    liven(ours, *pictures)
    return ours.state_dict(), settings, pictures


def compare_resnet(module: object, stride: int) -> None:
    """Hold a module's ResNet against open code."""
    state, settings, pictures = lively_resnet(stride)
    ours = module.ResNetEncoder(**settings).eval()  # type: ignore[attr-defined]
    ours.load_state_dict(state)
    assert_parity(ours, lambda x: open_coded(x, state, blocks=(2, 1), stride=stride, heads=2), *pictures)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_resnet_equals_open_code(stride: int) -> None:
    compare_resnet(image_encoder, stride)


RESNET_FAULTS = {
    "the mean does not ask": (
        "attention_pool", "self.to_query(tokens[:, :1])", "self.to_query(tokens[:, 1:2])",
    ),
    "the mean gets no position": (
        "attention_pool", "places], dim=1) + self.position", "places + self.position[1:]], dim=1)",
    ),
    "the mean is not looked at": (
        "attention_pool", "self.to_key(tokens), self.to_value(tokens)",
        "self.to_key(tokens[:, 1:]), self.to_value(tokens[:, 1:])",
    ),
    "a stride for the pool": (
        "image_encoder", "self.conv3(shrunk(y, self.shrink))",
        "self.conv3(y[..., :: self.shrink, :: self.shrink])",
    ),
    "no ReLU after the sum": (
        "image_encoder", "return F.relu(y + self.shortcut(shrunk(x, self.shrink)))",
        "return y + self.shortcut(shrunk(x, self.shrink))",
    ),
    "a shortcut by a stride": (
        "image_encoder", "self.shortcut(shrunk(x, self.shrink))",
        "self.shortcut(x[..., :: self.shrink, :: self.shrink])",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", RESNET_FAULTS)
def test_the_open_code_sees(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, right, wrong = RESNET_FAULTS[fault]
    copy = planted(f"{FOLDER}.{module}", (right, wrong))
    if module == "attention_pool":
        monkeypatch.setattr(image_encoder, "AttentionPool", copy.AttentionPool)
    with pytest.raises(AssertionError, match="outputs differ by"):
        compare_resnet(image_encoder if module == "attention_pool" else copy, 1)


def test_the_pools_weights_are_those_of_multi_head_attention() -> None:
    torch.manual_seed(0)
    pool = attention_pool.AttentionPool(2, 3, 8, heads=2, out=4)
    x = torch.randn(2, 8, 2, 3)
    weights = pool.weights(x)
    assert weights.shape == (2, 2, 2, 3) and bool((weights > 0).all())
    query, key, _ = pool.project(x)
    whole = (query @ key.transpose(-2, -1) / 2).softmax(-1)  # d = 4
    assert parity_gap(weights.flatten(2), whole[:, :, 0, 1:]) < 1e-5
    assert bool((weights.sum((2, 3)) < 1).all())
