"""Which exercises are done, tried and next: one table."""

from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.progress import entries
from lecture_utils.kernel.panel import Panel


def progress(chapter: str | None = None) -> Panel:
    """Return which exercises are done, tried and next: a table in a notebook, text elsewhere.

    Parameters
    ----------
    chapter : str, optional
        Two digits, such as "03". Without, all chapters.

    Raises
    ------
    ValueError
        If no chapter with exercises has that number.
    """
    known, rows, following = entries(), [], ""
    everything = exercises()
    if chapter is not None:
        chapters = sorted({exercise.id.partition(".")[0] for exercise in everything})
        if chapter not in chapters:
            raise ValueError(f"progress wants one of {chapters}, got {chapter!r}")
        everything = [exercise for exercise in everything if exercise.id.startswith(f"{chapter}.")]
    for exercise in everything:
        entry = known.get(exercise.id, {})
        done, attempts = bool(entry.get("done")), int(entry.get("attempts", 0))
        state = "✓ done" if done else "✎ tried" if attempts else "· open"
        if not done and not following:
            following, state = f"{exercise.id} {exercise.title}", state + ", next"
        rows.append([exercise.id, exercise.title, state, str(attempts) if attempts else "–"])
    count = sum(bool(known.get(exercise.id, {}).get("done")) for exercise in everything)
    finished = bool(everything) and count == len(everything)
    panel = Panel("good" if finished else "open", f"{count} of {len(everything)} exercises done")
    if rows:
        panel.table(["Exercise", "Title", "State", "Attempts"], rows, numeric=[3])
    return panel.say(
        f"Next: {following}." if following else "All done." if finished else "There are none yet."
    )
