"""The course on the command line: `python -m lecture_utils doctor | claims | weights | progress`."""

from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="An interactive course on modern computer vision.",
)


@app.callback()
def main() -> None:
    """An interactive course on modern computer vision."""
    from lecture_utils.kernel.terminal import forgive

    forgive()


def fail(error: Exception) -> NoReturn:
    """Say what is wrong in its own words, without a traceback."""
    typer.echo(str(error), err=True)
    raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Say what this machine has for the course, and what to do about each problem."""
    from lecture_utils.kernel import doctor as examination

    raise typer.Exit(examination.report(examination.examine()))


JOBS = Annotated[int, typer.Option(min=1, help="processes; results do not depend on it")]
ENGINE = Annotated[str, typer.Option(help="processes, or ray: on a Ray cluster")]


@app.command()
def claims(
    ids: Annotated[list[str] | None, typer.Argument(help="such as C01.1; all when none is given")] = None,
    budget: Annotated[str, typer.Option(help="quick, full or gpu")] = "full",
    jobs: JOBS = 1,
    engine: ENGINE = "processes",
    confirm: Annotated[bool, typer.Option(help="run one seed, and confirm a record that agrees")] = False,
    against: Annotated[str, typer.Option(help="with --confirm: a git revision to compare with, here")] = "",
) -> None:
    """Measure claims over all their seeds and record them in assets/claims."""
    from lecture_utils.experiments import ledger
    from lecture_utils.training.jobs import ENGINES, JobsError, spread

    if budget not in ("quick", "full", "gpu"):
        raise typer.BadParameter(f"budget: got {budget!r}, want quick, full or gpu.")
    if engine not in ENGINES:
        raise typer.BadParameter(f"engine: got {engine!r}, want {' or '.join(ENGINES)}.")
    if against and not confirm:
        raise typer.BadParameter("against: got a revision without --confirm, want both.")
    try:
        names = ids or [item.id for item in ledger.statements()]
        if not confirm:
            ledger.run_all(names, budget, jobs=jobs, engine=engine)
            return
        from lecture_utils.experiments.confirm import attempt

        failed = False
        for good, line in spread(attempt, [(name, against) for name in names], jobs=jobs, engine=engine):
            typer.echo(line, err=not good)
            failed |= not good
        if failed:
            raise typer.Exit(1)
    except (ledger.ClaimError, JobsError) as error:
        fail(error)


@app.command()
def weights(
    names: Annotated[
        list[str] | None, typer.Argument(help="such as shapes_resnet; all when none is given")
    ] = None,
    seed: Annotated[int, typer.Option(help="handed to the recipe")] = 0,
    check: Annotated[bool, typer.Option("--check", help="train nothing: evaluate what is shipped")] = False,
    jobs: JOBS = 1,
    engine: ENGINE = "processes",
) -> None:
    """Train shipped weights again from their recipes, or evaluate them again."""
    from lecture_utils import zoo
    from lecture_utils.training.jobs import ENGINES, JobsError, spread

    if engine not in ENGINES:
        raise typer.BadParameter(f"engine: got {engine!r}, want {' or '.join(ENGINES)}.")
    chosen = names or zoo.recipes()
    if check:
        try:
            for name in chosen:
                typer.echo(f"{name}: {zoo.check(name).metrics}")
        except zoo.WeightsError as error:
            fail(error)
        return
    typer.echo(
        f"{', '.join(chosen)}: training from {'its recipe' if len(chosen) == 1 else 'their recipes'} …"
    )
    try:
        for made in spread(zoo.made, [(name, seed) for name in chosen], jobs=jobs, engine=engine):
            card = zoo.keep(made)
            metrics = ", ".join(f"{key} {value:.4g}" for key, value in card.metrics.items())
            typer.echo(f"{card.name}: {metrics}; {card.steps} steps, {card.seconds:.0f} s on {card.device}")
    except (zoo.WeightsError, JobsError) as error:
        fail(error)


@app.command()
def progress() -> None:
    """Show which exercises are done."""
    from lecture_utils.exercises.table import progress as table

    typer.echo(str(table()))


if __name__ == "__main__":
    app(prog_name="python -m lecture_utils")
