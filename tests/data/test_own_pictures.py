"""A learner's own picture: any file comes out as upright RGB in [0, 1], or is named in a sentence."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lecture_utils.data import photographs

WIDTH, HEIGHT = 40, 24
RNG = np.random.default_rng(0)
PIXELS = np.repeat(np.repeat(RNG.integers(0, 256, (6, 10, 3), dtype=np.uint8), 4, 0), 4, 1)  # (24, 40, 3)
WANT = torch.from_numpy(PIXELS).permute(2, 0, 1) / 255
RGB = Image.fromarray(PIXELS)
GREY = torch.from_numpy(np.array(RGB.convert("L"))).expand(3, -1, -1) / 255


def opened(path: Path, size: int | None = None) -> torch.Tensor:
    got = photographs.open(path, size)
    assert got.dtype == torch.float32 and got.ndim == 3 and len(got) == 3 and got.is_contiguous()
    assert float(got.min()) >= 0 and float(got.max()) <= 1
    return got


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.webp", "내 사진.png", "a b.PNG"])
def test_files_without_loss_give_their_pixels(name: str, tmp_path: Path) -> None:
    RGB.save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    assert torch.equal(opened(tmp_path / name), WANT)
    assert torch.equal(photographs.open(str(tmp_path / name)), WANT)


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png")
    picture = RGB.convert(mode)
    picture.save(path, **({"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {}))
    want = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1) / 255
    torch.testing.assert_close(opened(path), want, atol=0.03, rtol=0)


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_a_palette_is_looked_up(suffix: str, tmp_path: Path) -> None:
    indexed = RGB.quantize(60)
    assert indexed.mode == "P"
    indexed.save(tmp_path / f"a.{suffix}")
    assert (opened(tmp_path / f"a.{suffix}") - WANT).abs().mean() < 0.01


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_are_white(mode: str, tmp_path: Path) -> None:
    picture = RGB.convert(mode)
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, :10], alpha[:, 10:20] = 0, 51  # nothing, a fifth
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "a.png")
    got, full = opened(tmp_path / "a.png"), WANT if mode == "RGBA" else GREY
    assert bool((got[..., :10] == 1).all())
    torch.testing.assert_close(got[..., 10:20], 0.2 * full[..., 10:20] + 0.8, atol=0.005, rtol=0)
    assert torch.equal(got[..., 20:], full[..., 20:])


def test_the_transparent_colour_of_a_palette_is_white(tmp_path: Path) -> None:
    indexed = Image.new("P", (4, 2))
    indexed.putpalette([255, 0, 0, 0, 0, 255])
    indexed.putpixel((3, 1), 1)
    indexed.save(tmp_path / "a.gif", transparency=0)
    got = opened(tmp_path / "a.gif")
    assert got[:, 1, 3].tolist() == [0, 0, 1] and got[:, 0, 0].tolist() == [1, 1, 1]


def test_sixteen_bits_and_floats_of_grey(tmp_path: Path) -> None:
    deep = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) * 65).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    want = torch.from_numpy(deep.astype(np.float32) / 65535).expand(3, -1, -1)
    torch.testing.assert_close(opened(tmp_path / "a.png"), want)
    Image.fromarray(deep.astype(np.float32) / 65535).save(tmp_path / "a.tif")
    torch.testing.assert_close(opened(tmp_path / "a.tif"), want)
    Image.fromarray(deep.astype(np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(ValueError, match=r"b\.tif: got grey from 0 to 6.*, want 0 to 1"):
        photographs.open(tmp_path / "b.tif")


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_telephone_s_picture_stands_upright(turn: int, tmp_path: Path) -> None:
    """The file holds the picture turned or mirrored; its EXIF note says how to set it right."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = RGB.transpose(back[turn]) if turn in back else RGB
    exif = Image.Exif()
    exif[274] = turn
    stored.save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    torch.testing.assert_close(opened(tmp_path / "a.jpg"), WANT, atol=0.03, rtol=0)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_of_an_animation_the_first_frame(suffix: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    got = opened(tmp_path / f"a.{suffix}")
    assert got.shape == (3, 6, 8) and got[0].min() > 0.95 and got[1:].max() < 0.05


@pytest.mark.parametrize(("side", "shape"), [(12, (12, 20)), (48, (48, 80)), (1, (1, 2)), (24, (24, 40))])
def test_size_is_the_shorter_side(side: int, shape: tuple[int, int], tmp_path: Path) -> None:
    RGB.save(tmp_path / "a.png")
    got = opened(tmp_path / "a.png", side)
    assert got.shape == (3, *shape)
    if side > 1:
        torch.testing.assert_close(got.mean((1, 2)), WANT.mean((1, 2)), atol=0.02, rtol=0)
    RGB.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "b.png")
    assert opened(tmp_path / "b.png", side).shape == (3, *shape[::-1])


def test_shrinking_averages_what_a_stride_would_skip(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    assert (opened(tmp_path / "a.png", 8)[..., 1:-1] - 0.5).abs().max() < 0.05


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (9, 900)])
def test_odd_shapes(shape: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", shape, (255, 0, 0)).save(tmp_path / "a.png")
    assert opened(tmp_path / "a.png").shape == (3, shape[1], shape[0])


def png_of_size(path: Path, width: int, height: int) -> None:
    """A small file whose header claims many pixels."""
    Image.new("L", (1, 1)).save(path)
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = path.read_bytes()
    path.write_bytes(data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:])


def test_a_huge_file_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    png_of_size(tmp_path / "a.png", 20_000, 10_000)
    limit = Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(photographs, "_to_rgb", decode)
    with pytest.raises(ValueError, match=r"a\.png: got 20000 × 10000 pixels, want at most 100,000,000"):
        photographs.open(tmp_path / "a.png")
    assert limit == Image.MAX_IMAGE_PIXELS
    monkeypatch.undo()
    Image.new("L", (1000, 2)).save(tmp_path / "long.png")
    with pytest.raises(ValueError, match=r"size: got 1000, which makes 1000 × 500000 pixels"):
        photographs.open(tmp_path / "long.png", 1000)


def truncated(path: Path) -> None:
    noise = Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    noise.save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("a.jpg", truncated, "cut off or damaged"),
        ("a.png", truncated, "cut off or damaged"),
        ("a.gif", truncated, "cut off or damaged"),
        ("a.png", lambda path: path.write_bytes(b""), "an empty file, want a picture"),
        ("a.jpg", lambda path: path.write_text("not a picture" * 9), "no picture, want JPEG"),
        ("a.jpg", lambda path: path.write_bytes(b"\xff\xd8\xff"), "no picture|damaged"),
        ("a.heic", lambda path: path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(99)), "HEIC picture.*export"),
        ("a.png", lambda path: path.mkdir(), "a folder, want a picture file"),
    ],
)
def test_what_is_no_whole_picture_is_told_in_one_sentence(
    name: str, make: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    make(tmp_path / name)
    with pytest.raises(ValueError, match=message) as caught:
        photographs.open(tmp_path / name)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there_and_names_like_it(tmp_path: Path) -> None:
    RGB.save(tmp_path / "my cat.jpg")
    with pytest.raises(FileNotFoundError, match=r"mycat\.jpg'; did you mean my cat\.jpg\?"):
        photographs.open(tmp_path / "mycat.jpg")
    for absent in (tmp_path / "zzz.bmp", tmp_path / "no folder" / "my cat.jpg"):
        with pytest.raises(FileNotFoundError, match="we looked in"):
            photographs.open(absent)


@pytest.mark.parametrize("size", [0, -3, 2.5, "8", (8, 8), True])
def test_bad_sizes_and_paths_are_told(size: object, tmp_path: Path) -> None:
    RGB.save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"size: got .*, want a whole number of 1 or more"):
        photographs.open(tmp_path / "a.png", size)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="path: got Image, want the name of a picture file"):
        photographs.open(RGB)  # type: ignore[arg-type]
