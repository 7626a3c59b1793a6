"""ImageBind: its encoders against torch's transformer, its loss against equation 1, and what it must keep."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.metrics.retrieval import recall_at
from lecture_utils.multimodal.clip.loss import clip_loss
from lecture_utils.multimodal.imagebind import imagebind
from lecture_utils.multimodal.imagebind.audio_encoder import AudioEncoder
from lecture_utils.multimodal.imagebind.depth_encoder import DepthEncoder, disparity
from lecture_utils.multimodal.imagebind.imagebind import (
    MODALITIES,
    TEMPERATURE,
    ImageBind,
    binding_loss,
    info_nce,
)
from lecture_utils.multimodal.imagebind.imu_encoder import IMUEncoder
from lecture_utils.multimodal.imagebind.trunk import Trunk
from tests.good_calls.retrieving import small_clip
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S13.6")

SMALL: dict[str, Any] = {"dim": 16, "heads": 2, "hidden": 24, "layers": 2}
FOLDER = "lecture_utils.multimodal.imagebind"


def made(*shape: int, seed: int = 0) -> Tensor:
    """Numbers of a normal distribution, always the same."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def unit(*shape: int, seed: int = 0) -> Tensor:
    """Rows of unit length."""
    return F.normalize(made(*shape, seed=seed), dim=-1)


def encoders(joint: int = 6) -> dict[str, nn.Module]:
    """One of each, small, at random weights; the audio's patches overlap, and leave a column out."""
    torch.manual_seed(0)
    return {
        "audio": AudioEncoder(20, 15, joint, patch=6, stride=4, **SMALL),
        "depth": DepthEncoder(8, joint, patch=4, **SMALL),
        "imu": IMUEncoder(24, joint, **SMALL),
    }


INPUTS = {"audio": (3, 1, 20, 15), "depth": (3, 1, 8, 8), "imu": (3, 6, 24)}


def model() -> ImageBind:
    """The whole, small."""
    return ImageBind(small_clip(), **encoders()).eval()


# --- each encoder, whole, against torch's own transformer ------------------------------------------------
def cut(sense: str, encoder: Any, x: Tensor) -> Tensor:
    """What the stem gives, (B, N, D), patch by patch."""
    stem = {"audio": "patches", "depth": "patches.projection", "imu": "windows"}[sense]
    weight, bias = encoder.get_submodule(stem).weight, encoder.get_submodule(stem).bias
    side, step = weight.shape[-1], encoder.get_submodule(stem).stride[0]
    places = [range(0, length - side + 1, step) for length in x.shape[2:]]
    if sense == "imu":
        parts = [x[:, :, t : t + side] for t in places[0]]
    else:
        parts = [x[:, :, r : r + side, c : c + side] for r in places[0] for c in places[1]]
    return torch.stack([part.flatten(1) @ weight.flatten(1).T + bias for part in parts], dim=1)


def torchs(trunk: Any) -> nn.TransformerEncoder:
    """The library's encoder with the trunk's weights."""
    layer = nn.TransformerEncoderLayer(
        16, 2, 24, dropout=0.0, activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    )
    theirs = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    for mine, other in zip(trunk.layers, theirs.layers, strict=True):
        parts = mine.attention.to_query, mine.attention.to_key, mine.attention.to_value
        other.self_attn.in_proj_weight.data = torch.cat([p.weight.data for p in parts])
        other.self_attn.in_proj_bias.data = torch.cat([p.bias.data for p in parts])
        other.self_attn.out_proj.load_state_dict(mine.attention.to_output.state_dict())
        for own, its in ((mine.mlp.fc1, other.linear1), (mine.mlp.fc2, other.linear2)):
            its.load_state_dict(own.state_dict())
        for own, its in ((mine.norm1, other.norm1), (mine.norm2, other.norm2)):
            its.load_state_dict(own.state_dict())
    return theirs


def reference(sense: str, encoder: Any) -> Callable[[Tensor], Tensor]:
    """The encoder, written out around the library's transformer."""
    theirs = torchs(encoder.trunk)

    def run(x: Tensor) -> Tensor:
        tokens = F.layer_norm(cut(sense, encoder, x), (16,), encoder.norm.weight, encoder.norm.bias, 1e-5)
        tokens = torch.cat([encoder.trunk.class_token.expand(len(x), 1, 16), tokens], dim=1)
        last = theirs(tokens + encoder.trunk.position)[:, 0]
        last = F.layer_norm(last, (16,), encoder.trunk.norm.weight, encoder.trunk.norm.bias, 1e-6)
        out = last @ encoder.trunk.head.weight.T
        return out / out.square().sum(1, keepdim=True).sqrt()

    return run


@pytest.mark.parametrize("sense", INPUTS)
def test_each_encoder_is_that_of_the_library(sense: str) -> None:
    ours, x = encoders()[sense].eval(), [made(*INPUTS[sense], seed=i) for i in range(2)]
    liven(ours, *x)
    assert_parity(ours, reference(sense, ours), *x)


FAULTS = [
    ("audio", "audio_encoder", '"b d h w -> b (h w) d"', '"b d h w -> b (w h) d"'),
    ("audio", "audio_encoder", "self.trunk(self.norm(tokens))", "self.trunk(tokens)"),
    ("depth", "depth_encoder", "self.trunk(self.norm(self.patches(x)))", "self.trunk(self.patches(x))"),
    ("imu", "imu_encoder", "self.windows(x)", "self.windows(x.flip(-1))"),
    ("imu", "imu_encoder", "self.windows(x)", "self.windows(x.roll(1, 1))"),
    ("imu", "trunk", "self.norm(x[:, 0])", "self.norm(x[:, 1])"),
    ("audio", "trunk", "self.norm(x[:, 0])", "self.norm(x.mean(1))"),
    ("depth", "trunk", "torch.cat([first, tokens], dim=1) + self.position", "torch.cat([first, tokens], 1)"),
    ("depth", "trunk", "torch.cat([first, tokens], dim=1)", "torch.cat([tokens, first], dim=1)"),
    ("audio", "trunk", "for layer in self.layers:", "for layer in self.layers[:1]:"),
    ("imu", "trunk", "F.normalize(self.head(self.norm(x[:, 0])), dim=-1)", "self.head(self.norm(x[:, 0]))"),
]


@pytest.mark.parametrize(("sense", "file", "right", "wrong"), FAULTS)
def test_a_planted_fault_is_found(sense: str, file: str, right: str, wrong: str) -> None:
    ours, x = encoders()[sense].eval(), [made(*INPUTS[sense], seed=i) for i in range(2)]
    liven(ours, *x)
    want = reference(sense, ours)
    faulty = planted(f"{FOLDER}.{file}", (right, wrong))
    broken = copy.deepcopy(ours)
    part = broken.trunk if file == "trunk" else broken
    part.__class__ = getattr(faulty, type(part).__name__)
    with pytest.raises(AssertionError, match="outputs differ"):
        assert_parity(broken, want, *x)


def test_the_imus_windows_are_those_of_the_authors_code() -> None:
    """There: cut into 8 readings, flatten axis by axis, one linear layer."""
    ours, x = encoders()["imu"], made(2, 6, 24)
    windows = x.unfold(-1, 8, 8).permute(0, 2, 1, 3).flatten(2)  # (B, N, 48)
    want = F.linear(windows, ours.windows.weight.flatten(1), ours.windows.bias)
    torch.testing.assert_close(ours.windows(x).mT, want)


def test_the_papers_sizes() -> None:
    """AST and the authors' code: 128 × 204 at 16 and 10 gives 12 × 19 patches; 2,000 readings give 250."""
    assert AudioEncoder(128, 204, 6, **SMALL).trunk.position.shape[1] == 1 + 12 * 19
    assert AudioEncoder(128, 204, 6, **SMALL).patches.kernel_size == (16, 16)
    assert AudioEncoder(16, 30, 6, **SMALL).trunk.position.shape[1] == 1 + 2, "a patch as high as all bands"
    assert IMUEncoder(2000, 6, **SMALL).trunk.position.shape[1] == 1 + 250
    assert DepthEncoder(224, 6, patch=16, **SMALL).trunk.position.shape[1] == 1 + 14 * 14


def test_positions_start_small() -> None:
    """A spread of 0.02, as vision transformers start."""
    torch.manual_seed(0)
    assert float(Trunk(400, 6, **SMALL).position.std()) == pytest.approx(0.02, rel=0.1)


# --- the loss ----------------------------------------------------------------------------------------------
def equation_1(query: Tensor, key: Tensor, temperature: float) -> float:
    """Sum by sum, in Python's numbers."""
    total = 0.0
    for i in range(len(query)):
        powers = [math.exp(float(query[i] @ key[j]) / temperature) for j in range(len(key))]
        total -= math.log(powers[i] / sum(powers)) / len(query)
    return total


def losses_agree(module: Any) -> None:
    """Equation 1 and the symmetric loss against the sums and against CLIP's."""
    image, other = unit(5, 4).double(), unit(5, 4, seed=1).double()
    there, back = equation_1(image, other, 0.2), equation_1(other, image, 0.2)
    assert abs(there - back) > 1e-3, "the two directions must be told apart"
    assert float(module.info_nce(image, other, 0.2)) == pytest.approx(there, abs=1e-10)
    assert float(module.binding_loss(image, other, 0.2)) == pytest.approx(there + back, abs=1e-10)


def test_the_loss_is_equation_1_both_ways() -> None:
    losses_agree(imagebind)
    image, other = unit(5, 4), unit(5, 4, seed=1)
    torch.testing.assert_close(binding_loss(image, other, 0.05), 2 * clip_loss(image, other, math.log(20)))


def test_its_gradient_is_the_closed_form() -> None:
    """Each query is drawn to its own key and from the mixture that it sees, ∂L/∂q = (Σ p k - k⁺) / τ B."""
    query, key = unit(6, 8).requires_grad_(), unit(6, 8, seed=1)
    (got,) = torch.autograd.grad(info_nce(query, key, 0.07), query)
    seen = (query.detach() @ key.T / 0.07).softmax(1)
    torch.testing.assert_close(got, (seen @ key - key) / 0.07 / 6)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("temperature) + info_nce(other, image, temperature)", "temperature) * 2"),
        ("@ key.T / temperature", "@ key.T * temperature"),
        ("query @ key.T", "key @ query.T"),
        ("torch.arange(len(query), device=query.device)", "torch.arange(len(query)).flip(0)"),
    ],
)  # fmt: skip
def test_a_planted_fault_in_the_loss_is_found(right: str, wrong: str) -> None:
    with pytest.raises(AssertionError):
        losses_agree(planted(f"{FOLDER}.imagebind", (right, wrong)))


def test_what_the_loss_does_not_depend_on() -> None:
    image, other = unit(7, 5), unit(7, 5, seed=1)
    want = binding_loss(image, other, 0.1)
    order, turn = torch.randperm(7), torch.linalg.qr(made(5, 5, seed=2))[0]
    torch.testing.assert_close(binding_loss(image[order], other[order], 0.1), want)
    torch.testing.assert_close(binding_loss(image @ turn, other @ turn, 0.1), want)
    torch.testing.assert_close(binding_loss(other, image, 0.1), want)
    same = unit(1, 5).expand(7, 5)
    assert float(binding_loss(same, same, 0.1)) == pytest.approx(2 * math.log(7), rel=1e-5)
    assert float(binding_loss(image[:1], other[:1], 0.1)) == 0.0, "one pair has nothing to be told from"


@pytest.mark.parametrize("sense", INPUTS)
def test_one_batch_is_learned(sense: str) -> None:
    encoder, x, anchor = encoders(16)[sense], made(*INPUTS[sense]), unit(3, 16, seed=5)
    optimizer = torch.optim.Adam(encoder.parameters(), 1e-2)
    before = float(binding_loss(anchor, encoder(x), TEMPERATURE[sense]).detach())
    for _ in range(40):
        optimizer.zero_grad()
        loss = binding_loss(anchor, encoder(x), TEMPERATURE[sense])
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.1 * before
    assert recall_at(encoder(x).detach() @ anchor.T, 1) == 1.0


# --- the whole ---------------------------------------------------------------------------------------------
def examples(bind: ImageBind) -> dict[str, Any]:
    """Three of each sense."""
    texts = ["a photo of a star", "a star", "photo"]
    return {name: made(*shape) for name, shape in INPUTS.items()} | {
        "image": made(3, 3, 8, 8).sigmoid(), "text": texts,
    }  # fmt: skip


def test_all_senses_lead_into_one_space() -> None:
    bind = model()
    for name in MODALITIES:
        x = examples(bind)[name]
        out = bind.encode(name, x)
        assert out.shape == (3, 6)
        torch.testing.assert_close(out.norm(dim=1), torch.ones(3))
        torch.testing.assert_close(bind.encode(name, x[:1]), out[:1])  # a batch of one
    ids = bind.clip.ids(examples(bind)["text"])
    torch.testing.assert_close(bind.encode("text", ids), bind.encode("text", examples(bind)["text"]))


def test_the_forward_pass_is_the_loss_of_pictures_and_the_sense() -> None:
    bind = model()
    x = examples(bind)
    for name, temperature in TEMPERATURE.items():
        want = binding_loss(bind.clip.encode_image(x["image"]), bind.encode(name, x[name]), temperature)
        torch.testing.assert_close(bind(x["image"], name, x[name]), want)


def test_clip_is_frozen_and_not_stored() -> None:
    bind = model().train()
    before = copy.deepcopy(bind.clip.state_dict())
    assert not bind.clip.training and bind.audio.training
    assert not any(key.startswith(("clip", "frozen")) for key in bind.state_dict())
    own = {id(p) for p in bind.clip.parameters()}
    assert not own & {id(p) for p in bind.parameters()}
    x = examples(bind)
    optimizer = torch.optim.SGD(bind.parameters(), 0.1)
    for name in TEMPERATURE:
        bind(x["image"], name, x[name]).backward()
    optimizer.step()
    assert all(torch.equal(value, before[key]) for key, value in bind.clip.state_dict().items())
    assert all(p.grad is None for p in bind.clip.parameters())
    assert all(p.grad is not None for p in bind.parameters())


def test_each_sense_trains_its_own_encoder_alone() -> None:
    bind = model()
    x = examples(bind)
    bind(x["image"], "audio", x["audio"]).backward()
    moved = {name.split(".")[0] for name, p in bind.named_parameters() if p.grad is not None}
    assert moved == {"audio"}


def test_another_type_takes_clip_along() -> None:
    bind = model().double()
    assert bind.clip.log_scale.dtype == torch.float64
    out = bind.encode("image", made(1, 3, 8, 8).double().sigmoid())
    assert out.dtype == bind.encode("imu", made(1, 6, 24).double()).dtype == torch.float64


def test_weights_fit_around_another_clip() -> None:
    first, second = model(), model()
    for p in first.parameters():
        p.data.add_(0.1)
    second.load_state_dict(first.state_dict())
    x = made(*INPUTS["imu"])
    torch.testing.assert_close(first.encode("imu", x), second.encode("imu", x))


# --- what emerges, in a world of random linear views --------------------------------------------------------
def bound(shuffled: bool) -> dict[str, float]:
    """Recall@1 between senses that never met.

    A thing has a kind (of 8). A picture's embedding shows it, blurred; a text's is the kind itself. Sound and
    depth are random linear mixtures of the kind and of noise, each of its own; linear encoders learn to find
    the pictures.
    """
    torch.manual_seed(0)
    kinds, mixed = (
        unit(8, 16, seed=3),
        {name: made(24, 20, seed=i) for i, name in enumerate(("audio", "depth"))},
    )

    def draw(count: int) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        kind = torch.arange(count) % 8
        one_hot = F.one_hot(kind, 8).float()
        image = F.normalize(kinds[kind] + 0.15 * torch.randn(count, 16), dim=1)
        views = {name: torch.cat([one_hot, torch.randn(count, 12)], 1) @ mix.T for name, mix in mixed.items()}
        return kind, image, views

    _, image, views = draw(256)
    heads = {}
    for name, x in views.items():
        heads[name] = nn.Linear(24, 16, bias=False)
        optimizer = torch.optim.Adam(heads[name].parameters(), 0.02)
        order = torch.randperm(256) if shuffled else torch.arange(256)
        for i in range(80):
            rows = torch.arange(64) + 64 * (i % 4)
            optimizer.zero_grad()
            info = binding_loss(image[order[rows]], F.normalize(heads[name](x[rows]), dim=1), 0.2)
            info.backward()
            optimizer.step()
    kind, _, views = draw(160)
    right = kind[:, None] == kind
    with torch.no_grad():
        audio, depth = (F.normalize(heads[name](views[name]), dim=1) for name in ("audio", "depth"))
    return {
        "text_to_audio": recall_at(kinds @ audio.T, 1, torch.arange(8)[:, None] == kind),
        "audio_to_depth": recall_at(audio @ depth.T, 1, right),
    }


def test_senses_that_never_met_find_each_other() -> None:
    """Chance is 1 in 8; bound by pictures, both are found most of the time. With shuffled pairs, neither."""
    paired, shuffled = bound(False), bound(True)
    assert paired["text_to_audio"] >= 0.75 and paired["audio_to_depth"] > 0.75
    assert shuffled["text_to_audio"] <= 0.5 and shuffled["audio_to_depth"] < 0.3


# --- depth, and what is refused -----------------------------------------------------------------------------
def test_disparity_keeps_ratios_alone() -> None:
    depth_m = 1 + 9 * made(2, 5, 4).sigmoid()
    out = disparity(depth_m)
    assert out.shape == (2, 1, 5, 4)
    torch.testing.assert_close(disparity(7.5 * depth_m), out)
    torch.testing.assert_close(out.amax(dim=(1, 2, 3)), torch.ones(2))
    torch.testing.assert_close(out[:, 0] * depth_m, depth_m.amin(dim=(1, 2), keepdim=True).expand_as(depth_m))
    assert not torch.allclose(disparity(depth_m + 1), out)


def test_bad_input_is_told() -> None:
    bind = model()
    for modality, x, message in (
        ("smell", made(1, 1, 8, 8), "modality: got 'smell', want 'image' or 'text' or 'audio'"),
        ("audio", made(1, 1, 15, 20), r"spectrogram: got .*\(1, 1, 15, 20\), want .*\(B, 1, 20, 15\)"),
        ("depth", made(1, 3, 8, 8), r"disparity: got .*\(1, 3, 8, 8\), want .*\(B, 1, 8, 8\)"),
        ("imu", made(1, 24, 6), r"IMU: got .*\(1, 24, 6\), want .*\(B, 6, 24\)"),
        ("imu", made(1, 6, 24).double(), "IMU: got dtype torch.float64"),
        ("image", ["a star"], "image: got list"),
        ("text", "a star", "texts"),
    ):
        with pytest.raises(ValueError, match=message):
            bind.encode(modality, x)
    with pytest.raises(ValueError, match="modality: got 'text'"):
        bind(made(1, 3, 8, 8), "text", made(1, 1))
    with pytest.raises(ValueError, match="depth: got embeddings of 7, want 6"):
        ImageBind(small_clip(), encoders()["audio"], encoders(7)["depth"], encoders()["imu"])
    with pytest.raises(ValueError, match=r"keys: got lengths from .* want 1: F.normalize"):
        info_nce(unit(3, 4), made(3, 4), 0.1)
    with pytest.raises(ValueError, match="temperature: got 0"):
        info_nce(unit(3, 4), unit(3, 4), 0)
    with pytest.raises(ValueError, match="patches of 9 in a spectrogram of 20 × 8"):
        AudioEncoder(20, 8, 6, patch=9)
    with pytest.raises(ValueError, match="side 30 and patch 8"):
        DepthEncoder(30, 6)
    with pytest.raises(ValueError, match="100 readings and kernel 8"):
        IMUEncoder(100, 6)
    with pytest.raises(ValueError, match=r"tokens: got .*\(2, 4, 16\)"):
        Trunk(5, 6, **SMALL)(made(2, 4, 16))
    with pytest.raises(ValueError, match=r"depth: got 0 m, want all above 0"):
        disparity(torch.zeros(1, 2, 2))
