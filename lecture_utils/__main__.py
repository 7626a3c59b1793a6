"""The course on the command line: `python -m lecture_utils doctor | claims | weights | progress`."""

from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="An interactive course on modern computer vision.",
)


@app.command()
def doctor() -> None:
    """Say what this machine has for the course, and what to do about each problem."""
    from lecture_utils import doctor as examination

    raise typer.Exit(examination.report(examination.examine()))


@app.command()
def claims(
    ids: Annotated[list[str] | None, typer.Argument(help="such as C01.1; all when none is given")] = None,
    budget: Annotated[str, typer.Option(help="quick, full or gpu")] = "full",
) -> None:
    """Measure claims over all their seeds and record them in assets/claims."""
    from lecture_utils.experiments import ledger

    for name in ids or sorted(ledger.ids()):
        record = ledger.run(name, budget)
        effect = record.effect
        verdict = "holds" if record.holds else "not reproduced"
        interval = f"{effect['mean']:.4g} [{effect['low']:.4g}, {effect['high']:.4g}], n = {effect['n']}"
        typer.echo(f"{name}  {verdict}: {interval}, {record.seconds:.0f} s on {record.device}")


@app.command()
def weights(
    names: Annotated[
        list[str] | None, typer.Argument(help="such as shapes_resnet; all when none is given")
    ] = None,
) -> None:
    """Train shipped weights again from their recipes."""
    from lecture_utils import zoo

    for name in names or sorted(zoo.names()):
        typer.echo(f"{name}: training from its recipe")
        zoo.train(name)
        typer.echo(f"{name}: {zoo.card(name).metrics}")


@app.command()
def progress() -> None:
    """Show which exercises are done."""
    from lecture_utils.exercises import progress as table

    typer.echo(table())


if __name__ == "__main__":
    app(prog_name="python -m lecture_utils")
