"""`make update`, on two repositories: what the learner wrote is kept, and nothing is lost when it fails."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import update
from pythons import Problem

DAY = "2026-11-28"
BOOK = "notebooks/01_a.ipynb"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def notebook(source: str, **metadata: object) -> str:
    cell = {"cell_type": "code", "source": [source], "outputs": [], "metadata": {}}
    return json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1)


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The course's repository with a first version, and a learner's clone of it."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    server, mine = tmp_path / "server", tmp_path / "mine"
    (server / "notebooks").mkdir(parents=True)
    git(server, "init", "-q", "-b", "main")
    (server / BOOK).write_text(notebook("x = 1"))
    (server / "notebooks" / "02_b.ipynb").write_text(notebook("y = 1"))
    (server / "README.md").write_text("one\n")
    git(server, "add", "-A")
    git(server, "commit", "-qm", "first")
    git(tmp_path, "clone", "-q", str(server), "mine")
    return server, mine


def release(server: Path, **files: str) -> None:
    """Publish a new version."""
    for name, text in ({BOOK: notebook("x = 2"), "README.md": "two\n"} | files).items():
        (server / name).write_text(text)
    git(server, "add", "-A")
    git(server, "commit", "-qm", "new")


def state(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and ".git" not in p.parts
    }


def test_a_changed_notebook_is_kept_beside_the_new_one(course: tuple[Path, Path]) -> None:
    server, mine = course
    release(server)
    (mine / BOOK).write_text(notebook("x = 1 + 41"))
    (mine / "notebooks" / "02_b.ipynb").write_text(notebook("y = 7"))  # not in the new version: left alone
    said: list[str] = []
    kept = update.update(str(mine), said.append, DAY)
    assert kept == [f"notebooks/01_a.mine-{DAY}.ipynb"]
    assert "41" in (mine / kept[0]).read_text() and (mine / BOOK).read_text() == notebook("x = 2")
    assert (mine / "notebooks" / "02_b.ipynb").read_text() == notebook("y = 7")
    assert said[0] == f"Your {BOOK} is kept as 01_a.mine-{DAY}.ipynb." and "updated" in said[1]
    assert update.update(str(mine), said.append, DAY) == [] and said[-1] == "The course is up to date."


def test_a_second_copy_of_a_day_gets_a_name_of_its_own(course: tuple[Path, Path]) -> None:
    server, mine = course
    for n in (2, 3):
        release(server, **{BOOK: notebook(f"x = {n}")})
        (mine / BOOK).write_text(notebook(f"mine {n}"))
        update.update(str(mine), lambda _: None, DAY)
    for ending, text in (("", "mine 2"), ("-2", "mine 3")):
        assert text in (mine / f"notebooks/01_a.mine-{DAY}{ending}.ipynb").read_text()


def test_what_only_an_editor_changed_needs_no_copy(course: tuple[Path, Path]) -> None:
    server, mine = course
    release(server)
    (mine / BOOK).write_text(notebook("x = 1", language_info={"version": "3.99"}))
    assert update.update(str(mine), lambda _: None, DAY) == []
    assert (mine / BOOK).read_text() == notebook("x = 2")


def test_a_damaged_notebook_is_kept_too(course: tuple[Path, Path]) -> None:
    server, mine = course
    release(server)
    (mine / BOOK).write_bytes(b"\xff half")
    (kept,) = update.update(str(mine), lambda _: None, DAY)
    assert (mine / kept).read_bytes() == b"\xff half"


@pytest.mark.parametrize("where", ["gone", "none", "detached", "no clone"])
def test_what_stands_in_the_way_is_one_sentence(
    course: tuple[Path, Path], tmp_path: Path, where: str
) -> None:
    server, mine = course
    release(server)
    (mine / BOOK).write_text(notebook("mine"))
    if where == "gone":
        git(mine, "remote", "set-url", "origin", "http://127.0.0.1:9/course.git")
    elif where == "none":
        git(mine, "remote", "remove", "origin")
    elif where == "detached":
        git(mine, "checkout", "-q", "--detach")
    else:
        mine = tmp_path / "plain"
        mine.mkdir()
    before = state(mine)
    with pytest.raises(Problem) as caught:
        update.update(str(mine), lambda _: None, DAY)
    wanted = {
        "gone": "try again with a network",
        "none": "no remote",
        "detached": "follows no branch",
        "no clone": "no git clone",
    }
    assert wanted[where] in str(caught.value) and "\n" not in str(caught.value)
    assert state(mine) == before


def test_another_changed_file_stops_it_before_anything_is_touched(course: tuple[Path, Path]) -> None:
    server, mine = course
    release(server)
    (mine / BOOK).write_text(notebook("mine"))
    (mine / "README.md").write_text("mine\n")
    before = state(mine)
    with pytest.raises(Problem, match=r"You have changed README\.md"):
        update.update(str(mine), lambda _: None, DAY)
    assert state(mine) == before


def test_own_commits_and_own_files_in_the_way(course: tuple[Path, Path]) -> None:
    server, mine = course
    release(server, **{"notebooks/03_c.ipynb": notebook("z = 1")})
    (mine / "notebooks" / "03_c.ipynb").write_text("mine")
    with pytest.raises(Problem, match=r"rename yours: notebooks/03_c\.ipynb"):
        update.update(str(mine), lambda _: None, DAY)
    assert (mine / "notebooks" / "03_c.ipynb").read_text() == "mine"
    (mine / "notebooks" / "03_c.ipynb").unlink()
    (mine / "own.txt").write_text("1")
    git(mine, "add", "-A")
    git(mine, "commit", "-qm", "own")
    with pytest.raises(Problem, match="commits of your own"):
        update.update(str(mine), lambda _: None, DAY)


def test_a_failure_in_the_middle_leaves_all_as_it_was(
    course: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, mine = course
    release(server)
    (mine / BOOK).write_text(notebook("mine"))
    before, real = state(mine), update.git

    def failing(root: str, *arguments: str) -> str:
        if arguments[0] == "merge":
            raise Problem("the disk is full")
        return str(real(root, *arguments))

    monkeypatch.setattr(update, "git", failing)
    with pytest.raises(Problem, match="Nothing was changed: the disk is full"):
        update.update(str(mine), lambda _: None, DAY)
    assert state(mine) == before


def test_without_git(course: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(Problem, match="needs git"):
        update.update(str(course[1]), lambda _: None, DAY)
