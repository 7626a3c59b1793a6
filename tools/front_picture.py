"""Draw assets/images/front.png, the README's picture: one toy scene with its annotations."""

from pathlib import Path

from PIL import Image

from lecture_utils import plotting
from lecture_utils.data import toyworld

OUT = Path(__file__).resolve().parent.parent / "assets" / "images" / "front.png"
LAYERS = ["image", "boxes", "panoptic", "depth", "normals", "keypoints"]


def main() -> None:
    """Draw it, in 256 colours."""
    plotting.use_style()
    scene = toyworld.sample_scenes(40, seed=7, split="val", objects=toyworld.Objects(count=(3, 4)))[29]
    sample = toyworld.render(scene, size=384)
    figure = plotting.annotated_scene(sample, 0, LAYERS, class_names=toyworld.CLASSES, columns=3, size=3.0)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUT, metadata={"Software": None})
    Image.open(OUT).convert("RGB").quantize(256).save(OUT, optimize=True)


if __name__ == "__main__":
    main()
