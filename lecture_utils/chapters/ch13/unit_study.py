"""Chapter 13: which units of CLIP's space answer to one concept in pictures and in sentences.

Units are chosen on some examples and scored on others. Beside them stand the best of as many arbitrary
directions of the same space, chosen and scored in the same way.

Shapes: N pictures, M sentences, D units, K concepts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data.toyworld.language.captioned import captioned, sentences
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.clip.zero_shot import TEMPLATES, class_embeddings
from lecture_utils.multimodal.concept_units import random_turn, selectivity, silenced

CONCEPTS = (*CLASSES, *COLOURS, *STUFF[1:])


@dataclass(frozen=True, eq=False)
class Answers:
    """What the units answer to pictures and to their captions, and which concepts each has.

    Attributes
    ----------
    images, texts : Tensor
        (N, D) and (M, D).
    image_has, text_has : Tensor
        (N, K) and (M, K) bool. A sentence has a concept if it says the word.
    """

    images: Tensor
    texts: Tensor
    image_has: Tensor
    text_has: Tensor

    def turned(self, turn: Tensor) -> "Answers":
        """The same in another basis of the space."""
        return Answers(self.images @ turn, self.texts @ turn, self.image_has, self.text_has)

    def scores(self) -> Tensor:
        """`selectivity`, (K, D)."""
        return selectivity(self.images, self.image_has, self.texts, self.text_has)


@torch.no_grad()
def answers(clip: CLIP, count: int, *, split: str, seed: int = 0) -> Answers:
    """Ask all units about `count` pictures, and about sentences on as many other pictures."""
    seen = captioned(count, seed=seed, split=split)
    told = captioned(count, seed=seed + 1, split=split, size=8)  # nobody looks at these
    texts = sentences(told.scenes, telling=1)
    columns = [
        *(seen.class_id == i for i in range(len(CLASSES))),
        *(seen.colour_id == i for i in range(len(COLOURS))),
        *(seen.ground_id == i for i in range(1, len(STUFF))),
    ]
    says = torch.tensor([[word in text.split() for word in CONCEPTS] for text in texts])
    return Answers(clip.encode_image(seen.image), clip.texts(texts), torch.stack(columns, dim=1), says)


def chosen_and_scored(choose: Answers, score: Answers) -> tuple[Tensor, Tensor]:
    """The best unit for each concept on some examples (K,), and its selectivity on others (K,)."""
    unit = choose.scores().argmax(1)
    return unit, score.scores()[torch.arange(len(unit)), unit]


def by_chance(choose: Answers, score: Answers, *, turns: int = 20) -> Tensor:
    """What the best of D arbitrary directions scores, (turns, K): the basis is turned at random."""
    out = []
    for seed in range(turns):
        turn = random_turn(choose.images.shape[1], seed=seed)
        out.append(chosen_and_scored(choose.turned(turn), score.turned(turn))[1])
    return torch.stack(out)


@torch.no_grad()
def lesion(clip: CLIP, units: dict[str, list[int]], *, count: int = 600, seed: int = 2) -> Tensor:
    """Zero-shot recall of each class when units are silenced: row by row (len(units), classes).

    `units` names sets of units, such as {"none": [], "star": [3, 17]}; they are held at their mean.
    """
    some = captioned(count, seed=seed, split="test")
    images = clip.encode_image(some.image)
    words = class_embeddings(clip, CLASSES, TEMPLATES)
    rows = []
    for held in units.values():
        guess = (silenced(images, held, images.mean(0)) @ words.T).argmax(1)
        rows.append(
            torch.stack([(guess == i)[some.class_id == i].float().mean() for i in range(len(CLASSES))])
        )
    return torch.stack(rows)
