"""Chapter 14, part a: the references are what the package computes, and other right ways pass."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch14 import solutions
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.multimodal.decoding import generate
from lecture_utils.multimodal.flamingo import gated_cross_attention as flamingo
from lecture_utils.multimodal.language_model import Block, KVCache, LanguageModel
from lecture_utils.multimodal.llava import inputs as llava
from lecture_utils.multimodal.llava.llava import LLaVA, answer_loss
from lecture_utils.multimodal.show_attend_tell import attention as look
from lecture_utils.multimodal.show_attend_tell import lstm_cell
from lecture_utils.nn.attention import attention, causal_mask
from tests.references import cases_of, check_reference

BY_ID = {exercise.id: exercise for exercise in exercises("14")}


def lively(lm: LanguageModel) -> LanguageModel:
    """A language model whose next token hangs on what it has read."""
    with torch.no_grad():
        for p in lm.parameters():
            p.mul_(6)
    return lm.requires_grad_(False)


def small(seed: int = 0) -> LanguageModel:
    torch.manual_seed(seed)
    return lively(LanguageModel(13, dim=8, heads=2, layers=2, length=24))


# --- the package's functions, called as the learner's are ---------------------------------------------
def library_cell(x: Tensor, state: Any, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> Any:
    cell = nn.LSTMCell(x.shape[1], state[0].shape[1])
    with torch.no_grad():
        cell.weight_ih.copy_(weight_x)
        cell.weight_hh.copy_(weight_h)
        cell.bias_ih.copy_(bias)
        cell.bias_hh.zero_()
        return cell(x, state)


def package_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return attention(query, key, value, causal_mask(key.shape[2])[-query.shape[2] :])[0]


THEIRS: dict[str, Callable[..., Any]] = {
    "14.1": lstm_cell.lstm_step,
    "14.2": look.soft_attention,
    "14.3": package_attention,
    "14.5": flamingo.gated_cross_attention,
    "14.6": llava.llava_inputs,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    check_reference(BY_ID[id], THEIRS[id], seeds=3)


def test_the_weights_of_soft_attention_are_shares_and_the_context_their_mean() -> None:
    for scores, features in cases_of(BY_ID["14.2"]):
        context, weights = solutions.soft_attention(scores, features)
        torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)))
        assert bool((context <= features.amax(1) + 1e-6).all() and (context >= features.amin(1) - 1e-6).all())


def test_causal_attention_can_be_put_into_the_language_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a later cell does it: the logits stay, with a cache and without."""

    def attend(self: Block, x: Tensor, cache: KVCache, layer: int) -> Tensor:
        query, key, value = self.attention.project(x)
        y = solutions.causal_attention(query, *cache.append(layer, key, value))
        return self.attention.to_output(y.transpose(1, 2).flatten(2))

    lm, ids = small(), torch.randint(0, 13, (2, 9), generator=torch.Generator().manual_seed(0))
    before = lm(ids)
    monkeypatch.setattr(Block, "attend", attend)
    torch.testing.assert_close(lm(ids), before)
    cache = KVCache()
    parts = [lm(ids[:, :4], cache), lm(ids[:, 4:5], cache), lm(ids[:, 5:], cache)]
    torch.testing.assert_close(torch.cat(parts, 1), before)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_written_is_what_the_package_writes(seed: int) -> None:
    lm = small(seed)
    ids = torch.randint(0, 13, (1, 5), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(solutions.write(lm, ids, 7), generate(lm, ids, 7, temperature=0))


def test_shut_gates_leave_the_text_exactly_as_it_was() -> None:
    for text, latents, attend, mlp, _ in cases_of(BY_ID["14.5"]):
        made = solutions.gated_cross_attention(text, latents, attend, mlp, torch.zeros(2))
        assert torch.equal(made, text)


def test_the_loss_on_these_inputs_is_llavas() -> None:
    """Of answers that begin at different places, with filling behind them."""
    lm, random = small(), torch.Generator().manual_seed(0)
    model = LLaVA(lm, 5)
    grid, ids = torch.randn(3, 4, 5, generator=random), torch.randint(0, 13, (3, 8), generator=random)
    answer = torch.zeros(3, 8, dtype=torch.bool)
    for row, (begin, stop) in enumerate(((2, 4), (5, 8), (3, 4))):
        answer[row, begin:stop] = True
    x, target = solutions.llava_inputs(model.projection(grid), lm.token, ids, answer)
    ours = F.cross_entropy(lm.from_embeddings(x).flatten(0, 1), target.flatten())
    wanted = ids[:, 1:].masked_fill(~answer[:, 1:], llava.IGNORE)
    torch.testing.assert_close(ours, answer_loss(model(grid, ids)[:, :-1], wanted))


# --- other right ways pass ---------------------------------------------------------------------------
def cell_of_four_products(x: Tensor, state: Any, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> Any:
    h, c = state
    n = h.shape[1]
    i, f, g, o = (
        F.linear(x, weight_x[k : k + n], bias[k : k + n]) + F.linear(h, weight_h[k : k + n])
        for k in range(0, 4 * n, n)
    )
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return [torch.sigmoid(o) * torch.tanh(c), c]


def looking_by_product(scores: Tensor, features: Tensor) -> Any:
    alpha = F.softmax(scores, dim=1)
    return torch.bmm(alpha.unsqueeze(1), features).squeeze(1), alpha


def looking_by_exponentials(scores: Tensor, features: Tensor) -> Any:
    e = (scores - scores.max(1, keepdim=True).values).exp()
    alpha = e / e.sum(1, keepdim=True)
    return torch.einsum("bl,bld->bd", alpha, features), alpha


def fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    n, m = query.shape[2], key.shape[2]
    see = torch.arange(m) <= torch.arange(m - n, m)[:, None]
    return F.scaled_dot_product_attention(query, key, value, attn_mask=see)


def token_by_token(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    cached = key.shape[2] - query.shape[2]
    rows = []
    for i in range(query.shape[2]):
        upto = cached + i + 1
        scores = (query[:, :, i : i + 1] / math.sqrt(query.shape[-1])) @ key[:, :, :upto].mT
        rows.append(F.softmax(scores, -1) @ value[:, :, :upto])
    return torch.cat(rows, 2)


def large_negative(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    n, m = query.shape[2], key.shape[2]
    bias = torch.triu(torch.full((n, m), -1e9), diagonal=m - n + 1)
    return ((query @ key.mT) * query.shape[-1] ** -0.5 + bias).softmax(-1) @ value


def write_one_at_a_time(lm: Any, ids: Tensor, steps: int) -> Tensor:
    cache, out = KVCache(), ids[0].tolist()
    for token in out:
        logits = lm(torch.tensor([[token]]), cache)
    for _ in range(steps):
        out.append(int(logits[0, -1].argmax()))
        logits = lm(torch.tensor([[out[-1]]]), cache)  # the newest is read as well: it does no harm
    return torch.tensor([out])


def write_with_a_first_step(lm: Any, ids: Tensor, steps: int) -> Tensor:
    cache = KVCache()
    new = lm(ids, cache)[:, -1].argmax(-1, keepdim=True)
    made = [ids, new]
    while len(made) < steps + 1:
        new = lm(new, cache)[:, -1].argmax(-1, keepdim=True)
        made.append(new)
    return torch.cat(made, 1)


def gated_in_two(text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor) -> Tensor:
    for gate, branch in zip(torch.tanh(alpha), (lambda x: attend(x, latents), mlp), strict=True):
        text = text + branch(text) * gate
    return text


def inputs_row_by_row(image: Tensor, embed: Any, ids: Tensor, answer: Tensor) -> Any:
    x, target = [], []
    for picture, row, said in zip(image, ids, answer, strict=True):
        words = embed(row)
        x.append(torch.cat([words[:1], picture, words[1:]]))
        place = [-100] * (len(picture) + len(row))
        for k in range(1, len(row)):
            if said[k]:
                place[len(picture) + k - 1] = int(row[k])
        target.append(torch.tensor(place))
    return torch.stack(x), torch.stack(target)


def inputs_by_where(image: Tensor, embed: Any, ids: Tensor, answer: Tensor) -> Any:
    x = torch.cat([embed(ids[:, :1]), image, embed(ids[:, 1:])], dim=1)
    nothing = torch.full(image.shape[:2], -100)
    whole = torch.cat([nothing[:, :1], nothing, torch.where(answer, ids, -100)[:, 1:]], dim=1)
    return x, torch.cat([whole[:, 1:], torch.full_like(whole[:, :1], -100)], dim=1)


RIGHT = [
    ("14.1", cell_of_four_products),
    ("14.1", library_cell),
    ("14.2", looking_by_product),
    ("14.2", looking_by_exponentials),
    ("14.3", fused),
    ("14.3", token_by_token),
    ("14.3", large_negative),
    ("14.4", write_one_at_a_time),
    ("14.4", write_with_a_first_step),
    ("14.5", gated_in_two),
    ("14.6", inputs_row_by_row),
    ("14.6", inputs_by_where),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT, ids=[f"{id} {a.__name__}" for id, a in RIGHT])
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found
