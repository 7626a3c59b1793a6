"""The whole masked auto-encoder against transformers', and faults that the comparison must see."""

import types
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.backbones.vit import ViT
from lecture_utils.selfsup import mae

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.system("S03.1")
TOLERANCE = 1e-5


def pair(ours: types.ModuleType = mae) -> tuple[nn.Module, nn.Module]:
    """The library's network and ours, with the same random weights, large enough for pictures to matter."""
    torch.manual_seed(0)
    config = transformers.ViTMAEConfig(
        image_size=32,
        patch_size=8,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=48,
        decoder_hidden_size=16,
        decoder_num_hidden_layers=2,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=64,
        layer_norm_eps=1e-6,
        qkv_bias=True,
        norm_pix_loss=True,
    )
    theirs = transformers.ViTMAEForPreTraining(config).eval()
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            if weight.ndim == 1:  # biases, and the scales of layer norms about 1
                weight.copy_(0.2 * torch.randn_like(weight) + float("norm" in name and "weight" in name))
            elif weight.shape[0] == 1:  # class token, mask token, positions
                weight.copy_(0.5 * torch.randn_like(weight))
            else:
                weight.copy_(torch.randn_like(weight) * weight[0].numel() ** -0.5)
    encoder = ViT(image=32, patch=8, dim=24, heads=3, hidden=48, layers=2, classes=1)
    model = ours.MAE(encoder, width=16, heads=2, layers=2).eval()
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-6
    copy_weights(theirs, model)
    return theirs, model


def copy_weights(theirs: nn.Module, ours: nn.Module) -> None:
    """Give our masked auto-encoder the library's weights, matched by name and then by order."""
    state = theirs.state_dict()
    table = {
        "encoder.class_token": "vit.embeddings.cls_token",
        "encoder.position": "vit.embeddings.position_embeddings",
        "mask_token": "decoder.mask_token",
        "position": "decoder.decoder_pos_embed",
    }
    layers = {
        "encoder.embed.projection": "vit.embeddings.patch_embeddings.projection",
        "encoder.norm": "vit.layernorm",
        "to_decoder": "decoder.decoder_embed",
        "norm": "decoder.decoder_norm",
        "to_pixels": "decoder.decoder_pred",
    }
    parts = {
        "norm1": ("layernorm_before",),
        "norm2": ("layernorm_after",),
        "attention.to_query": ("attention.attention.query", "attention.q_proj"),
        "attention.to_key": ("attention.attention.key", "attention.k_proj"),
        "attention.to_value": ("attention.attention.value", "attention.v_proj"),
        "attention.to_output": ("attention.output.dense", "attention.o_proj"),
        "mlp.fc1": ("intermediate.dense", "mlp.fc1"),
        "mlp.fc2": ("output.dense", "mlp.fc2"),
    }  # the library's names, older and newer
    for mine, stem in (("encoder.layers", "vit"), ("decoder", "decoder")):
        found = [k for k in state if k.startswith(stem) and k.endswith("layernorm_before.weight")]
        assert len(found) == 2, "the library has renamed its layers"
        for k, path in enumerate(sorted(found)):
            root = path.removesuffix("layernorm_before.weight")
            for part, names in parts.items():
                (name,) = [n for n in names if f"{root}{n}.weight" in state]
                layers[f"{mine}.{k}.{part}"] = root + name
    table |= {f"{a}.{w}": f"{b}.{w}" for a, b in layers.items() for w in ("weight", "bias")}
    head = {name: value for name, value in ours.state_dict().items() if name.startswith("encoder.head")}
    assert set(table) | set(head) == set(ours.state_dict())
    ours.load_state_dict({name: state[other] for name, other in table.items()} | head)


def answers(theirs: nn.Module, ours: nn.Module, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Loss, predicted patches, mask and two gradients: the library's, then ours."""
    noise = torch.rand(len(x), 16, generator=torch.Generator().manual_seed(7))
    out = theirs(x, noise=noise)
    loss, prediction, mask = ours(x, generator=torch.Generator().manual_seed(7))
    first = theirs.vit.embeddings.patch_embeddings.projection.weight, theirs.decoder.mask_token
    own = ours.encoder.embed.projection.weight, ours.mask_token
    return (
        [out.loss, out.logits, out.mask, *torch.autograd.grad(out.loss, first)],
        [loss, prediction, mask.float(), *torch.autograd.grad(loss, own)],
    )


def check(ours: types.ModuleType = mae) -> None:
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    want, got = answers(*pair(ours), x)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, atol=TOLERANCE, rtol=TOLERANCE)


def test_equals_the_library_in_loss_predictions_mask_and_gradients() -> None:
    check()


def test_predictions_hang_on_the_picture_by_far_more_than_the_tolerance() -> None:
    model = pair()[1]
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    one, other = (model(v[None], generator=torch.Generator().manual_seed(7))[1] for v in x)
    allowed = TOLERANCE * (1 + one.abs().max())
    assert ((one - other).abs().mean(dim=(0, 2)) > 100 * allowed).all()  # at each of the 16 places


FAULTS = [
    ("self.position\n        for layer", "0\n        for layer"),  # the decoder knows no places
    ("patches = patches.gather(1, restore[..., None].expand_as(patches))", "pass"),  # order not restored
    ("return self.encoder.norm(latent), mask", "return latent, mask"),
    ("return self.norm(x)[:, 1:]", "return x[:, 1:]"),
    ("argsort(dim=1).to(tokens", "argsort(dim=1, descending=True).to(tokens"),  # the largest numbers stay
    ("restore >= keep", "restore > keep"),
    ("first, patches = tokens[:, :1]", "first, patches = 0 * tokens[:, :1]"),  # no class token
    ("for layer in self.decoder:", "for layer in self.decoder[:1]:"),
    ('"b c (h p) (w q) -> b (h w) (p q c)"', '"b c (h p) (w q) -> b (h w) (c p q)"'),
    ("rows.var(dim=-1, keepdim=True)", "rows.var(dim=-1, keepdim=True, correction=0)"),
    ("(error * mask).sum() / mask.sum()", "error.sum() / (mask >= 0).sum()"),  # visible patches count
]


@pytest.mark.parametrize(("text", "fault"), FAULTS)
def test_planted_faults_are_seen(planted: Callable[..., types.ModuleType], text: str, fault: str) -> None:
    broken = planted(mae, text, fault)
    with pytest.raises(AssertionError):
        check(broken)
