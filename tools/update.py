"""Bring the course up to date (`make update`), and lose nothing that a learner has written.

A notebook that the learner has changed is kept beside the new one, as NAME.mine-DATE.ipynb. Git never merges
a notebook, so none ever holds a conflict marker. Any other changed file of the course stops the update with
one sentence, before anything is touched.
"""

import datetime
import json
import os
import shutil
import subprocess
import sys

from pythons import Problem

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NO_NETWORK = (
    "could not resolve",
    "unable to access",
    "could not read from remote",
    "connection",
    "timed out",
)


def git(root, *arguments):
    """Run git; what it prints, or a Problem with its last line."""
    env = dict(os.environ, LC_ALL="C", GIT_TERMINAL_PROMPT="0")
    done = subprocess.run(
        ["git", "-c", "core.quotepath=off", *arguments],
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if done.returncode:
        said = (
            done.stderr.decode("utf-8", "replace").strip() or done.stdout.decode("utf-8", "replace").strip()
        )
        raise Problem(said.splitlines()[-1] if said else "git {} failed.".format(arguments[0]))
    return done.stdout.decode("utf-8", "surrogateescape")


def changed(root):
    """Names of tracked files that differ from the commit that is checked out."""
    return [name for name in git(root, "diff", "--name-only", "-z", "HEAD").split("\0") if name]


def answers(text):
    """What a learner can have written: cell sources, kinds and outputs, without what editors add."""
    try:
        cells = json.loads(text)["cells"]
        return [(cell["cell_type"], "".join(cell["source"]), cell.get("outputs")) for cell in cells]
    except (ValueError, KeyError, TypeError):
        return text


def worked_in(root, name):
    """Whether a changed notebook holds anything that the committed one does not."""
    try:
        with open(os.path.join(root, name), encoding="utf-8") as file:
            mine = file.read()
    except (OSError, UnicodeDecodeError):
        return os.path.exists(os.path.join(root, name))
    return answers(mine) != answers(git(root, "show", "HEAD:" + name))


def keep(root, name, today):
    """Copy a learner's notebook beside itself under a name that is free; return that name."""
    stem = "{}.mine-{}".format(name[: -len(".ipynb")], today)
    for ending in ["", *["-{}".format(k) for k in range(2, 1000)]]:
        copy = "{}{}.ipynb".format(stem, ending)
        try:
            with open(os.path.join(root, name), "rb") as mine, open(os.path.join(root, copy), "xb") as file:
                file.write(mine.read())
                file.flush()
                os.fsync(file.fileno())
            return copy
        except FileExistsError:
            continue
        except OSError as error:
            raise Problem("Nothing was changed: {} could not be kept ({}).".format(name, error)) from None
    raise Problem("Nothing was changed: there are too many copies of {}.".format(name))


def update(root=ROOT, say=print, today=None):
    """Update the course in `root`; what was done is said line by line.

    Raises Problem, with one sentence, where it cannot: no git repository, no remote, no network, commits or
    changed files of the learner's own. Everything is then as it was.
    """
    today = today or datetime.date.today().isoformat()
    if shutil.which("git") is None:
        raise Problem("Updating needs git, which is not installed: get it, or fetch the course anew.")
    try:
        git(root, "rev-parse", "--is-inside-work-tree")
    except Problem:
        raise Problem("This copy of the course is no git clone: fetch it anew to update it.") from None
    if not git(root, "remote").split():
        raise Problem("This clone has no remote to update from.")
    try:
        upstream = git(root, "rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}").strip()
    except Problem:
        raise Problem(
            "The branch here follows no branch of the remote: `git switch main`, then try again."
        ) from None
    try:
        git(root, "fetch", "--quiet", upstream.partition("/")[0])
    except Problem as problem:
        if any(sign in str(problem).lower() for sign in NO_NETWORK):
            raise Problem("The course's server is not to be reached: try again with a network.") from None
        raise Problem("The new version could not be fetched: {}".format(problem)) from None
    if git(root, "rev-list", "--count", "HEAD..@{upstream}").strip() == "0":
        say("The course is up to date.")
        return []
    if git(root, "rev-list", "--count", "@{upstream}..HEAD").strip() != "0":
        raise Problem("You have commits of your own: merge {} yourself.".format(upstream))
    incoming = [n for n in git(root, "diff", "--name-only", "-z", "HEAD", "@{upstream}").split("\0") if n]
    mine = [name for name in changed(root) if name in incoming]
    others = [name for name in mine if not name.endswith(".ipynb")]
    if others:
        raise Problem(
            "You have changed {}: commit that, or undo it with `git checkout -- {}`, and try again.".format(
                ", ".join(others), " ".join(others)
            )
        )
    in_the_way = [name for name in git(root, "ls-files", "--others", "-z").split("\0") if name in incoming]
    if in_the_way:
        raise Problem(
            "The new version has files of these names; rename yours: {}.".format(", ".join(in_the_way))
        )
    kept = [(name, keep(root, name, today)) for name in mine if worked_in(root, name)]
    saved = {name: contents(root, name) for name in mine}
    try:
        if mine:
            git(root, "checkout", "HEAD", "--", *mine)
        git(root, "merge", "--quiet", "--ff-only", "@{upstream}")
    except (Problem, KeyboardInterrupt) as problem:
        for name, content in saved.items():
            if content is not None:
                with open(os.path.join(root, name), "wb") as file:
                    file.write(content)
        for _, copy in kept:
            os.unlink(os.path.join(root, copy))
        raise Problem("Nothing was changed: {}".format(problem or "interrupted.")) from None
    for name, copy in kept:
        say("Your {} is kept as {}.".format(name, os.path.basename(copy)))
    say("The course is updated. `make lab` installs what is new.")
    return [copy for _, copy in kept]


def contents(root, name):
    """A file's bytes, or None where there is none."""
    try:
        with open(os.path.join(root, name), "rb") as file:
            return file.read()
    except OSError:
        return None


def main():
    """Update, and say in one sentence why not."""
    try:
        update(say=say)
    except Problem as problem:
        say(problem)
        return 1
    return 0


def say(text):
    """Print a line on any terminal."""
    encoding = sys.stdout.encoding or "ascii"
    print(str(text).encode(encoding, "replace").decode(encoding), flush=True)


if __name__ == "__main__":
    sys.exit(main())
