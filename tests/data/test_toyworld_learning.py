"""A linear model on pixels stays far below a small convolutional net: too much varies for templates.

`measure` is also what the benchmark calls with larger settings; run this file as a script for the figures
at 16,000 pictures.
"""

import time
from itertools import pairwise

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional as F

from lecture_utils.data.toyworld import CLASSES, classification

# Written down before the first run: the net must be useful, the linear model must not be, and the gap between
# them wide.
LEAST_NET, MOST_LINEAR, LEAST_GAP = 0.70, 0.40, 0.35


def linear_accuracy(
    train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], penalty: float, iterations: int
) -> float:
    """Test accuracy of multinomial logistic regression on standardised pixels."""
    mean, std = train[0].mean(0), train[0].std(0).clamp_min(1e-3)
    x, x_test = (((t - mean) / std).flatten(1).numpy() for t in (train[0], test[0]))
    model = LogisticRegression(C=penalty, max_iter=iterations).fit(x, train[1].numpy())
    return float(model.score(x_test, test[1].numpy()))


def net_accuracy(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], steps: int) -> float:
    """Test accuracy of three convolutions and a linear layer on max-pooled features."""
    torch.manual_seed(0)
    widths = (3, 16, 32, 64)
    blocks = [
        nn.Sequential(
            nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)
        )
        for a, b in pairwise(widths)
    ]
    model = nn.Sequential(*blocks, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(widths[-1], len(CLASSES)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    for _ in range(steps):
        pick = torch.randint(len(train[0]), (64,))
        optimizer.zero_grad()
        F.cross_entropy(model(train[0][pick]), train[1][pick]).backward()
        optimizer.step()
        schedule.step()
    model.eval()
    with torch.inference_mode():
        return (model(test[0]).argmax(1) == test[1]).float().mean().item()


def measure(n: int, steps: int, iterations: int, penalties: tuple[float, ...]) -> dict[str, float]:
    """Train both on n pictures and return their accuracies on 1,000 others."""
    train, test = classification(n, split="train"), classification(1000, split="test")
    # The linear model may even choose its penalty on the test set.
    linear = max(linear_accuracy(train, test, p, iterations) for p in penalties)
    return {"linear": linear, "net": net_accuracy(train, test, steps)}


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.system("S00.3")
def test_a_linear_model_on_pixels_stays_far_below_a_small_net() -> None:
    got = measure(5000, 400, 10, (1e-4,))
    assert got["net"] >= LEAST_NET
    assert got["linear"] <= MOST_LINEAR
    assert got["net"] - got["linear"] >= LEAST_GAP


if __name__ == "__main__":
    started = time.perf_counter()
    print(measure(16_000, 1500, 100, (1e-6, 1e-5, 1e-4, 1e-2)), f"{time.perf_counter() - started:.0f} s")
