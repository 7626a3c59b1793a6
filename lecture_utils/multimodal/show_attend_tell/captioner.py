"""Show, Attend and Tell (S14.1): an LSTM writes a caption, and looks at every word (Xu et al. 2015).

K. Xu et al., "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention", ICML 2015:
section 3.1.2 (decoder, start from the mean feature, deep output) and 4.2.1 (doubly stochastic attention and
the gate β).

Simplified: features of the course's own frozen eye, 36 places of 128 numbers where the paper has 196 of VGG's
conv5_3 with 512; a linear layer for each of the small networks that start h and c; soft attention only. To
each place's features a learned vector of the place is added: VGG's know of the place through the padding.

Shapes: B pictures, P places, D numbers a place, N words, V vocabulary, E width of a word, H the LSTM's state.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.show_attend_tell.attention import Attend, Attention, soft_attention
from lecture_utils.multimodal.show_attend_tell.lstm_cell import LSTMCell, State, Step, lstm_step
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.ops.checks import check_ids, check_number, check_sizes, check_tensor, check_whole


class ShowAttendTell(nn.Module):
    """The captioner.

    Parameters
    ----------
    tokenizer : Tokenizer
        Of whose ids V are; its start and end begin and end each caption.
    features, places : int
        D and P of the grids that it will be given.
    embed, dim, hidden : int
        E, H, and the width of the attention's small network.
    step, attend : callable
        The LSTM's step and the attention, as `lstm_step` and `soft_attention` have them.

    Raises
    ------
    ValueError
        For a size below 1; when called, for other shapes, or ids that the vocabulary does not have.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        features: int = 128,
        places: int = 36,
        embed: int = 64,
        dim: int = 128,
        hidden: int = 64,
        step: Step = lstm_step,
        attend: Attend = soft_attention,
    ) -> None:
        super().__init__()
        check_sizes("captioner", features=features, places=places, embed=embed, dim=dim, hidden=hidden)
        self.tokenizer = tokenizer
        self.place = nn.Parameter(0.02 * torch.randn(places, features))
        self.token = nn.Embedding(tokenizer.vocabulary, embed)
        self.start_h, self.start_c = nn.Linear(features, dim), nn.Linear(features, dim)
        self.attention = Attention(features, dim, hidden, attend=attend)
        self.cell = LSTMCell(embed + features, dim, step=step)
        self.from_h, self.from_context = nn.Linear(dim, embed), nn.Linear(features, embed, bias=False)
        self.to_word = nn.Linear(embed, tokenizer.vocabulary)

    def forward(self, grid: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Read a caption word by word, and say at each what comes next and where it is to be seen.

        Parameters
        ----------
        grid : Tensor
            (B, P, D).
        ids : Tensor
            (B, N) int64, the first of which is the start token.

        Returns
        -------
        logits, weights : Tensor
            (B, N, V), of the word after each, and (B, N, P), where the model looked for that word.
        """
        check_tensor(ids, "ids", len(grid), "N", kind="int", some=True)
        features, places, state = self.look(grid)
        logits, weights = [], []
        for word in ids.unbind(1):
            score, state, looked = self.next_word(features, places, word, state)
            logits.append(score)
            weights.append(looked)
        return torch.stack(logits, 1), torch.stack(weights, 1)

    def look(self, grid: Tensor) -> tuple[Tensor, Tensor, State]:
        """What is computed once a picture: its features, their part of the attention, and the first state."""
        check_tensor(grid, "grid", "B", *self.place.shape, some=True)
        features = grid + self.place  # (B, P, D)
        mean = features.mean(dim=1)  # (B, D)
        state = self.start_h(mean).tanh(), self.start_c(mean).tanh()  # (B, H) each
        return features, self.attention.of_place(features), state

    def next_word(
        self, features: Tensor, places: Tensor, word: Tensor, state: State
    ) -> tuple[Tensor, State, Tensor]:
        """One word on: scores (B, V) of the word after `word` (B,), the new state, and the weights (B, P)."""
        check_tensor(word, "word", len(features), kind="int")
        check_ids(word, self.token.num_embeddings, name="word")
        context, weights = self.attention(features, places, state[0])  # (B, D), (B, P)
        said = self.token(word)  # (B, E)
        h, c = self.cell(torch.cat([said, context], dim=1), state)  # eq. 1 to 3
        logits = self.to_word(said + self.from_h(h) + self.from_context(context))  # eq. 7
        return logits, (h, c), weights


def caption_loss(logits: Tensor, weights: Tensor, ids: Tensor, *, pad: int, spread: float) -> Tensor:
    """How unlikely the captions are, and how unevenly the model has looked (eq. 14).

    Parameters
    ----------
    logits, weights : Tensor
        (B, N, V) and (B, N, P), as the captioner gives for the first N of the ids.
    ids : Tensor
        (B, N + 1) int64: start, words, end, pads.
    pad : int
        The token that costs nothing, and at which nobody looks.
    spread : float
        λ, 0 or more: how much it costs that a place gets more or less than 1 in sum over the caption.

    Returns
    -------
    Tensor
        Scalar: nats a caption, plus λ times the squares.
    """
    check_tensor(logits, "logits", "B", "N", "V", some=True)
    check_tensor(ids, "ids", len(logits), logits.shape[1] + 1, kind="int")
    check_ids(ids, logits.shape[2])
    check_tensor(weights, "weights", *logits.shape[:2], "P")
    check_ids(torch.tensor(check_whole(pad, "pad", 0)), logits.shape[2], name="pad")
    check_number(spread, "spread", 0)
    nats = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=pad, reduction="sum")
    real = (ids[:, 1:] != pad)[..., None]  # (B, N, 1)
    return nats / len(ids) + spread * unevenness(weights * real)


def unevenness(weights: Tensor) -> Tensor:
    """Mean over pictures of Σ_i (1 - Σ_t α_ti)² for weights (B, N, P): 0 where each place gets 1 in sum."""
    check_tensor(weights, "weights", "B", "N", "P", some=True)
    return (1 - weights.sum(dim=1)).square().sum(dim=1).mean()
