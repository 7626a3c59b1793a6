"""The gripper's study: its intervals, what words alone say, its arms, and its figures."""

import pytest
from matplotlib.figure import Figure

from lecture_utils.chapters.ch14 import gripper_figures, gripper_study
from lecture_utils.chapters.ch14.gripper_study import Share, carried_out, literal, share
from lecture_utils.data.toyworld.gripper import Beside, On, Task, plan
from lecture_utils.recipes.gripper_palm import build

pytestmark = pytest.mark.system("S14.8")


def test_intervals_solve_wilsons_equation() -> None:
    """The ends are the shares p from which the observed one is 1.96 standard errors away."""
    for own in (Share(3, 20), Share(0, 9), Share(50, 50), Share(120, 200)):
        for end in own.interval:
            off = abs(own.value - end)
            assert off == pytest.approx(1.96 * (end * (1 - end) / own.trials) ** 0.5, abs=1e-9)


def test_what_the_words_say_outright() -> None:
    goals = (Beside("red star", "left of", "blue ball"), On("pink ring", "on the left"))
    steps = [
        "pick the red star",
        "place left of the blue ball",
        "pick the pink ring",
        "place on the left",
        "done",
    ]
    assert literal(Task("", goals, "then")) == steps
    assert literal(Task("", goals[:1], "meant")) is None and literal(Task("", (), "sort")) is None


def test_the_expert_does_all_and_a_random_plan_next_to_nothing() -> None:
    tables, tasks = gripper_study.tests(25)
    model = build()
    expert = carried_out(model, "expert", tables, tasks)
    assert share(expert) == Share(25, 25) and all(trial.episode.done for trial in expert)
    assert [trial.picks for trial in expert] == [
        len(plan(*both)) // 2 for both in zip(tables, tasks, strict=True)
    ]
    assert share(carried_out(model, "random", tables, tasks, closed=False)).value < 0.3
    for trouble in ("slip", "push"):
        assert share(carried_out(model, "expert", tables, tasks, trouble=trouble)).value == 1
    assert share(carried_out(model, "expert", tables, tasks, closed=False, trouble="slip")).value < 1


def test_all_arms_run_with_an_untrained_model() -> None:
    told = gripper_study.arms(build(), 3, most=1)
    assert set(told) == set(gripper_study.ARMS)
    assert all(len(trials) == 3 for trials in told.values())
    answers = gripper_study.answered(build(), 6)
    assert answers["all"].trials == 6 and "of 6" in gripper_study.table_of(answers)


def test_figures_of_an_episode() -> None:
    tables, tasks = gripper_study.tests(3)
    first = " . ".join(plan(tables[0], tasks[0])) + " ."
    play = gripper_figures.played(lambda words, seen, last: [first], tables[0], tasks[0], closed=False)
    assert play.solved and play.episode.done and len(play.looks) == len(play.episode.steps) + 1
    assert isinstance(gripper_figures.episode_strip(play, "The expert"), Figure)
    frames = gripper_figures.film(play, every=8, hold=1)
    assert len({frame.shape for frame in frames}) == 1
    bars = gripper_figures.success_bars({"all": {"a": Share(3, 9), "b": Share(0, 9)}}, "Title")
    assert isinstance(bars, Figure)
    assert isinstance(gripper_figures.tables_shown(tables, ["one", "two", "three"], "Tables"), Figure)
