"""A chapter as one HTML page or as a deck of slides, every picture with its alternative text.

    python tools/export.py page 01        build/01_convolutional_networks.html
    python tools/export.py slides 01      build/01_convolutional_networks.slides.html

nbconvert's templates leave out the alternative text that a notebook keeps with each picture, so a picture is
handed to them as an <img> of its own. A page or deck loads its formulas' script, and a deck reveal.js too,
from the network as it opens.
"""

import argparse
import html
import sys
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter, SlidesExporter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
EXPORTERS = {"page": (HTMLExporter, ".html"), "slides": (SlidesExporter, ".slides.html")}


class Alternatives(Preprocessor):
    """Write each picture as HTML with its alternative text, so that no template can lose it."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        """Change a code cell's pictures; a picture that has an HTML form of its own keeps it."""
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            kind = next((kind for kind in ("image/png", "image/jpeg") if kind in data), "")
            if kind and "text/html" not in data:
                about = output.get("metadata", {}).get(kind, {})
                alt = about.get("alt") or "A picture without a description."
                sizes = "".join(f' {name}="{about[name]}"' for name in ("width", "height") if name in about)
                source = f"data:{kind};base64,{''.join(data[kind].split())}"
                style = "max-width:100%;height:auto"
                data["text/html"] = f'<img alt="{html.escape(alt)}"{sizes} style="{style}" src="{source}">'
        return cell, resources


def export(path: Path, kind: str, folder: Path) -> Path:
    """Write a notebook as a page or as slides into a folder; return the file.

    Pictures that stand in the text as ../assets/… are taken into the page.
    """
    exporter_class, ending = EXPORTERS[kind]
    exporter = exporter_class(embed_images=True)
    exporter.register_preprocessor(Alternatives, enabled=True)
    body, _ = exporter.from_notebook_node(
        nbformat.read(path, as_version=4), {"metadata": {"name": path.stem, "path": str(path.parent)}}
    )
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{path.stem}{ending}"
    made.write_text(body, encoding="utf-8")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Export the chapters named by number, or all."""
    parser = argparse.ArgumentParser(description="A chapter as a page or as slides.")
    parser.add_argument("kind", choices=sorted(EXPORTERS))
    parser.add_argument("chapters", nargs="*", help="numbers, such as 01; all without any")
    options = parser.parse_args(arguments)
    books = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    unknown = [c for c in options.chapters if not any(b.name.startswith(f"{c}_") for b in books)]
    if unknown:
        have = ", ".join(book.name.partition("_")[0] for book in books)
        print(f"chapters: got {', '.join(unknown)}, want of {have}", file=sys.stderr)
        return 2
    for book in books:
        if not options.chapters or book.name.partition("_")[0] in options.chapters:
            print(export(book, options.kind, ROOT / "build").relative_to(ROOT))
    if options.kind == "slides":
        print("A deck needs the network while it is shown: reveal.js and MathJax come from there.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
