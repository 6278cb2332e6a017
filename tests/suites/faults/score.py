"""How often the right fault is named first, and how often none is on clean windows."""

from collections import Counter
from dataclasses import dataclass, field

from bot.statistics.faults.explain import explain_change
from tests.suites.faults.cases import cases, clean_windows
from tests.suites.faults.rule import identifiable, right


@dataclass
class Score:
    table: str
    tried: int = 0
    excluded: Counter = field(default_factory=Counter)
    missed: list = field(default_factory=list)
    clean: int = 0
    alarms: list = field(default_factory=list)

    @property
    def named(self):
        return 1 - len(self.missed) / self.tried

    @property
    def quiet(self):
        return 1 - len(self.alarms) / self.clean

    def __str__(self):
        lines = [
            f"{self.table}: {self.named:.1%} of {self.tried} faults named first,",
            f"  none named on {self.quiet:.1%} of {self.clean} clean windows,",
            f"  {self.excluded.total()} left out as not to be told: {dict(self.excluded)}",
        ]
        lines += [f"  missed  {label}: {answer}" for label, answer in self.missed]
        lines += [f"  alarm   {label}: {answer}" for label, answer in self.alarms]
        return "\n".join(lines)


def score(table, *, seed, faults, clean, explain=explain_change):
    found = Score(table.name)
    for case in cases(table, seed, faults):
        if not identifiable(case.fault, case.clean, case.seen):
            found.excluded[case.fault.kind.value] += 1
            continue
        found.tried += 1
        answer = next(iter(explain(case.then, case.seen)), None)
        if not right(case.fault, answer, case.clean, case.seen, case.hit):
            found.missed.append((case.label, _say(answer)))
    for label, then, now in clean_windows(table, seed + 1, clean):
        found.clean += 1
        answer = next(iter(explain(then, now)), None)
        if answer is not None:
            found.alarms.append((label, _say(answer)))
    return found


def _say(answer):
    return f"{answer.kind.value}: {answer.sentence} (explains {answer.explained:.2f})" if answer else "nothing"
