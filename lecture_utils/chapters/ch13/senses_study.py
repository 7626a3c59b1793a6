"""Chapter 13: from one sense to another (S13.7), and what no sense can know.

What should come out was written down before anything was measured: a voice tells of age, sex, the head's
size and, through these, of a beard; of skin, hair, eyes and glasses it tells nothing. A struck object's sound
tells its class and not its colour.

Shapes: N persons, pictures or sounds.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.faces import Speakers, sample_speakers
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.clip.zero_shot import TEMPLATES, class_embeddings
from lecture_utils.multimodal.sound_encoder import SoundEncoder
from lecture_utils.multimodal.sound_to_image import alignment_loss
from lecture_utils.multimodal.speech_to_face import SpeechToFace
from lecture_utils.recipes import _speakers as people
from lecture_utils.recipes import _struck, _told, shapes_sound_image
from lecture_utils.recipes._parts import rows
from lecture_utils.recipes.faces_from_voices import embeddings
from lecture_utils.training.one_cycle import one_cycle


@dataclass(frozen=True)
class Told:
    """What a voice tells of a face.

    Attributes
    ----------
    question : str
    physical : bool
        Whether the world ties it to the voice.
    chance, voice, face : float
        Balanced accuracy of guessing, from the voice, and from a frontal picture.
    low, high : float
        95 % interval of `voice`, by resampling persons.
    """

    question: str
    physical: bool
    chance: float
    voice: float
    low: float
    high: float
    face: float


def what_voices_tell(model: SpeechToFace, speakers: Speakers, *, draws: int = 500) -> list[Told]:
    """Ask of N speakers' voices, and of their frontal pictures, what the face encoder can answer."""
    right = people.answers(speakers.faces)
    frontal = people.portraits(speakers.faces, frontal=True)
    with torch.inference_mode():
        heard = people.guesses(model.face_encoder, model.voice_encoder(people.heard(speakers)))
    seen = people.balanced(model.face_encoder, embeddings(model.face_encoder, frontal), right)
    made, rows = torch.Generator().manual_seed(0), []
    for name, count in people.QUESTIONS.items():
        again = torch.randint(len(speakers), (draws, len(speakers)), generator=made)
        spread = torch.tensor([people.balanced_accuracy(heard[name][i], right[name][i]) for i in again])
        low, high = spread.quantile(torch.tensor([0.025, 0.975])).tolist()
        figure = people.balanced_accuracy(heard[name], right[name])
        rows.append(Told(name, name in people.HEARD, 1 / count, figure, low, high, seen[name]))
    return rows


def unmet_speakers(count: int = 1000, seed: int = 1) -> Speakers:
    """Persons whom no training has met."""
    return sample_speakers(count, seed, "test")


@dataclass(frozen=True)
class Drawn:
    """How well drawings show what is there: shares of N that are taken for the right thing.

    `by_resnet` and `by_clip` are of the class, as `shapes_resnet` and CLIP's sentences see it; `colour` is
    CLIP's; `near` the mean cosine of what was drawn from with the embedding of the true picture.
    """

    source: str
    by_resnet: float
    by_clip: float
    colour: float
    near: float


def drawings(
    scenes: _struck.Struck, encoders: dict[str, SoundEncoder]
) -> tuple[list[Drawn], dict[str, Tensor]]:
    """Draw scenes from their pictures' embeddings, and from what encoders of sound give.

    Returns
    -------
    rows : list of Drawn
        The first is of the real pictures, the second of drawings from embeddings of pictures.
    pictures : dict of str to Tensor
        (N, 3, 32, 32) of each source.
    """
    clip: CLIP = zoo.load("shapes_clip")  # type: ignore[assignment]
    model, judge = zoo.load("shapes_sound_image"), zoo.load("shapes_resnet")
    decoder: nn.Module = model.decoder  # type: ignore[assignment]
    seen = _struck.places(clip, scenes.seen.image)
    with torch.inference_mode():
        words = class_embeddings(clip, CLASSES, TEMPLATES)
        told = {"picture": seen, **{name: encoder(scenes.mel) for name, encoder in encoders.items()}}
        pictures = {name: decoder(place, scenes.layout) for name, place in told.items()}
    pictures = {"real": scenes.seen.image, **pictures}
    rows, what = [], scenes.seen
    for name, images in pictures.items():
        place = _struck.places(clip, images)
        rows.append(
            Drawn(
                name,
                share(_struck.classes_of(judge, images), what.class_id),
                share((place @ words.T).argmax(1), what.class_id),
                share(_struck.colours_of(clip, images), what.colour_id),
                float((told.get(name, seen) * seen).sum(1).mean()),
            )
        )
    return rows, pictures


def sound_encoder(steps: int = 300, *, pull: float = 20.0, scenes: int = 3000, seed: int = 0) -> SoundEncoder:
    """Train a sound encoder towards CLIP's pictures (8 CPU seconds); with `pull` = 0 by InfoNCE alone."""
    torch.manual_seed(seed)
    encoder = shapes_sound_image.build().sound_encoder
    clip: CLIP = zoo.load("shapes_clip")  # type: ignore[assignment]
    known = _struck.struck(scenes, seed)
    places = _struck.places(clip, known.seen.image)
    batches = rows(known.mel, places, batch=shapes_sound_image.BATCH, seed=seed)
    one_cycle(
        encoder, batches,  # type: ignore[arg-type]
        loss=lambda net, mel, place: alignment_loss(net(mel), place, pull=pull),
        optimizer=torch.optim.AdamW(encoder.parameters(), 3e-3, weight_decay=0.02), steps=steps, warm_up=0.15,
        label="sound",
    )  # fmt: skip
    return encoder.eval()


def colour_chance(class_id: Tensor, colour_id: Tensor) -> float:
    """How often a colour is right that was taken from another picture of the same class.

    No class occurs in its two held-out colours, so that this is about 1/6 and not 1/8.
    """
    counts = torch.zeros(int(class_id.max()) + 1, int(colour_id.max()) + 1, dtype=torch.float64)
    counts.index_put_((class_id, colour_id), torch.ones(len(class_id), dtype=torch.float64), accumulate=True)
    total = counts.sum(1)  # of each class
    same = (counts * (counts - 1)).sum(1) / (total - 1).clamp_min(1)  # of its pictures, how many are right
    return float(same.sum() / total.sum())


def share(guess: Tensor, right: Tensor) -> float:
    """Share of N that are guessed right."""
    return (guess == right).double().mean().item()


def forgotten_colours(count: int = 1000) -> dict[str, float]:
    """How well a linear reading of `shapes_resnet` tells colours, after its first and after its last stage.

    Least squares on the maps' means over 2 × 2 parts of the picture; trained on pairs of class and colour
    that training shows, tested on held-out ones (chance 1/8): where the colour is forgotten, it is guessed
    from the class, and so wrongly.
    """
    resnet = zoo.load("shapes_resnet")
    known, other = captioned(count, seed=5), captioned(count, seed=5, split="test", held_out=True)
    figures = {}
    for name, maps in (("first stage", slice(0, 16)), ("last stage", slice(16, 80))):
        x, y = (
            F.adaptive_avg_pool2d(_told.features_of(resnet, some.image)[:, maps], 2).flatten(1)
            for some in (known, other)
        )
        x, y = (torch.cat([z, torch.ones(len(z), 1)], dim=1).double() for z in (x, y))
        wanted = F.one_hot(known.colour_id, 8).double()
        ridge = x.T @ x + 1e-4 * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
        figures[name] = share((y @ torch.linalg.solve(ridge, x.T @ wanted)).argmax(1), other.colour_id)
    return figures
