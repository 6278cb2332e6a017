"""What the newer of two versions still makes of each feature, beside the older one."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bot.checks.registry import Question
from bot.checks.version_pair import VersionPair
from bot.checks.windows import features_of
from bot.data import Frame
from bot.statistics.columns import Column, category_text
from bot.statistics.scores.harm import answers_of
from bot.statistics.scores.heed import Answered, Heed, compare_heed
from bot.statistics.scores.importance import LEAST_ROWS
from bot.statistics.shortfall import Shortfall

WINDOWS_BEFORE, MOST_LEARNT = 7, 20_000
SEED = 20261201


def heeded(question: Question, pair: VersionPair) -> list[Heed]:
    """None where the features say too little of the answers, or too few rows of the old version are there."""
    data = question.rows.data
    answer = data.score or data.prediction
    features = [name for name in features_of(question) if name in pair.then.columns and name != answer]
    sides = _sides(question, pair, [*features, answer]) if answer and features else None
    if answer is None or sides is None:
        return []
    now = pair.now.columns[answer]
    learnt, then, new = (
        Answered({name: columns[name] for name in features}, answers)
        for columns, answers in zip(
            (*sides, pair.now.columns), _numbers([one[answer] for one in sides], now), strict=True
        )
    )
    found = compare_heed(learnt, then, new)
    return [] if isinstance(found, Shortfall) else found


def _numbers(then: list[Column], now: Column) -> list[Column]:
    """The answers of all three as numbers, of the same class where they are classes."""
    found = answers_of(np.concatenate(then), now)
    cut = len(then[0])
    return [found.then[:cut], found.then[cut:], found.now]


def _sides(
    question: Question, pair: VersionPair, names: list[str]
) -> tuple[Mapping[str, Column], Mapping[str, Column]] | None:
    """Rows of the old version to learn from, and others to compare: of the windows before, or half of its own."""
    version = question.rows.data.version
    assert version is not None
    # However far back the pair was found: what is read beside it stays the model's own few windows.
    before = question.rows.window(
        "predictions",
        pair.sides.start - WINDOWS_BEFORE * question.rows.data.window,
        pair.sides.start,
        [version, *names],
        most=MOST_LEARNT,
    )
    old = np.array([category_text(cell) == pair.old for cell in before.columns[version].tolist()], dtype=np.bool_)
    if old.sum() >= LEAST_ROWS:
        return _only(before, names, old), pair.then.columns
    half = np.random.default_rng(SEED).permutation(pair.then.rows) % 2 == 0
    if half.sum() < LEAST_ROWS:
        return None
    return _only(pair.then, names, half), _only(pair.then, names, ~half)


def _only(frame: Frame, names: list[str], rows: NDArray[np.bool_]) -> Mapping[str, Column]:
    return {name: frame.columns[name][rows] for name in names}
