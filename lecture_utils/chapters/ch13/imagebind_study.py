"""Chapter 13: what can be done in a space that pictures bind: adding senses up, and looking for a sound.

R. Girdhar et al., "ImageBind", CVPR 2023, figure 4 (arithmetic) and section 4.4 (a detector that was made for
words is asked with sounds).

Shapes: N queries, M pictures, K objects, D the joint space.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld import CLASSES, Objects, Scenes, render, sample_scenes
from lecture_utils.data.toyworld.language.captioned import LIGHT, SIZE, Captioned, captioned
from lecture_utils.data.toyworld.senses import listened
from lecture_utils.data.toyworld.sound import impact
from lecture_utils.multimodal.clip.zero_shot import TEMPLATES, class_embeddings
from lecture_utils.multimodal.imagebind.imagebind import TEMPERATURE, ImageBind, binding_loss
from lecture_utils.ops.roi import roi_align
from lecture_utils.recipes._imagebind import Perceived, classifier, clip, encoder_of, found
from lecture_utils.training.loop import minibatches, predictions


# --- arithmetic --------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Sums:
    """Pictures, sounds of other things, and the pictures of a gallery that each kind of query finds.

    Attributes
    ----------
    some, gallery : Captioned
        N and M of them.
    heard : Scenes
        N, of whose objects the sounds are: each of another class than the picture's.
    found : dict of str to Tensor
        (N,) indices into the gallery.
    """

    some: Captioned
    heard: Scenes
    gallery: Captioned
    found: dict[str, Tensor]

    def shares(self) -> dict[str, dict[str, float]]:
        """For each kind of query how often the picture found has the seen colour, seen class, heard class."""
        out = {}
        for name, at in self.found.items():
            colour = self.gallery.colour_id[at] == self.some.colour_id
            seen = self.gallery.class_id[at] == self.some.class_id
            heard = self.gallery.class_id[at] == self.heard.class_id[:, 0]
            kinds = {"colour": colour, "class seen": seen, "class heard": heard, "both": colour & heard}
            out[name] = {what: right.double().mean().item() for what, right in kinds.items()}
        return out


@torch.no_grad()
def sums(model: ImageBind, count: int = 400, gallery: int = 2000, *, seed: int = 0) -> Sums:
    """Look for pictures by a picture, by a sound, by their sum, and with the sound in place of another.

    "swapped" takes the sound of the picture's own object away and adds the other, as with words: picture -
    sound of a star + sound of a ball.
    """
    some, pool, more = (
        captioned(n, seed=seed + i, split="test", size=SIZE)
        for i, n in enumerate((count, gallery, 2 * count))
    )
    another = more.class_id != some.class_id[:, None]  # (N, 2 N)
    first = (another & (torch.arange(2 * count) >= torch.arange(count)[:, None])).int().argmax(1)
    heard = more.scenes[first]
    image, items = (embedded(model, own.image) for own in (some, pool))
    new, old = (predictions(model.audio, listened(impact(scenes))) for scenes in (heard, some.scenes))
    queries = {"picture": image, "sound": new, "sum": image + new, "swapped": image - old + new}
    found = {name: (F.normalize(query, dim=1) @ items.T).argmax(1) for name, query in queries.items()}
    return Sums(some, heard, pool, found)


def embedded(model: ImageBind, images: Tensor) -> Tensor:
    """Pictures' embeddings, (N, D)."""
    return torch.cat([model.encode("image", part) for part in images.split(250)])


# --- looking for a sound -----------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Struck:
    """Scenes of several objects, of which the first is struck.

    Attributes
    ----------
    image : Tensor
        (N, 3, S, S).
    boxes : Tensor
        (N, K, 4) x1, y1, x2, y2 in pixels.
    class_id : Tensor
        (N, K).
    scores : dict
        By "name" (of the class), "sound of its kind" and "its own sound": (N, K) similarities of the boxes.
    """

    image: Tensor
    boxes: Tensor
    class_id: Tensor
    scores: dict[str, Tensor]

    def accuracy(self) -> dict[str, float]:
        """How often the box that fits best is that of the struck object; chance is 1 / K."""
        return {name: (own.argmax(1) == 0).double().mean().item() for name, own in self.scores.items()}


def several(count: int, *, objects: int = 3, seed: int = 0) -> Scenes:
    """Draw test scenes of so many plain objects, each of another class, none hidden by more than a fifth."""
    kinds = Objects(count=objects, materials=("plain",), size=(0.34, 0.42), distance=(3.0, 5.0), turn=0.5)
    scenes = sample_scenes(8 * count, seed=seed, split="test", light=LIGHT, objects=kinds)
    alone = torch.tensor([len(set(row)) == objects for row in scenes.class_id.tolist()])
    clear = (render(scenes, 48, only="visibility").visibility > 0.8).all(1)
    kept = (alone & clear).nonzero()[:count, 0]
    return scenes[kept]


@torch.no_grad()
def struck(model: ImageBind, count: int = 200, *, objects: int = 3, size: int = 96, seed: int = 0) -> Struck:
    """Let CLIP look into the boxes of each scene, and ask for the struck object by name and by sound.

    The boxes are the true ones, without classes: a detector's proposals at their best. CLIP sees the square
    around each, twice as wide as the box, as in the pictures that it was trained on. "Sound of its kind" is
    another thing's of the same class, struck as near as in training; the object's own comes from farther
    away and, since it is smaller, has a higher pitch than any in training.
    """
    scenes = several(count, objects=objects, seed=seed)
    sample = render(scenes, size, only=("image", "boxes"))
    middle, side = box_middles(sample.boxes)
    wide = F.pad(sample.image, (size, size, size, size), mode="replicate")
    looked = torch.cat([middle - side, middle + side], dim=-1) + size  # (N, K, 4)
    of = torch.arange(len(scenes)).repeat_interleave(objects)
    crops = roi_align(wide, looked.flatten(0, 1), of, (SIZE, SIZE), 1.0)
    seen = embedded(model, crops.clamp(0, 1)).unflatten(0, (len(scenes), objects))  # (N, K, D)
    asked = scenes.class_id[:, 0]
    near = captioned(400, seed=seed, split="test", size=8).scenes
    kind = near[(near.class_id[:, 0] == asked[:, None]).int().argmax(1)]
    queries = {
        "name": class_embeddings(model.clip, CLASSES, TEMPLATES)[asked],
        "sound of its kind": predictions(model.audio, listened(impact(kind))),
        "its own sound": predictions(model.audio, listened(impact(scenes))),
    }
    scores = {name: (seen @ query[..., None])[..., 0] for name, query in queries.items()}
    return Struck(sample.image, sample.boxes, scenes.class_id, scores)


def box_middles(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the middles (…, 2) of boxes (…, 4), and their longer sides (…, 1)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]).amax(-1, keepdim=True)


# --- break it: CLIP is not frozen --------------------------------------------------------------------------
def thawed(
    scenes: Perceived, test: Perceived, *, frozen: bool, steps: int = 100, seed: int = 0
) -> dict[str, float]:
    """Bind sound to pictures, with CLIP's image encoder frozen or trained along; tell who still finds whom.

    Parameters
    ----------
    scenes, test : Perceived
        For training, and for the figures.
    frozen : bool
    steps, seed : int

    Returns
    -------
    dict
        Recall@1 of the class "picture to sound" and "word to sound", and the accuracy of CLIP's own
        zero-shot classes, "word to picture".
    """
    torch.manual_seed(seed)
    own, encoder = copy.deepcopy(clip()), encoder_of("audio", clip().dim)
    own.image_encoder.requires_grad_(not frozen)
    pair = nn.ModuleDict({"image": own.image_encoder, "audio": encoder})
    optimizer = torch.optim.AdamW([p for p in pair.parameters() if p.requires_grad], 2e-3)
    batches = minibatches(scenes.some.image, scenes.senses.audio, batch_size=64, seed=seed)
    for _, (images, sounds) in zip(range(steps), batches, strict=False):
        optimizer.zero_grad()
        binding_loss(own.encode_image(images), encoder(sounds), TEMPERATURE["audio"]).backward()
        optimizer.step()
    with torch.no_grad():
        labels, words = test.some.class_id, classifier(own, "audio")
        heard = predictions(encoder, test.senses.audio)
        seen = torch.cat([own.encode_image(part) for part in test.some.image.split(250)])
    return {
        "picture to sound": found(seen, labels, heard, labels)["recall_1"],
        "word to sound": ((heard @ words.T).argmax(1) == labels).double().mean().item(),
        "word to picture": ((seen @ words.T).argmax(1) == labels).double().mean().item(),
    }
