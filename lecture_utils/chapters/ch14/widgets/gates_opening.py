"""The gates of a trained Flamingo, slid from shut to open and beyond: its answers go from blind to seeing."""

import functools

from matplotlib.figure import Figure

from lecture_utils.chapters.ch14.flamingo_study import answer_shares, shipped, with_gates
from lecture_utils.data.toyworld.language.asked import Asked
from lecture_utils.data.toyworld.language.programs import NUMBERS
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.multimodal.flamingo.flamingo import Flamingo
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.style import BLUE, GREEN, INK
from lecture_utils.recipes._scenes import exam, seen
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

WIDTH, HEIGHT, PANEL = 8.2, 3.0, 2.5  # inches
SETS = (("yes", "no"), NUMBERS, COLOURS, CLASSES, STUFF[1:])  # the answers among which one is looked for


@functools.lru_cache(maxsize=1)
def asked() -> tuple[Asked, list[int]]:
    """Test pictures, and the numbers of the first question of each kind about them."""
    drawn = exam(60)
    kinds: dict[str, int] = {}
    for i, question in enumerate(drawn.questions):
        kinds.setdefault(question.asked, i)
    return drawn, [kinds[kind] for kind in ("what", "count", "exists", "scene", "is", "compare")]


@functools.lru_cache(maxsize=40)
def opened_to(model: Flamingo, share: float) -> Flamingo:
    """`with_gates`, made once."""
    return with_gates(model, share)


def answers(question: int, share: float, model: Flamingo | None = None) -> Figure:
    """Draw the picture that question number `question` is about, and how likely each answer is."""
    drawn, _ = asked()
    put = drawn.questions[question]
    candidates = next(group for group in SETS if put.answer in group)
    shares = answer_shares(
        opened_to(model or shipped(), round(share, 2)),
        seen(drawn)[put.scene].float(),
        put.text,
        candidates,
    )
    fig = Figure(figsize=(WIDTH, HEIGHT))
    fig.set_layout_engine("none")
    image = fig.add_axes((0.05 / WIDTH, 0.1 / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT))
    bare(image).imshow(to_image(drawn.image[put.scene]))
    bars = fig.add_axes((3.5 / WIDTH, 0.35 / HEIGHT, (WIDTH - 3.7) / WIDTH, (PANEL - 0.25) / HEIGHT))
    colours = [GREEN if word == put.answer else BLUE for word in candidates]
    bars.barh(range(len(candidates)), shares.tolist(), color=colours)
    bars.set_yticks(range(len(candidates)), candidates)
    bars.set(xlim=(0, 1), ylim=(len(candidates) - 0.4, -0.6), xlabel="")
    bars.grid(False)
    fig.text(0.05 / WIDTH, 1 - 0.22 / HEIGHT, f"{put.text}", fontsize=11, color=INK)
    said = f"gates at {share:.0%} · right: {put.answer}"
    fig.text(1 - 0.2 / WIDTH, 1 - 0.22 / HEIGHT, said, fontsize=11, color=INK, ha="right")
    return fig


def gates_opening(model: Flamingo | None = None) -> Widget:
    """Make the widget for a trained Flamingo, the shipped one where none is given."""
    drawn, numbers = asked()
    options = tuple((drawn.questions[i].text, i) for i in numbers)
    first, other = numbers[0], numbers[1]
    tour = [
        ("Open as training left them: the answer comes from the picture.", {"question": first, "share": 1.0}),
        ("Shut: the language model alone. It knows what is usual.", {"question": first, "share": 0.0}),
        ("A quarter open.", {"question": first, "share": 0.25}),
        ("Half open.", {"question": first, "share": 0.5}),
        ("Further than they were ever in training.", {"question": first, "share": 1.5}),
        ("Another question, shut.", {"question": other, "share": 0.0}),
        ("The same, open.", {"question": other, "share": 1.0}),
        ("Twice as far: nobody has taught it what to do with so much.", {"question": other, "share": 2.0}),
    ]
    return Widget(
        title="Gates opening",
        compute=functools.partial(answers, model=model),
        controls={
            "question": Choice(options, first, label="question"),
            "share": Slider(0.0, 2.0, 0.05, 0.0, label="gates, share of trained"),
        },
        tour=tour,
        trivial={"share": 0.0},
        alt="A picture, a question, and a bar for each possible answer; the right one is green.",
    )
