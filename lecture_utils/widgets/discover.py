"""Find the widgets of all chapters: NAME() of chapters/chNN/widgets/NAME.py."""

from lecture_utils.provenance.modules import chapter_modules
from lecture_utils.widgets.widget import Widget


def discover(chapter: str = "??") -> dict[str, Widget]:
    """Return every widget of the course, or of one chapter, by name."""
    found = {}
    for module in chapter_modules("widgets.*", chapter):
        name = module.__name__.rpartition(".")[2]
        found[name] = getattr(module, name)()
    return found
