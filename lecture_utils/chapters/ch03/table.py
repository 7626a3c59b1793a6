"""MAE, DINO, supervised and untrained encoders side by side, from the ledger's records."""

from statistics import mean

from lecture_utils.chapters.ch03.arms import ARMS
from lecture_utils.experiments import ledger

COLUMNS = ("encoder", "k-NN, 2,000 labels", "linear probe, 2,000", "fine-tuned, 160", "attention IoU")


def comparison() -> list[list[str | float]]:
    """Return one row an encoder: test accuracies and IoU, means over the seeds of C03.2, C03.3 and C03.5.

    Raises
    ------
    ClaimError
        If one of these claims has not been measured.
    """
    tuned, frozen, outlined = (ledger.load(id).figures for id in ("C03.2", "C03.3", "C03.5"))
    few = {arm: [row["accuracy"][arm]["160"] for row in tuned] for arm in ("MAE", "from scratch")}
    few |= {arm: [row["tuned"][arm] for row in frozen] for arm in ("DINO", "supervised")}
    return [
        [
            arm,
            mean(row["knn"][arm] for row in frozen),
            mean(row["linear"][arm] for row in frozen),
            mean(few[arm]),
            mean(row["iou"][arm] for row in outlined),
        ]
        for arm in ARMS
    ]
