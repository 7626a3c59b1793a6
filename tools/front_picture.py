"""Draw assets/images/front.png, the README's picture: one toy scene with its annotations."""

from pathlib import Path

from lecture_utils import plotting
from lecture_utils.data import toyworld
from lecture_utils.plotting.display import pixels, png_bytes

OUT = Path(__file__).resolve().parent.parent / "assets" / "images" / "front.png"
LAYERS = ["image", "boxes", "panoptic", "depth", "normals", "keypoints"]


def main() -> None:
    """Draw it, in 256 colours."""
    plotting.use_style()
    scene = toyworld.sample_scenes(40, seed=7, split="val", objects=toyworld.Objects(count=(3, 4)))[29]
    sample = toyworld.render(scene, size=384)
    figure = plotting.annotated_scene(sample, 0, LAYERS, class_names=toyworld.CLASSES, columns=3, size=3.0)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(png_bytes(pixels(figure)))


if __name__ == "__main__":
    main()
