"""There and back: the panels show what was sent and what came back, for a learner's pairs too."""

import pytest
import torch
from torch import nn

from lecture_utils.chapters.ch15.widgets.there_and_back import (
    NOISES,
    there_and_back,
    travel,
    travelled,
)
from lecture_utils.recipes.shapes_cyclegan import build

pytestmark = pytest.mark.system("S15.6")


@pytest.fixture(scope="module")
def models() -> nn.Module:
    torch.manual_seed(0)
    return build().eval()


def test_panels_show_what_was_sent_and_what_came_back(models: nn.Module) -> None:
    pair, made = travelled(models, "striped")
    start, sent, back, exact = (
        torch.tensor(ax.images[0].get_array()).movedim(-1, 0) for ax in travel("striped", 3, 0, models).axes
    )
    torch.testing.assert_close(start, made.own.image[3])
    torch.testing.assert_close(exact, made.own.partner[3])
    with torch.no_grad():
        torch.testing.assert_close(sent, pair.to_a(start[None])[0])
        torch.testing.assert_close(back, pair.to_b(sent[None])[0])
    noisy = torch.tensor(travel("striped", 3, 5, models).axes[1].images[0].get_array())
    spread = (noisy.movedim(-1, 0) - sent).std()
    assert NOISES[5] / 2 < float(spread) < 1.3 * NOISES[5]


def test_the_widget_takes_a_learners_models(models: nn.Module) -> None:
    widget = there_and_back(models)
    shapes = {widget.picture(**values).shape for _, values in widget.tour[:2]}
    assert len(shapes) == 1 and all(said.startswith("From ") for said, _ in widget.tour)
