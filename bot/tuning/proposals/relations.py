"""What columns say of each other: a date that decides a value, a number that decides the answer, two ways to say one
thing."""

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import category_text
from bot.tuning.proposals.facts import Facts

LEAST_DAYS, LEAST_A_DAY = 3, 5
NEARLY_ALL = 0.99
GROWS = 0.999
LEAST_ROWS, LEAST_NUMBERS = 20, 30
MISPLACED = 0.002
LEAST_SIGMAS = 5.0


def follows_time(one: Facts, times: NDArray[np.datetime64] | None) -> str | None:
    """Why a column can't be compared between windows: the date alone says what it is. None: it doesn't."""
    if times is None or one.distinct < 2:  # noqa: PLR2004
        return None
    cells = one.numbers if one.values.dtype.kind != "O" else _codes(one)
    known = ~np.isnan(cells) & ~np.isnat(times)
    cells, when = cells[known], times[known]
    if cells.size >= LEAST_ROWS and one.distinct > LEAST_NUMBERS and abs(_rank_correlation(when, cells)) > GROWS:
        return "grows with time"
    return "the same in all rows of a day, another the next" if _changes_daily(when, cells) else None


def divided_at(number: Facts, answer: Facts) -> tuple[str, float] | None:
    """The answer that is given above a value of the number, and the value; None where no value divides two answers."""
    if number.distinct < LEAST_NUMBERS or len(answer.counts) != 2 or min(answer.counts.values()) < LEAST_ROWS:  # noqa: PLR2004
        return None
    said, numbers = _texts(answer), number.numbers
    known = np.isfinite(numbers) & (said != None)  # noqa: E711
    said, numbers = said[known], numbers[known]
    first, second = answer.classes
    upper = first if numbers[said == first].mean() > numbers[said == second].mean() else second
    order = np.argsort(numbers, kind="stable")
    is_upper = (said == upper)[order]
    wrong = np.cumsum(is_upper) + (~is_upper).sum() - np.cumsum(~is_upper)
    best = int(np.argmin(wrong))
    if wrong[best] > MISPLACED * numbers.size or best + 1 >= numbers.size:
        return None
    below, above = numbers[order[best : best + 2]].tolist()
    return upper, (below + above) / 2


def same_meaning(answer: Facts, truth: Facts) -> dict[str, str] | None:
    """Which label each of two answers claims, where both have two names and go together beyond chance."""
    if len(answer.counts) != 2 or len(truth.counts) != 2 or set(answer.counts) & set(truth.counts):  # noqa: PLR2004
        return None
    said, labels = _texts(answer), _texts(truth)
    known = (said != None) & (labels != None)  # noqa: E711
    here, there = said[known] == answer.classes[1], labels[known] == truth.classes[1]
    if here.size < LEAST_ROWS or here.all() or there.all() or not (here.any() and there.any()):
        return None
    phi = float(np.corrcoef(here, there)[0, 1])
    if abs(phi) * np.sqrt(here.size) < LEAST_SIGMAS:
        return None
    labelled = truth.classes if phi > 0 else truth.classes[::-1]
    return dict(zip(answer.classes, labelled, strict=True))


def _changes_daily(when: NDArray[np.datetime64], cells: NDArray[np.float64]) -> bool:
    _, day = np.unique(when.astype("datetime64[D]"), return_inverse=True)
    sizes = np.bincount(day)
    order = np.lexsort((cells, day))
    ends = np.cumsum(sizes) - 1
    lowest, highest = cells[order][ends - sizes + 1], cells[order][ends]
    often = sizes >= LEAST_A_DAY
    if often.sum() < LEAST_DAYS or np.ptp(lowest[often]) == 0:
        return False
    return bool(np.mean(lowest[often] == highest[often]) >= NEARLY_ALL)


def _rank_correlation(when: NDArray[np.datetime64], cells: NDArray[np.float64]) -> float:
    first, second = (np.argsort(np.argsort(side, kind="stable"), kind="stable") for side in (when, cells))
    return float(np.corrcoef(first, second)[0, 1])


def _texts(one: Facts) -> NDArray[np.object_]:
    cells = one.values.tolist()
    found = [None if cell is None or cell != cell else category_text(cell) for cell in cells]  # noqa: PLR0124
    return np.array(found, dtype=object)


def _codes(one: Facts) -> NDArray[np.float64]:
    texts = _texts(one).tolist()
    places = {text: float(at) for at, text in enumerate(sorted({text for text in texts if text is not None}))}
    return np.array([np.nan if text is None else places[text] for text in texts])
