"""The Q-Former, whole, against transformers' `Blip2QFormerModel` and `InstructBlipQFormerModel`."""

import functools
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.multimodal.blip2 import qformer as own
from lecture_utils.multimodal.blip2.masks import KINDS, qformer_mask
from lecture_utils.multimodal.blip2.qformer import QFormer
from tests.mutants import planted
from tests.parity import assert_parity, liven, parity_gap

pytestmark = pytest.mark.system("S14.5")
transformers = pytest.importorskip("transformers")

V, D, D_IN, HEADS, LAYERS, HIDDEN, Q, LENGTH, PAD = 41, 24, 20, 3, 4, 40, 5, 12, 40
BLIP2 = "lecture_utils.multimodal.blip2"
SIZES = {
    "vocab_size": V, "hidden_size": D, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "intermediate_size": HIDDEN, "max_position_embeddings": LENGTH, "encoder_hidden_size": D_IN,
    "cross_attention_frequency": 2, "pad_token_id": None,
}  # fmt: skip


def texts(seed: int, batch: int = 3, n: int = 7) -> Tensor:
    """Ids (B, T), the second and later rows with padding behind."""
    ids = torch.randint(PAD, (batch, n), generator=torch.Generator().manual_seed(seed))
    for row in range(1, batch):
        ids[row, n - row :] = PAD
    return ids


def features(seed: int, batch: int = 3, n: int = 6) -> Tensor:
    return torch.randn(batch, n, D_IN, generator=torch.Generator().manual_seed(seed))


class Theirs(nn.Module):
    """The library's Q-Former with its embeddings, as a function of features; text and mask are said."""

    def __init__(self) -> None:
        super().__init__()
        from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerModel, Blip2TextEmbeddings

        config = transformers.Blip2QFormerConfig(
            **SIZES, use_qformer_text_input=True, attn_implementation="sdpa"
        )
        self.qformer, self.embeddings = Blip2QFormerModel(config), Blip2TextEmbeddings(config)
        self.query_tokens = nn.Parameter(torch.randn(1, Q, D))

    def forward(self, x: Tensor, text: Tensor | None = None, kind: str = "matching") -> Tensor:
        query = self.query_tokens.expand(len(x), -1, -1)
        tokens = query if text is None else self.embeddings(input_ids=text, query_embeds=query)
        return self.run(tokens, Q, text, kind, encoder_hidden_states=x)

    def read(self, text: Tensor) -> Tensor:
        return self.run(self.embeddings(input_ids=text), 0, text, "contrast")

    def run(self, x: Tensor, queries: int, text: Tensor | None, kind: str, **more: Tensor) -> Tensor:
        mask = torch.ones(len(x), 1, 1, x.shape[1], dtype=torch.bool)
        if text is not None:
            mask[..., queries:] = (text != PAD)[:, None, None]
        mask = mask & qformer_mask(kind, queries, x.shape[1] - queries)
        return self.qformer(
            query_embeds=x, query_length=queries, attention_mask=mask, **more
        ).last_hidden_state


@functools.cache
def lively() -> Theirs:
    torch.manual_seed(0)
    theirs = Theirs().eval()
    with torch.no_grad():
        for table in theirs.embeddings.parameters():
            table.normal_()
    liven(theirs, features(1), features(2))
    with torch.no_grad():  # liven draws names with "token" and "pos" small: here all tokens are to differ
        theirs.query_tokens.normal_()
        theirs.embeddings.word_embeddings.weight.normal_()
        theirs.embeddings.position_embeddings.weight.normal_()
    return theirs.double()


NAMES = {  # of a layer's parts: theirs → ours
    "attention.attention.query": "self_attention.to_query",
    "attention.attention.key": "self_attention.to_key",
    "attention.attention.value": "self_attention.to_value",
    "attention.output.dense": "self_attention.to_output",
    "attention.output.LayerNorm": "norm_self",
    "crossattention.attention.query": "cross_attention.to_query",
    "crossattention.attention.key": "cross_attention.to_key",
    "crossattention.attention.value": "cross_attention.to_value",
    "crossattention.output.dense": "cross_attention.to_output",
    "crossattention.output.LayerNorm": "norm_cross",
    "intermediate_query.dense": "mlp_query.fc1",
    "output_query.dense": "mlp_query.fc2",
    "output_query.LayerNorm": "norm_query",
    "intermediate.dense": "mlp_text.fc1",
    "output.dense": "mlp_text.fc2",
    "output.LayerNorm": "norm_text",
}


def our_name(name: str) -> str:
    """Turn the name of one of their parameters into ours."""
    if name == "query_tokens":
        return "queries"
    name = name.removeprefix("qformer.").removeprefix("embeddings.").replace("layernorm.", "norm.")
    if name.partition("_")[0] in ("word", "position"):
        return name.replace("word", "token").replace("_embeddings", "")
    if not name.startswith("encoder.layer."):
        return name
    _, _, number, *part, kind = name.split(".")
    return f"layers.{number}.{NAMES['.'.join(part)]}.{kind}"


def twin(theirs: nn.Module, module: ModuleType = own) -> QFormer:
    """Our Q-Former with their weights; every one of them has its place."""
    ours = module.QFormer(
        V, dim=D, features=D_IN, heads=HEADS, layers=LAYERS, queries=Q, length=LENGTH, hidden=HIDDEN, pad=PAD
    )
    state = {our_name(name): value for name, value in theirs.named_parameters()}
    state["queries"] = state["queries"].reshape(Q, D)
    ours.load_state_dict(state)
    return ours.double().eval()


def compare(ours: QFormer, theirs: Theirs | None = None) -> None:
    """Hold outputs of queries and words against the library's: without a text, and under each mask."""
    theirs = lively() if theirs is None else theirs
    inputs = [features(seed).double() for seed in (1, 2)] + [features(3, batch=3, n=9).double()]
    close = functools.partial(assert_parity, tolerance=1e-6)
    close(ours, theirs, *inputs)
    for kind in KINDS:
        text = texts(4)
        real = (text != PAD)[..., None]

        def mine(x: Tensor, kind: str = kind, text: Tensor = text, real: Tensor = real) -> Tensor:
            queries, words = ours.both(x, text, kind)
            return torch.cat([queries, words * real], dim=1)

        def want(x: Tensor, kind: str = kind, text: Tensor = text, real: Tensor = real) -> Tensor:
            both = theirs(x, text, kind)
            return torch.cat([both[:, :Q], both[:, Q:] * real], dim=1)

        close(mine, want, *inputs)
        other = want(inputs[0], text=texts(5), real=(texts(5) != PAD)[..., None])[:, Q:]
        assert parity_gap(other, want(inputs[0])[:, Q:]) > 1e-4  # the text counts
    got, wanted = ours.read(texts(4)) * real, theirs.read(texts(4)) * real
    gap = parity_gap(got, wanted)
    assert gap < 1e-6, f"outputs differ by {gap:.2g} of their spread"


def test_the_whole_qformer_equals_that_of_transformers() -> None:
    compare(twin(lively()))


FAULTS = {
    "no norm of what comes in": ("x, queries = self.norm(x), 0 if", "x, queries = x, 0 if"),
    "pre-norm": (
        "self.norm_self(x + self.self_attention(x, mask=mask))",
        "x + self.self_attention(self.norm_self(x), mask=mask)",
    ),
    "words look at the picture too": (
        "            query = self.norm_cross(query + self.cross_attention(query, features))",
        "            query = self.norm_cross(query + self.cross_attention(query, features))\n"
        "            text = text if not text.numel() else self.cross_attention(text, features)",
    ),
    "no residual around the cross-attention": (
        "self.norm_cross(query + self.cross_attention(query, features))",
        "self.norm_cross(self.cross_attention(query, features))",
    ),
    "one feed-forward for both": (
        "self.norm_text(text + self.mlp_text(text))", "self.norm_text(text + self.mlp_query(text))",
    ),
    "one last norm for both": (
        "self.norm_text(text + self.mlp_text(text))", "self.norm_query(text + self.mlp_text(text))",
    ),
    "text without positions": (
        "self.token(text) + self.position.weight[: text.shape[1]]", "self.token(text)",
    ),
    "positions counted from the end": (
        "self.position.weight[: text.shape[1]]", "self.position.weight[-text.shape[1] :]",
    ),
    "padding is looked at": ("mask if self.pad is None else", "mask if True else"),
    "the mask is not handed on": (
        "self.self_attention(x, mask=mask)", "self.self_attention(x)",
    ),
    "heads interleaved": (
        'rearrange(p, "b n (h d) -> b h n d", h=self.heads) for p in parts',
        'rearrange(p, "b n (d h) -> b h n d", h=self.heads) for p in parts',
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_sees(fault: str) -> None:
    wrong = planted(f"{BLIP2}.qformer", FAULTS[fault])
    with pytest.raises(AssertionError, match="outputs differ by"):
        compare(twin(lively(), wrong))


@pytest.mark.parametrize("kind", KINDS)
def test_the_comparison_sees_another_mask(kind: str) -> None:
    ours = twin(lively())
    ours.mask = lambda asked, q, t: (  # type: ignore[assignment]
        qformer_mask(asked, q, t)
        if asked != kind or not q * t
        else qformer_mask(
            {"matching": "generation", "generation": "contrast", "contrast": "matching"}[kind], q, t
        )
    )
    with pytest.raises(AssertionError, match="outputs differ by"):
        compare(ours)


def test_gradients_equal_those_of_transformers() -> None:
    theirs = lively()
    ours = twin(theirs)
    x, text = features(6).double(), texts(7)
    weight = torch.randn(3, Q + 7, D, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    theirs.zero_grad()
    (weight * theirs(x, text, "generation")).sum().backward()
    (weight * torch.cat(ours.both(x, text, "generation"), dim=1)).sum().backward()
    mine = dict(ours.named_parameters())
    for name, value in theirs.named_parameters():
        assert value.grad is not None
        got = mine[our_name(name)].grad
        assert got is not None, name
        torch.testing.assert_close(got.reshape(value.shape), value.grad, atol=1e-9, rtol=1e-6)


def test_with_an_instruction_it_equals_that_of_instructblip() -> None:
    from transformers.models.instructblip.modeling_instructblip import InstructBlipQFormerModel

    config = transformers.InstructBlipQFormerConfig(**SIZES, attn_implementation="sdpa")
    torch.manual_seed(1)
    theirs = InstructBlipQFormerModel(config).eval()
    query, text = torch.randn(1, Q, D), texts(9)

    class AsFunction(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qformer, self.query_tokens = theirs, nn.Parameter(query)

        def forward(self, x: Tensor) -> Tensor:
            seen = torch.cat([torch.ones(len(x), Q, dtype=torch.bool), text != PAD], dim=1)
            return self.qformer(
                input_ids=text, attention_mask=seen.long(), encoder_hidden_states=x,
                query_embeds=self.query_tokens.expand(len(x), -1, -1),
            ).last_hidden_state[:, :Q]  # fmt: skip

    whole = AsFunction().eval()
    liven(whole, features(1), features(2))
    with torch.no_grad():
        whole.query_tokens.normal_()
        theirs.embeddings.word_embeddings.weight.normal_()
        theirs.embeddings.position_embeddings.weight.normal_()
    whole = whole.double()
    ours = twin(whole)
    inputs = features(1).double(), features(2).double()
    assert_parity(lambda x: ours(x, text), whole, *inputs, tolerance=1e-6)
    assert parity_gap(ours(inputs[0]), whole(inputs[0])) > 1e-2  # blind to the instruction it is another
