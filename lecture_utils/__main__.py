"""The course on the command line: `python -m lecture_utils doctor | claims | weights | progress`."""

import pkgutil
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


@app.command()
def claims(
    ids: Annotated[list[str] | None, typer.Argument(help="such as C01.1; all when none is given")] = None,
    budget: Annotated[str, typer.Option(help="quick, full or gpu")] = "full",
    workers: Annotated[int, typer.Option(help="processes; results do not depend on it")] = 1,
) -> None:
    """Measure claims over all their seeds and record them in assets/claims."""
    from lecture_utils.experiments import ledger

    if budget not in ("quick", "full", "gpu"):
        raise typer.BadParameter(f"budget is {budget!r}; wanted quick, full or gpu.")
    try:
        for name in ids or [item.id for item in ledger.statements()]:
            ledger.run(name, budget, workers=workers)
    except ledger.ClaimError as error:
        fail(error)


@app.command()
def weights(
    names: Annotated[
        list[str] | None, typer.Argument(help="such as shapes_resnet; all when none is given")
    ] = None,
    seed: Annotated[int, typer.Option(help="handed to the recipe")] = 0,
) -> None:
    """Train shipped weights again from their recipes."""
    from lecture_utils import recipes, zoo

    try:
        for name in names or sorted(info.name for info in pkgutil.iter_modules(recipes.__path__)):
            typer.echo(f"{name}: training from its recipe …")
            card = zoo.train(name, seed)
            metrics = ", ".join(f"{key} {value:.4g}" for key, value in card.metrics.items())
            typer.echo(f"{name}: {metrics}; {card.steps} steps, {card.seconds:.0f} s on {card.device}")
    except zoo.WeightsError as error:
        fail(error)


@app.command()
def progress() -> None:
    """Show which exercises are done."""
    from lecture_utils.exercises.table import progress as table

    typer.echo(str(table()))


if __name__ == "__main__":
    app(prog_name="python -m lecture_utils")
