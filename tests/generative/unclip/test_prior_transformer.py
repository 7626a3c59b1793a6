"""The prior's transformer against diffusers', with the same weights, and what it looks at."""

import pytest
import torch
from torch import nn

from lecture_utils.generative.unclip import prior_transformer
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S16.4")
DIM, LENGTH, WIDTH, HEADS, LAYERS = 6, 5, 8, 2, 2
INPUTS = torch.randn(4, 3, LENGTH * DIM + 2 * DIM + 1, generator=torch.Generator().manual_seed(0))


def split(x):
    """Packed numbers (B, …) → noised embeddings, steps, words, text, so that two batches can be compared."""
    noised, text, words = x[:, :DIM], x[:, DIM : 2 * DIM], x[:, 2 * DIM : -1].unflatten(1, (LENGTH, DIM))
    return noised, (x[:, -1].abs() * 400).long(), words, text


class Packed(nn.Module):
    def __init__(self, net, call):
        super().__init__()
        self.net, self.call = net, call

    def forward(self, x):
        return self.call(self.net, *split(x))


def ours(module=prior_transformer):
    torch.manual_seed(0)
    net = module.PriorTransformer(DIM, words=DIM, length=LENGTH, width=WIDTH, heads=HEADS, layers=LAYERS)
    return Packed(net, lambda net, *told: net(*told)).eval()


def theirs(state):
    """The library's transformer with our weights."""
    library = pytest.importorskip("diffusers.models.transformers.prior_transformer")
    net = library.PriorTransformer(
        num_attention_heads=HEADS, attention_head_dim=WIDTH // HEADS, num_layers=LAYERS, embedding_dim=DIM,
        num_embeddings=LENGTH, additional_embeddings=4,
    ).eval()  # fmt: skip
    names = {
        "embed_word": "encoder_hidden_states_proj", "embed_text": "embedding_proj", "embed_noised": "proj_in",
        "embed_step.first": "time_embedding.linear_1", "embed_step.second": "time_embedding.linear_2",
        "norm": "norm_out", "leave": "proj_to_clip_embeddings",
    }  # fmt: skip
    for i in range(LAYERS):
        inside = {
            "norm1": "norm1", "norm2": "norm3", "attention.to_query": "attn1.to_q", "mlp.fc2": "ff.net.2",
            "attention.to_key": "attn1.to_k", "attention.to_value": "attn1.to_v",
            "attention.to_output": "attn1.to_out.0", "mlp.fc1": "ff.net.0.proj",
        }  # fmt: skip
        names |= {f"layers.{i}.{a}": f"transformer_blocks.{i}.{b}" for a, b in inside.items()}
    wanted = {
        f"{new}.{kind}": state[f"{old}.{kind}"] for old, new in names.items() for kind in ("weight", "bias")
    }
    wanted["prd_embedding"] = state["last"][None, None]
    wanted["positional_embedding"] = state["position"][None]
    missing = net.load_state_dict(wanted, strict=False)
    assert set(missing.missing_keys) == {"clip_mean", "clip_std"} and not missing.unexpected_keys

    def call(net, noised, t, words, text):
        mask = torch.ones(len(noised), LENGTH)  # all words count; without it, there is no causal mask
        return net(noised, t, text, words, mask).predicted_image_embedding

    return Packed(net, call)


@pytest.fixture(scope="module")
def state():
    model = ours()
    liven(model, INPUTS[0], INPUTS[1])
    return model.net.state_dict()


def compare(module, state):
    mine = ours(module)
    mine.net.load_state_dict(state)
    assert_parity(mine, theirs(state), *INPUTS)


def test_the_prior_gives_what_diffusers_gives(state):
    compare(prior_transformer, state)


@pytest.mark.parametrize(
    "fault",
    [
        ("tokens = layer(tokens, mask)", "tokens = layer(tokens)"),
        ("self.leave(self.norm(tokens[:, -1]))", "self.leave(self.norm(tokens[:, -2]))"),
        ("self.leave(self.norm(tokens[:, -1]))", "self.leave(tokens[:, -1])"),
        ("tokens = tokens + self.position", "tokens = tokens + self.position.flip(0)"),
        ("self.embed_text(text)[:, None]", "self.embed_noised(text)[:, None]"),
        ("self.embed_step(t)[:, None]", "self.embed_step(t + 1)[:, None]"),
    ],
)
def test_a_fault_in_the_prior_is_seen(fault, state):
    with pytest.raises(AssertionError):
        compare(planted(prior_transformer.__name__, fault), state)


def test_the_prediction_depends_on_all_that_is_told():
    net = ours().net
    noised, t, words, text = split(INPUTS[0])
    told = [part.clone().requires_grad_() for part in (noised, words, text)]
    net(told[0], t, told[1], told[2])[0].square().sum().backward()
    for part in told:
        assert part.grad is not None
        assert bool((part.grad[0] != 0).all()) and bool((part.grad[1:] == 0).all())
    late = net(noised, t + 300, words, text)
    assert not torch.allclose(late, net(noised, t, words, text), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x, t, w, z: (x[:2], t, w, z), "t: got"),
        (lambda x, t, w, z: (x, t, w[:, :4], z), "words: got"),
        (lambda x, t, w, z: (x, t, w[..., :4], z), "words: got"),
        (lambda x, t, w, z: (x, t, w, z[:, :4]), "text: got"),
        (lambda x, t, w, z: (x[:, :4], t, w, z), "x: got"),
    ],
)
def test_what_does_not_fit_the_prior_is_refused(change, told):
    with pytest.raises(ValueError, match=told):
        ours().net(*change(*split(INPUTS[0])))
