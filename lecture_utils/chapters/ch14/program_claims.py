"""Chapter 14: do programs carry over to longer questions than end-to-end networks do, measured.

The claim is one function of a seed. Its rules are fixed here, before any run; `ledger.run` applies it.
"""

from lecture_utils.chapters.ch14.program_study import HOPS, arms_of, exams
from lecture_utils.experiments.rules import Rule, claim
from lecture_utils.training.kit import Figures, size

SCENES, STEPS, WRITER_STEPS, JUDGED = 6000, 600, 300, 250
CROWD = (4, 5)  # objects in a picture, where training has one to three


@claim(
    "C14.5",
    statement="Taught with questions over no relation and one, programs answer questions over two and "
    "three more often than a network from end to end, and lose less on the way there.",
    paper='T. Gupta and A. Kembhavi, "Visual Programming: Compositional visual reasoning without '
    'training", CVPR 2023, section 4.1 (on GQA 2.7 points above ViLT, its own VQA module; no '
    "comparison by length there)",
    rule=(Rule("deep_gain", above=0.05), Rule("keeps_more", above=0.0)),
    seeds=3,
    note="A seed: its own writer (text alone), its own network from end to end (a transformer of three "
    "layers on the frozen eye's cells and the words, 600 steps of 64 questions about 6,000 scenes), "
    "its own 250 test scenes of two and three objects with up to four questions of each length; yes "
    "and no are balanced. Modules, shared by all seeds: the course's Mask R-CNN, trained on other "
    "scenes with boxes and masks, and the shipped VQA for simple questions. So the programs' parts "
    "have seen more labels (boxes, masks, programs) than the network, whose eye has learned what each "
    "cell shows; what is compared is how each side falls off. A program that fails counts as a wrong "
    "answer. In the record: the same with exact writing, with exact modules, with programs written at "
    "one go or retrieved, the prior of answers, and pictures of four and five objects (questions over "
    "one relation).",
    names={
        "deep_gain": "accuracy of programs minus that from end to end, over two and three relations",
        "keeps_more": "accuracy lost from one relation to two and three: end to end minus programs",
        "crowd_gain": "accuracy of programs minus that from end to end, four and five objects, one relation",
    },
)
def c14_5_programs(seed: int, budget: str) -> Figures:
    """Accuracy of each arm over 0 to 3 relations, and in crowded pictures."""
    scenes, steps, writing, judged = size(
        budget, quick=(60, 2, 2, 12), full=(SCENES, STEPS, WRITER_STEPS, JUDGED)
    )
    _, judge = arms_of(seed, scenes=scenes, steps=steps, writer_steps=writing)
    of = dict(zip(map(str, HOPS), judge(list(exams(judged, seed).values())), strict=True))
    (crowd,) = judge([exams(judged, seed, objects=CROWD)[1]])

    def deep(arm: str) -> float:
        return (of["2"][arm] + of["3"][arm]) / 2

    lost = {arm: of["1"][arm] - deep(arm) for arm in ("programs", "end to end")}
    return {
        "deep_gain": deep("programs") - deep("end to end"),
        "keeps_more": lost["end to end"] - lost["programs"],
        "crowd_gain": crowd["programs"] - crowd["end to end"],
        "accuracy": {arm: {hops: scores[arm] for hops, scores in of.items()} for arm in of["1"]},
        "crowd": crowd,
    }
