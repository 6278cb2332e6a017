"""What counts, and how: pages in quiet, faults seen in time, and whether the first name given is the right one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scored:
    """One injected fault. seen: somebody was called; delay: in windows of the model. before_labels: the labels alone
    had not shown it by then, or never do. feature, place: whether the probable cause names the right one. said: what it
    was, and what was said of it."""

    model: str
    kind: str
    placed: bool
    seen: bool
    before_labels: bool
    delay: float | None
    feature: bool
    place: bool
    said: str = ""

    @property
    def at_once(self):
        return self.seen and self.delay is not None and self.delay <= 1

    @property
    def in_time(self):
        return self.at_once or (self.seen and self.before_labels)

    @property
    def named(self):
        return self.feature and self.place


def score(model, fault, answer, start, length):
    """Hold what was said against what was done. A version is named where its column is, as feature or as segment."""
    delay = None if answer.at is None else (answer.at - start) / length
    before = answer.at is not None and (answer.labels is None or answer.at < answer.labels)
    feature, segment = (answer.cause.feature, answer.cause.segment) if answer.cause else (None, None)
    if fault.feature is None:
        right = segment == "version=v2" or feature == "version"
        place = right
    else:
        right = feature == fault.feature or feature in fault.also
        place = segment == (f"{fault.place[0]}={fault.place[1]}" if fault.place else None)
    said = answer.cause.sentence if answer.cause else "nothing"
    told = answer.page.sentence if answer.page else "nobody was called"
    where = f" in {fault.place[0]}={fault.place[1]}" if fault.place else ""
    line = f"{fault.what}{where}: {answer.by or '-'}: {told} | {said}"
    return Scored(model, fault.kind, fault.place is not None, answer.at is not None, before, delay, right, place, line)


def rates(scored):
    """Shares of some faults: seen at all, with their first window, in time, and named of those seen; and the median
    delay."""
    many = len(scored)
    if not many:
        return None
    seen = [one for one in scored if one.seen]
    delays = sorted(one.delay for one in seen)
    return {
        "faults": many,
        "seen": len(seen) / many,
        "at once": sum(one.at_once for one in scored) / many,
        "in time": sum(one.in_time for one in scored) / many,
        "feature": sum(one.feature for one in seen) / max(1, len(seen)),
        "named": sum(one.named for one in seen) / max(1, len(seen)),
        "delay": delays[len(delays) // 2] if delays else None,
    }
