"""Soft attention of Show, Attend and Tell (S14.1): the mean of all places, each as it suits (Xu et al. 2015).

K. Xu et al., "Show, Attend and Tell", ICML 2015: equations 4 to 6, section 4.2 (soft attention: the context
is an expectation, so that it can be trained by gradients) and the gate β of section 4.2.1. The score is that
of D. Bahdanau, K. Cho and Y. Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate",
ICLR 2015: a small network that sees a place and the state.

Hard attention (section 4.1), which draws one place and learns by REINFORCE, is left out.

Shapes: B pictures, P places, D numbers a place, H the LSTM's state, A width of the small network.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_sizes, check_tensor

Attend = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def soft_attention(scores: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """Look at every place as much as its score says.

    Parameters
    ----------
    scores : Tensor
        (B, P), of any size and sign.
    features : Tensor
        (B, P, D).

    Returns
    -------
    context, weights : Tensor
        (B, D), the features' mean under the weights (eq. 13), and (B, P), positive, 1 in sum (eq. 5).

    Raises
    ------
    ValueError
        For shapes that do not fit together.
    """
    check_tensor(scores, "scores", "B", "P", some=True)
    check_tensor(features, "features", *scores.shape, "D")
    weights = scores.softmax(dim=1)  # α (B, P)
    context = (weights[..., None] * features).sum(dim=1)  # (B, D): Σ_i α_i a_i
    return context, weights


class Attention(nn.Module):
    """Scores of places by a small network, soft attention, and the gate on what was seen.

    Parameters
    ----------
    features, state, hidden : int
        D, H and A.
    attend : callable
        As `soft_attention`: scores and features → context and weights.

    Raises
    ------
    ValueError
        For a size below 1; when called, for other shapes.
    """

    def __init__(self, features: int, state: int, hidden: int, *, attend: Attend = soft_attention) -> None:
        super().__init__()
        check_sizes("attention", features=features, state=state, hidden=hidden)
        self.attend = attend
        self.of_place = nn.Linear(features, hidden)
        self.of_state = nn.Linear(state, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)
        self.gate = nn.Linear(state, 1)  # f_β

    def forward(self, features: Tensor, places: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Look at the picture, given what was said.

        Parameters
        ----------
        features, places : Tensor
            (B, P, D), and (B, P, A), `of_place` of them: the same at each word, so they are computed once.
        h : Tensor
            (B, H), the state before the word.

        Returns
        -------
        context, weights : Tensor
            (B, D), gated, and (B, P).
        """
        check_tensor(features, "features", "B", "P", self.of_place.in_features)
        check_tensor(places, "places", *features.shape[:2], self.of_place.out_features)
        check_tensor(h, "h", len(features), self.of_state.in_features)
        hidden = torch.tanh(places + self.of_state(h)[:, None])  # (B, P, A)
        context, weights = self.attend(self.score(hidden)[..., 0], features)  # eq. 4 to 6
        return self.gate(h).sigmoid() * context, weights  # β ẑ: how much does this word need the picture?
