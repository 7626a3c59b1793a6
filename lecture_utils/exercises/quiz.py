"""Prediction questions: asked before the cell that answers them, live by jupyterquiz, on a page as plain
HTML.

jupyterquiz carries its scripts in its package, so a question needs no network. One thing is kept from it:
where it finds a MathJax that it cannot use it would load another from the network, so it runs where it sees
none. Questions therefore hold no TeX; they may hold Markdown (code, emphasis), which is drawn in both forms.
"""

import difflib
import random
import re
from functools import cache
from typing import Any
from unittest.mock import patch

from lecture_utils import runtime
from lecture_utils.exercises.questions import Question, questions
from lecture_utils.kernel.panel import escape, framed, publish

# Feedback says in words what its colour says, on a light ground in every theme, and screen readers are told.
_STYLE = """<style>
#{id} .Quiz {{ margin-left: 0; font-size: 1.1em; line-height: 1.4; }}
#{id} .Answer {{ grid-template-columns: 1fr; grid-gap: 6px; }}
#{id} .MCButton {{ justify-content: flex-start; gap: 10px; text-align: left; }}
#{id} .MCButton {{ font-size: 1em; padding: 8px 12px; }}
#{id} .MCButton:focus-within {{ outline: 3px solid #56B4E9; }}
#{id} .InpLabel {{ color: var(--jp-content-font-color1, inherit); font-size: 1em; }}
#{id} .Input-text {{ font-size: 1em; }}
#{id} .Feedback {{ font-size: 1em; text-align: left; }}
#{id} .Feedback:not(:empty) {{ background: #fff; border-radius: 6px; padding: 6px 12px; margin-top: 4px; }}
#{id} .Feedback.correct:not(:empty)::before {{ content: "\\2713  Right. "; font-weight: bold; }}
#{id} .Feedback.incorrect:not(:empty)::before {{ content: "\\2717  Not quite. "; font-weight: bold; }}
#{id} code {{ background: transparent; color: inherit; }}
</style>"""
LETTERS = "ABCDEFGHIJ"
_BLUE, _GREEN, _RED = "#1B4F72", "#00694B", "#B03A00"
_COLOURS = {
    "--jq-multiple-choice-bg": _BLUE,
    "--jq-many-choice-bg": _BLUE,
    "--jq-numeric-bg": _BLUE,
    "--jq-correct-color": _GREEN,
    "--jq-incorrect-color": _RED,
    "--jq-numeric-input-bg": "#5D6D7E",
}
_SCRIPT = """(function () {{
var MathJax = undefined;
{script}
var left = 50;
(function label() {{
  var box = document.getElementById("{id}");
  if (!box || !box.querySelector(".Feedback")) {{ if (left--) setTimeout(label, 100); return; }}
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Prediction {question}");
  box.querySelectorAll(".Feedback").forEach(function (f) {{ f.setAttribute("aria-live", "polite"); }});
  box.querySelectorAll(".Answer").forEach(function (a) {{ a.setAttribute("role", "radiogroup"); }});
  box.querySelectorAll(".Input-text").forEach(function (i) {{ i.setAttribute("aria-label", "Your answer");
  }});
}})();
}})();"""


def predict(id: str) -> None:
    """Ask a prediction question; nothing is marked or kept.

    In a notebook the answer is clicked or typed. With ``COURSE_STATIC=1`` the options stand as text and the
    answer is folded below them; the plain-text twin puts it in the last line.

    Parameters
    ----------
    id : str
        For example ``"01.1"``.

    Raises
    ------
    ValueError
        If there is no such question.
    """
    known = questions()
    if id not in known:
        near = difflib.get_close_matches(str(id), known, n=3, cutoff=0.3) or sorted(known)
        raise ValueError(
            f"There is no question {id!r}. Did you mean {' or '.join(near) or '(there are none yet)'}?"
        )
    asked = known[id]
    shell = None
    if not runtime.is_static():
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
    if shell is None:
        publish(static_html(id, asked), plain_text(id, asked))
    else:
        _live(id, asked)


def _live(id: str, asked: Question) -> None:
    from IPython.display import display

    page, script = live_parts(id, asked)
    display({"text/html": page, "text/plain": plain_text(id, asked)}, raw=True)
    display({"application/javascript": script, "text/plain": ""}, raw=True)


def live_parts(id: str, asked: Question) -> tuple[str, str]:
    """Return jupyterquiz's HTML and script for a question, made to read well and to stay offline."""
    from jupyterquiz import display_quiz

    shown: list[Any] = []  # IPython's HTML and Javascript objects
    state = random.getstate()
    random.seed()  # the quiz draws its element's id; two quizzes must differ, the learner's numbers must not
    try:
        with patch.dict(display_quiz.__globals__, display=shown.append):
            display_quiz([_drawn(id, asked)], shuffle_answers=False, max_width=700, colors=dict(_COLOURS))
    finally:
        random.setstate(state)
    page = "".join(part.data for part in shown if hasattr(part, "_repr_html_"))
    script = "".join(part.data for part in shown if hasattr(part, "_repr_javascript_"))
    match = re.search(r'<div id="(\w+)"', page)
    if match is None or not script:
        raise RuntimeError("jupyterquiz gave no quiz: please report its version with this message.")
    return page + "</div>" + _STYLE.format(id=match[1]), _SCRIPT.format(
        script=script, id=match[1], question=id
    )


def _drawn(id: str, asked: Question) -> Question:
    """Return a question as jupyterquiz shows it: as HTML, with its number, and a letter for each option."""
    drawn = {key: value for key, value in asked.items() if key != "measured"}
    drawn["question"] = f"<b>Predict {escape(id)}:</b> {markdown(asked['question'])}"
    drawn["answers"], letters = [], iter(LETTERS)
    for answer in asked["answers"]:
        answer = answer | {"feedback": markdown(answer["feedback"])}
        if "answer" in answer:
            answer["answer"] = f"<b>{next(letters)}.</b>&nbsp; {markdown(answer['answer'])}"
        drawn["answers"].append(answer)
    return drawn


def static_html(id: str, asked: Question) -> str:
    """Return a question as a page without scripts shows it: options, and the answer folded below."""
    code = f"<pre>{escape(asked['code'])}</pre>" if asked.get("code") else ""
    # The letters are text: a page's style may turn a list's own letters into numbers.
    listed = "".join(f"<div><b>{letter}.</b> {markdown(text)}</div>" for letter, text in _options(asked))
    listed = f'<div style="margin:4px 0 4px 1.5em">{listed}</div>' if listed else ""
    page = (
        f"<div><b>? Predict {escape(id)}:</b> {markdown(asked['question'])}</div>{code}{listed}"
        f'<details style="margin-top:4px"><summary style="cursor:pointer">Answer</summary>'
        f"{'<br>'.join(map(markdown, answer_lines(asked)))}</details>"
    )
    return framed(page, "#CC79A7", role="group", label=f"Prediction {id}")


def plain_text(id: str, asked: Question) -> str:
    """Return a question as text: the options with letters, the answer in the last line."""
    lines = [f"? Predict {id}: {asked['question']}"]
    lines += [str(asked["code"])] if asked.get("code") else []
    lines += [f"  {letter}. {text}" for letter, text in _options(asked)]
    lines.append("  (Answer: " + " ".join(answer_lines(asked)) + ")")
    return "\n".join(lines)


def _options(asked: Question) -> list[tuple[str, str]]:
    return list(zip(LETTERS, (a["answer"] for a in asked["answers"] if "answer" in a), strict=False))


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False})


def markdown(text: str) -> str:
    """Draw a line of Markdown as safe HTML; dollars are not taken for mathematics."""
    # "**B.** …" is no list, and a line that begins with a number is none either: only inline marks count.
    return str(_parser().renderInline(str(text))).replace("$", "&#36;")


def answer_lines(question: Question) -> list[str]:
    """Return the right answers of a question in words, each with its explanation."""
    lines, letter = [], 64
    for answer in question["answers"]:
        letter += "answer" in answer
        if not answer.get("correct"):
            continue
        if "answer" in answer:
            what = chr(letter)
        elif "range" in answer:
            low, high = answer["range"]
            what = f"from {low:,} to {high:,}"
        else:
            what = f"{answer['value']:,}"
        lines.append(f"{what}. {answer.get('feedback', '')}".strip())
    return lines
