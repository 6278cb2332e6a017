"""When points that are out become an alarm, and when it is over: counted in evaluations, not in minutes."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """When k of the last n evaluations are out, an alarm begins.

    out_of: n. needed: k. lasting: evaluations since the first of those that are out. clean: evaluations in a row below
    the lower level that end it (hysteresis: `level` begins, `level * release` ends). cool_down: evaluations after the
    end in which no new alarm begins.
    """

    needed: int = 1
    out_of: int = 1
    lasting: int = 0
    clean: int = 1
    release: float = 1.0
    cool_down: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.out_of:
            raise ValueError(f"{self.needed} of {self.out_of} evaluations can't be out; k lies from 1 to n.")
        if not 0 < self.release <= 1:
            raise ValueError("`release` is the part of the level at which an alarm ends: above 0, at most 1.")
        if min(self.lasting, self.cool_down) < 0 or self.clean < 1:
            raise ValueError("`lasting` and `cool_down` are 0 or more evaluations, `clean` is 1 or more.")


@dataclass(frozen=True, slots=True)
class AlarmState:
    """recent: which of the last n evaluations were out, the newest last. since: evaluations since the first of them."""

    firing: bool = False
    recent: tuple[bool, ...] = field(default=())
    since: int = 0
    clean: int = 0
    quiet: int = 0


def judge(rule: AlarmRule, state: AlarmState, score: float, level: float) -> AlarmState:
    """The state after one more evaluation. A score that is no number leaves it as it is: no data is no all-clear."""
    if score != score:  # noqa: PLR0124
        return state
    out = score > level
    recent = (*state.recent, out)[-rule.out_of :]
    if state.firing:
        clean = state.clean + 1 if score <= level * rule.release else 0
        if clean >= rule.clean:
            return AlarmState(quiet=rule.cool_down)
        return replace(state, recent=recent, clean=clean)
    quiet = max(0, state.quiet - 1)
    since = state.since + 1 if any(recent) else 0
    begins = out and sum(recent) >= rule.needed and since > rule.lasting and state.quiet == 0
    return AlarmState(begins, recent, since, 0, quiet)
