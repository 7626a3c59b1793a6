"""How PaLM-E is asked, and how it answers (S14.8): prompts with places for sensors, and plans as text.

D. Driess et al., "PaLM-E: An Embodied Multimodal Language Model", ICML 2023, sections 3 and 6. A prompt here:

    given <image> and <state> : put the red star left of the blue ball . last : nothing . plan :

and the answer "pick the red star . place left of the blue ball . done .", word by word, the likeliest each.
As in the paper, what was tried before is in the prompt; here the last step alone, and not how it went.

Shapes: B batch, N tokens of text, V vocabulary.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lecture_utils.multimodal.language_model import KVCache
from lecture_utils.multimodal.palm_e.palm_e import PaLME
from lecture_utils.ops.checks import check_sizes

PLAN, ANSWER = "plan", "answer"
NOTHING = "nothing"  # was tried before


def prompt(text: str, senses: Sequence[str], *, want: str = PLAN, last: str = NOTHING) -> str:
    """Ask for a plan or an answer; each sense has a marker in the text, such as "<image>".

    Parameters
    ----------
    text : str
        An instruction or a question, its full stop or question mark a word of its own.
    senses : sequence of str
        Names of sensors; none for language alone.
    want : {"plan", "answer"}
    last : str
        Of a plan: the step that was tried last.
    """
    if want not in (PLAN, ANSWER):
        raise ValueError(f"want: got {want!r}, want {PLAN!r} or {ANSWER!r}")
    marks = " and".join(f" <{name}>" for name in senses)
    before = f"last : {last} . " if want == PLAN else ""
    return f"given{marks} : {text} {before}{want} :"


def steps_of(plan: str) -> list[str]:
    """Cut a plan into its steps: "pick the red star . done ." becomes "pick the red star" and "done"."""
    if not isinstance(plan, str):
        raise ValueError(f"plan: got {type(plan).__name__}, want a str")
    return [step.strip() for step in plan.split(" .") if step.strip()]


@torch.inference_mode()
def write(
    model: PaLME, prompts: Sequence[str], readings: Mapping[str, Tensor], *, most: int = 48
) -> list[str]:
    """Let the model answer: greedily, each token once, what came before it in the cache.

    Parameters
    ----------
    model : PaLME
        In evaluation mode.
    prompts : sequence of str
        B of them, of any length: those of one length are read together.
    readings : mapping of str to Tensor
        (B, …) each; only those whose marker is in the prompts are used.
    most : int
        The longest answer, in tokens.

    Returns
    -------
    list of B str
    """
    check_sizes("write", most=most)
    tokenizer = model.lm.tokenizer
    ids = [tokenizer.encode(text) for text in prompts]
    answers = [""] * len(ids)
    for length in sorted({len(row) for row in ids}):
        rows = [i for i, row in enumerate(ids) if len(row) == length]
        together = torch.tensor([ids[i] for i in rows])
        used = {n: x[rows] for n, x in readings.items() if bool((together == model.markers[n]).any())}
        for i, written in zip(rows, _greedy(model, together, used, most, tokenizer.end), strict=True):
            answers[i] = tokenizer.decode(written).strip()
    return answers


def _greedy(
    model: PaLME, ids: Tensor, readings: Mapping[str, Tensor], most: int, end: int
) -> list[list[int]]:
    """Write behind prompts (B, N) of one length, until each has ended."""
    cache = KVCache()
    new = model(ids, readings, cache)[:, -1].argmax(-1)  # (B,)
    written = [new]
    while len(written) < most and len(cache) < model.lm.length and not bool((new == end).all()):
        new = torch.where(new == end, end, model.lm(new[:, None], cache)[:, -1].argmax(-1))
        written.append(new)
    return [row[: row.index(end)] if end in row else row for row in torch.stack(written, 1).tolist()]
