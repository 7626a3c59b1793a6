"""A page or a deck keeps the alternative text of every picture."""

from html.parser import HTMLParser
from pathlib import Path

import export
import pytest

BOOK = export.ROOT / "notebooks" / "01_convolutional_networks.ipynb"


class Images(HTMLParser):
    """Collects the alternative text of each <img>."""

    def __init__(self) -> None:
        super().__init__()
        self.alts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.alts.append(dict(attrs).get("alt") or "")


@pytest.mark.parametrize("kind", ["page", "slides"])
def test_every_picture_has_its_alternative_text(kind: str, tmp_path: Path) -> None:
    made = export.export(BOOK, kind, tmp_path)
    text = made.read_text(encoding="utf-8")
    images = Images()
    images.feed(text)
    assert len(images.alts) >= 20 and all(len(alt.split()) > 2 for alt in images.alts)
    assert "No description has been provided" not in text
    assert 'src="../' not in text  # the file stands alone


def test_an_unknown_chapter_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main(["page", "99"]) == 2
    assert "got 99, want of 00, 01" in capsys.readouterr().err
