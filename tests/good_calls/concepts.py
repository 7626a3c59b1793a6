"""Good calls of the concept units."""

import torch

from tests.bad_calls import count, floats, made

ANSWERS = floats(6, 2)
HAS = made(lambda: torch.tensor([[True], [False], [True], [False], [False], [True]]))

GOOD = {
    "multimodal.concept_units": {
        "roc_area": {"answers": ANSWERS, "has": HAS},
        "mean_ranks": {"values": ANSWERS},
        "selectivity": {"images": ANSWERS, "image_has": HAS, "texts": ANSWERS, "text_has": HAS},
        "random_turn": {"dim": count(3), "seed": 0},
        "silenced": {"embeddings": ANSWERS, "units": [1]},
    }
}
