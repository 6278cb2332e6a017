"""`muster init`: from somebody's own table to a back-tested monitor."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from rich.progress import TaskID

    from bot.tuning.proposals.facts import Look
    from bot.tuning.proposals.guesses import Given, Guess, Guesses
    from bot.tuning.proposals.source import Source
    from bot.tuning.proposals.trial import Progress, Trial

PICTURE = "muster-init.png"
MOST_SHOWN = 12


def init(
    rows: Annotated[str, typer.Argument(metavar="TABLE|PATH", help="A file, folder, glob or address of rows")],
    table: Annotated[str | None, typer.Option(help="The table, where a database's address is given")] = None,
    database: Annotated[
        str | None, typer.Option(metavar="NAME", help="The environment variable that holds a database's address")
    ] = None,
    time: Annotated[str | None, typer.Option(help="The column that says when a prediction was made")] = None,
    prediction: Annotated[str | None, typer.Option(help="The column of the model's answer, or none")] = None,
    score: Annotated[str | None, typer.Option(help="The column of its score, or none")] = None,
    label: Annotated[str | None, typer.Option(help="The column of the truth, or none")] = None,
    segment: Annotated[list[str] | None, typer.Option(help="A column to tell segments by; repeat it")] = None,
    window: Annotated[str | None, typer.Option(help="How long a window is, such as 1h or 1d")] = None,
    budget: Annotated[str, typer.Option(help="False pages the team's on-call bears")] = "1/week",
    name: Annotated[str | None, typer.Option(help="The model's name")] = None,
    out: Annotated[Path, typer.Option(help="The file to write; the picture goes beside it")] = Path("muster.yaml"),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take every guess, ask nothing")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file when it is there")] = False,
) -> None:
    """Look at your own data, propose a few monitors, try them on its past, and write muster.yaml.

    Nothing but that file and a picture is written, and the data is only read.
    """
    from bot.tuning.proposals.guesses import Given
    from bot.tuning.proposals.source import find_source

    _check_place(out, force=force)
    per_week, length = _budget(budget), _window(window)
    given = Given(time, prediction, score, label, tuple(segment or ()))
    source = find_source(rows, table=table, database=database, base=out.absolute().parent)
    look, guesses = _understood(source, given, yes=yes)
    _propose(source, look, guesses, out=out, name=name, budget=per_week, length=length)


def _understood(source: "Source", given: "Given", *, yes: bool) -> "tuple[Look, Guesses]":
    """Look, guess, and ask what can't be known."""
    from dataclasses import replace

    from bot.core.clock import SystemClock
    from bot.tuning.proposals.guesses import NONE, guess
    from bot.tuning.proposals.reading import read_look

    with _waiting(f"Looking at {source.shown}"):
        look = read_look(source)
    more = f", a sample of {look.seen:,} looked at" if look.seen < look.rows else ""
    print(f"{source.shown}: {look.rows:,} rows, {len(look.columns)} columns{more}\n")
    now = SystemClock().now()
    found = guess(look, given, now)
    if found.time.column is None or not (found.time.sure or yes):
        given = replace(given, time=_ask("time", "says when each prediction was made", found.time, look, yes=yes))
        found = guess(look, given, now)
    if not (found.prediction.sure or yes):
        chosen = _ask("prediction", "holds the model's answer", found.prediction, look, yes=yes)
        given = replace(given, prediction=chosen)
        found = guess(look, given, now)
    if not (found.label.sure or yes) and found.label.column != NONE:
        given = replace(given, label=_ask("label", "holds the truth, known later", found.label, look, yes=yes))
        found = guess(look, given, now)
    return look, found


def _ask(what: str, does: str, guessed: "Guess", look: "Look", *, yes: bool) -> str:
    """Ask on a terminal; elsewhere say which option answers it."""
    from bot.core.errors import BotError
    from bot.tuning.proposals.guesses import NONE
    from bot.tuning.proposals.telling import listed

    maybe = [name for name in (guessed.column, *guessed.others) if name]
    optional = what != "time"
    if not optional and all(one.times is None for one in look.columns.values()):
        raise BotError(
            "No column holds times, and a monitor compares stretches of time. Add when each prediction was made, "
            "as timestamps or seconds since 1970, and start again."
        )
    if not sys.stdin.isatty() or yes:
        none = f", or `--{what} {NONE}` where there is none" if optional else ""
        take = f" With `--yes` {guessed.column} is taken." if guessed.column else ""
        those = listed(maybe or list(look.columns))
        raise BotError(f"Which column {does}? Add `--{what} NAME`{none}; {guessed.reason}. There is {those}.{take}")
    print(f"Which column {does}? {'Perhaps' if maybe else 'There is'} {listed(maybe or list(look.columns))}.")
    while True:
        default = guessed.column or (NONE if optional else None)
        answer = str(typer.prompt(f"  {what}", default=default)).strip()
        known = answer in look.columns and (optional or look.columns[answer].times is not None)
        if known or (optional and answer == NONE):
            return answer
        print(f"  `{answer}` is no column{'' if optional else ' of times'} here.")


def _propose(
    source: "Source",
    look: "Look",
    guesses: "Guesses",
    *,
    out: Path,
    name: str | None,
    budget: float,
    length: "timedelta | None",
) -> None:
    from bot.tuning.proposals import telling
    from bot.tuning.proposals.monitors import label_delay, propose
    from bot.tuning.proposals.pace import choose
    from bot.tuning.proposals.reading import read_stretch
    from bot.tuning.proposals.trial import try_out
    from bot.tuning.proposals.writing import as_yaml, write

    for line in _columns(telling.guesses_told(guesses), indent=2):
        print(line)
    opened = source.open(source.data(guesses.time.column or ""))
    stretch = read_stretch(opened, source)
    times = look.columns[guesses.time.column or ""].times
    assert times is not None
    pace = choose(times, look.rows, stretch.first, stretch.last, length)
    proposal = propose(source, look, guesses, pace, name or source.name or "model")
    assert proposal.model.data is not None
    print(f"\nWindows of {pace.words}: {pace.reason}. {telling.reach(stretch.first, stretch.last, pace)}\n")
    with _progress() as told:
        trial = try_out(
            proposal.model,
            source.open(proposal.model.data),
            pace.windows,
            budget=budget,
            delay=label_delay(look, guesses),
            progress=told,
        )
        chart = telling.picture(trial, proposal.model.name)
    _show(trial)
    said = telling.comments(trial, pace, budget)
    write(out, as_yaml(proposal, budget=budget, said=said, notes=guesses_notes(guesses), given=source.shown))
    picture = out.absolute().parent / PICTURE
    picture.write_bytes(chart.png)
    _next(source, out, picture)


def guesses_notes(guesses: "Guesses") -> dict[str, str]:
    """Why each setting under `data:` is what it is."""
    return {
        "time": guesses.time.reason,
        "prediction": guesses.prediction.reason,
        "score": guesses.score.reason,
        "labels": guesses.label.reason,
        "version": guesses.version.reason,
        "latency": guesses.latency.reason,
    }


def _show(trial: "Trial") -> None:
    from bot.tuning.proposals import telling

    for line in _columns([telling.monitor_told(one) for one in trial.tried], indent=2):
        print(line)
    for note in trial.notes:
        print(f"  ({note})")
    print(f"\n{telling.headline(trial)[:1].upper()}{telling.headline(trial)[1:]}.")
    for page in trial.pages[:MOST_SHOWN]:
        first, *rest = telling.page_told(page)
        print(f"  {first}")
        for line in rest:
            print(f"          {line}")
    if len(trial.pages) > MOST_SHOWN:
        print(f"  and {len(trial.pages) - MOST_SHOWN} more")


def _next(source: "Source", out: Path, picture: Path) -> None:
    print(f"\nWrote {_near(out)}, and {_near(picture)} to look at.")
    if source.typed:
        print(f"It holds no address of your database; before you start:  export {source.variable}='…'")
    print("New monitors tell nobody until you accept them with `muster monitor accept --all`.")
    print(f"Next:  MUSTER_CONFIG={_near(out)} muster serve")


def _near(path: Path) -> str:
    found = os.path.relpath(path)
    return str(path.absolute()) if found.startswith("..") else found


def _columns(rows: "Sequence[Sequence[str]]", *, indent: int) -> list[str]:
    """Rows as aligned columns; the last one may be as long as it likes."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    return [
        " " * indent + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]


@contextmanager
def _waiting(what: str) -> "Iterator[None]":
    from rich.console import Console

    with Console(stderr=True).status(f"{what} …"):
        yield


@contextmanager
def _progress() -> "Iterator[Progress]":
    """A bar on a terminal's stderr, a line a monitor."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, TaskID] = {}

        def told(name: str, at: int, of: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=of)
            bar.update(tasks[name], completed=at)

        yield told


def _check_place(out: Path, *, force: bool) -> None:
    from bot.core.errors import BotError

    if not out.absolute().parent.is_dir():
        raise BotError(f"There is no folder {out.absolute().parent}; make it, or choose another with `--out`.")
    if out.exists() and not force:
        raise BotError(
            f"{out} is there already and is left as it is. Add `--force` to replace it, or `--out OTHER.yaml`."
        )


def _budget(text: str) -> float:
    from bot.catalog.values import parse_rate
    from bot.core.errors import BotError

    try:
        return parse_rate(text)
    except ValueError as error:
        raise BotError(f"{error}.") from error


def _window(text: str | None) -> "timedelta | None":
    from bot.catalog.values import parse_duration
    from bot.core.errors import BotError

    try:
        return parse_duration(text) if text else None
    except ValueError as error:
        raise BotError(f"{error}.") from error
