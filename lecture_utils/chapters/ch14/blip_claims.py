"""Chapter 14: what an instruction in the Q-Former is worth, measured (C14.4).

The rule is fixed here, before any run; `ledger.run` applies it.

Shapes: Q queries.
"""

import torch

from lecture_utils import zoo
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.multimodal.blip2.blip2 import BLIP2
from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP
from lecture_utils.recipes._blip import answered, answerer, build_qformer, taught, told
from lecture_utils.recipes._scenes import Answers, exam, judge, language_model
from lecture_utils.training.kit import Figures, size

FEW, OTHERS = 4, (1.0, 16.0)
STEPS, BATCH, RATE = 250, 64, 4e-3
ARMS: dict[str, type[BLIP2]] = {"aware": InstructBLIP, "blind": BLIP2}


def started(arm: type[BLIP2], queries: int, seed: int) -> BLIP2:
    """A model with the Q-Former of stage 1, of whose queries the first few are kept, and a new projection."""
    qformer = build_qformer(queries)
    state = zoo.load("scenes_qformer").qformer.state_dict()  # type: ignore[union-attr]
    qformer.load_state_dict(state | {"queries": state["queries"][:queries]})
    lm = language_model()  # first: it draws weights as it is loaded
    torch.manual_seed(seed)
    return arm(lm, qformer)


def misled(model: InstructBLIP) -> Answers:
    """Answers of a model whose queries read the next question of the list."""
    return lambda grid, asked: answered(model, grid, asked, [*asked[1:], asked[0]])


def compared(seed: int, budget: str, queries: float) -> Figures:
    """Accuracy of both arms with so many queries, and of the aware one when it is misled."""
    steps, scenes, tested = size(budget, quick=(2, 64, 24), full=(STEPS, 6000, 800))
    scores: dict[str, dict[str, float]] = {}
    for name, arm in ARMS.items():
        model = started(arm, int(queries), seed)
        taught(model, told(seed, BATCH, scenes=scenes, every=0), steps=steps, rate=RATE, label=name)
        scores[name] = judge(answerer(model), exam(tested))
        if isinstance(model, InstructBLIP):
            scores["misled"] = judge(misled(model), exam(tested))
    return {
        "gain": scores["aware"]["all"] - scores["blind"]["all"],
        "aware": scores["aware"]["all"],
        "blind": scores["blind"]["all"],
        "misled": scores["misled"]["all"],
        "scores": scores,
    }


@claim(
    "C14.4",
    statement="Queries that read the question find more of what it asks for: with four queries and the same "
    "frozen language model, more questions are answered than with queries that do not read it.",
    paper='W. Dai et al., "InstructBLIP: Towards General-purpose Vision-Language Models with Instruction '
    'Tuning", NeurIPS 2023, section 3.2 (ablation of instruction-aware visual features)',
    rule=Rule("gain", above=0.0),
    seeds=3,
    note="Two trainings a seed, which differ in one thing: whether the question enters the Q-Former, or the "
    "language model alone. Both begin with the Q-Former of scenes_qformer (its first queries), and have the "
    "same projection, the same 250 steps of 64 short questions in the same order, and the same untuned rate; "
    "the language model is frozen. Accuracy: mean over six kinds of question about 800 test pictures. The "
    "axis was named before the run: 1 and 16 queries beside 4, since queries that have room for all that is "
    "to be seen need not know what is asked. Misled: the Q-Former reads another question than the language "
    "model.",
    names={
        "gain": "accuracy with queries that read the question minus that with queries that do not",
        "aware": "accuracy with queries that read the question",
        "blind": "accuracy with queries that do not",
        "misled": "accuracy when the queries read another question",
    },
    boundary=Boundary("queries", OTHERS, compared),
)
def c14_4_aware(seed: int, budget: str) -> Figures:
    """Accuracy with four queries that read the question, and with four that do not."""
    return compared(seed, budget, FEW)
