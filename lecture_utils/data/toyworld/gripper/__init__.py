"""The gripper world: blocks on a table seen from above, a hand that picks and places, and goals in words."""

from lecture_utils.data.toyworld.gripper.goals import Beside, Cleared, On, Sorted, Task, solved
from lecture_utils.data.toyworld.gripper.planner import plan
from lecture_utils.data.toyworld.gripper.questions import Asking, ask
from lecture_utils.data.toyworld.gripper.render import pictures
from lecture_utils.data.toyworld.gripper.sampling import nudge, sample_tables, sample_tasks
from lecture_utils.data.toyworld.gripper.table import Block, Table

__all__ = [
    "Asking",
    "Beside",
    "Block",
    "Cleared",
    "On",
    "Sorted",
    "Table",
    "Task",
    "ask",
    "nudge",
    "pictures",
    "plan",
    "sample_tables",
    "sample_tasks",
    "solved",
]
