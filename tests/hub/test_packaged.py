"""EfficientNet-Lite0 from its package: real weights, offline."""

import pytest
import torch

from lecture_utils.data import photographs
from lecture_utils.hub import packaged


@pytest.mark.parametrize(
    ("picture", "name", "least"), [("coffee", "espresso", 0.9), ("cat", "Egyptian cat", 0.35)]
)
def test_it_knows_what_is_on_the_photographs(picture: str, name: str, least: float) -> None:
    (answers,) = packaged.efficientnet_lite0().top([photographs.load(picture)])
    assert answers[0][0] == name and answers[0][1] > least


def test_it_is_loaded_once_and_does_not_train() -> None:
    found = packaged.efficientnet_lite0()
    assert found is packaged.efficientnet_lite0() and not found.model.training and len(found.names) == 1000


def test_its_input_is_the_papers() -> None:
    x = torch.full((3, 300, 400), 127 / 255)
    torch.testing.assert_close(
        packaged.efficientnet_lite0().transform(x), torch.zeros(3, 224, 224), atol=1e-5, rtol=0
    )
    white = packaged.efficientnet_lite0().transform(torch.ones(3, 224, 224))
    torch.testing.assert_close(white, torch.ones(3, 224, 224), atol=1e-5, rtol=0)


def test_tensors_of_another_network_are_refused() -> None:
    model = packaged.efficientnet_lite0().model
    state = model.state_dict()
    with pytest.raises(ValueError, match=r"got 1 tensors, want the 296"):
        packaged.renamed({"w": torch.ones(1)}, model)
    first = next(iter(state))
    with pytest.raises(ValueError, match=rf"got {first} \(2,\), want one for"):
        packaged.renamed(state | {first: torch.ones(2)}, model)
