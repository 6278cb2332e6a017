"""What a column's name tells. Names are split into words: `scored_at`, `scoredAt` and `scored at` are the same."""

import re
from itertools import pairwise


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_JOINED = {"y": {"pred": "prediction", "hat": "prediction", "true": "label", "prob": "score", "proba": "score"}}

TIME = frozenset({"timestamp", "ts", "time", "datetime", "at", "date", "day", "when", "dt"})
OF_THE_EVENT = _set(
    "event scored predicted prediction answered request requested inference served occurred logged listed"
)
NOT_OF_THE_EVENT = _set(
    "label labelled labeled known truth actual updated modified birth dob born expires expiry due loaded ingested "
    "deleted resolved closed end until valid"
)
KNOWN_AT = _set("label labelled labeled known truth actual resolved confirmed settled closed arrived")
PREDICTION = _set(
    "prediction predictions predicted pred preds yhat forecast forecasted decision answer answered classification"
)
MAYBE_PREDICTION = _set("output result class action approved declined recommendation estimate estimated")
SCORE = _set("score scores proba probability probabilities prob probs confidence likelihood logit")
LABEL = _set("label labels truth actual actuals target groundtruth true outcome observed realised realized")
KEY = _set("id uuid guid key identifier")
VERSION = frozenset({"version", "release", "build"})
LATENCY = _set("latency latencies took elapsed duration response runtime")
SEGMENT = _set(
    "country region market segment channel device platform site origin carrier state city category tier plan brand "
    "gender language browser os store merchant product customer type group tenant partner source"
)
GROUP = frozenset({"query", "session", "search", "request", "list", "impression"})
PLACE = frozenset({"rank", "position", "relevance", "clicked", "click"})
UNITS = {
    "ms": "ms", "millis": "ms", "milliseconds": "ms", "us": "us", "micros": "us", "microseconds": "us",
    "s": "s", "sec": "s", "secs": "s", "seconds": "s", "min": "min", "minutes": "min",
}  # fmt: skip


def words_of(name: str) -> frozenset[str]:
    found = [one.lower() for one in _WORD.findall(name)]
    whole = "".join(found)
    extra = {_JOINED[first][second] for first, second in pairwise(found) if second in _JOINED.get(first, {})}
    extra |= {"prediction"} if whole in {"ypred", "yhat"} else set()
    extra |= {"label"} if whole in {"y", "ytrue", "groundtruth"} else set()
    if {"score", "proba", "prob", "probability"} & {*found, *extra}:
        extra -= {"prediction"}
        return frozenset({*found, *extra} - {"pred", "prediction", "predicted"} | {"score"})
    return frozenset({*found, *extra})


def slug(name: str, *, most: int = 40) -> str:
    """The name as a monitor's may be written: letters, digits and dashes."""
    found = "-".join(one.lower() for one in re.findall(r"[A-Za-z0-9]+", name))[:most].strip("-")
    return found or "column"
