"""Chapter 14, break it: a language model whose causal mask was forgotten (S14.2).

Shapes: B captions, N tokens, T tokens in the cache, D width.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.multimodal.decoding import generate
from lecture_utils.multimodal.language_model import Block, KVCache, LanguageModel
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.nn.positions import sinusoidal_encoding
from lecture_utils.recipes.shapes_lm import captions
from lecture_utils.training.loop import fit
from lecture_utils.training.muon import MuonAndAdamW

LENGTH = 16


class SeesAhead(Block):
    """The block without its mask: in training each token looks at all, also at those that it is to guess."""

    def attend(self, x: Tensor, cache: KVCache, layer: int) -> Tensor:
        query, key, value = self.attention.project(x)  # (B, heads, N, d)
        key, value = cache.append(layer, key, value)  # (B, heads, T + N, d)
        y = F.scaled_dot_product_attention(query, key, value)  # no mask
        return self.attention.to_output(rearrange(y, "b h n d -> b n (h d)"))


class Reader(NamedTuple):
    """A small language model, the losses of its training in nats a token, and its tokenizer."""

    model: LanguageModel
    losses: list[float]
    tokenizer: Tokenizer


def read_captions(block: type[Block] = Block, *, steps: int = 250, seed: int = 0) -> Reader:
    """Train a model of two layers of such blocks on captions, some seconds long."""
    torch.manual_seed(seed)
    texts = captions(3000, seed)
    tokenizer = Tokenizer.train(texts, 200)
    size = {"dim": 64, "heads": 4, "layers": 2, "length": LENGTH}
    lm = LanguageModel(tokenizer.vocabulary, **size, tokenizer=tokenizer)
    lm.layers = nn.ModuleList(block(64, 4) for _ in range(2))
    lm.init_()
    with torch.no_grad():  # neighbours are easily found, ahead as behind
        lm.position.weight.copy_(0.1 * sinusoidal_encoding(LENGTH, 64))
    ids = tokenizer.batch(texts, LENGTH)

    def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=tokenizer.pad)

    optimizer = MuonAndAdamW(lm, lm.layers, 3e-3)
    history = fit(lm, portions(ids, seed), loss=loss, optimizer=optimizer, steps=steps, label=block.__name__)
    return Reader(lm.eval(), history.losses, tokenizer)


def portions(ids: Tensor, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Sixty-four captions at a time for ever: ids (B, N), and the ids one place later."""
    made = torch.Generator().manual_seed(seed)
    while True:
        part = ids[torch.randint(len(ids), (64,), generator=made)]
        yield part[:, :-1], part[:, 1:]


def written(reader: Reader, count: int = 3, *, seed: int = 0) -> list[str]:
    """Captions that a model writes, drawn token by token after the start token."""
    start = torch.full((count, 1), reader.tokenizer.start)
    made = torch.Generator().manual_seed(seed)
    ids = generate(reader.model, start, LENGTH - 1, end=reader.tokenizer.end, generator=made)
    return [reader.tokenizer.decode(row) for row in ids]
