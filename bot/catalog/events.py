"""Known events of `muster.yaml`: when they are, whom they concern, and the public holidays of countries."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from bot.catalog.values import Strict


class Repeat(StrEnum):
    NONE = "none"
    WEEKLY = "weekly"
    YEARLY = "yearly"


class Effect(StrEnum):
    """What an event does beside being left out of baselines.

    expect: what fires within it is noted as expected and pages nobody, outcomes apart. widen: limits are wider within
    it. leave_out: nothing more.
    """

    EXPECT = "expect"
    WIDEN = "widen"
    LEAVE_OUT = "leave_out"


def parse_moment(value: Any) -> date | datetime:  # noqa: ANN401
    """Read `2026-11-27` as a whole day, `2026-11-27T08:00` as a moment."""
    if isinstance(value, date):
        return value
    text = str(value).strip()
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    raise ValueError(f"{text[:40]!r} is no date; write 2026-11-27, or 2026-11-27T08:00")


def parse_countries(value: Any) -> list[str]:  # noqa: ANN401
    """Read `US`, or `[US, DE-BY]`: ISO codes of countries, with a subdivision where its own holidays count."""
    codes = [value] if isinstance(value, str) else value
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise ValueError("name countries by their ISO codes, such as `US` or `[US, DE-BY]`; put NO in quotes")
    for code in codes:
        _check_country(code)
    return codes


def _check_country(code: str) -> None:
    import holidays  # noqa: PLC0415

    country, _, part = code.partition("-")
    known = holidays.list_supported_countries()
    if country not in known:
        raise ValueError(f"no holidays are known for {code!r}; name a country by its ISO code, such as US or DE-BY")
    if part and part not in known[country]:
        parts = ", ".join(known[country][:20]) or "none"
        raise ValueError(f"{country} has no part {part!r} with holidays of its own; it has {parts}")


Moment = Annotated[date | datetime, BeforeValidator(parse_moment), PlainSerializer(lambda moment: moment.isoformat())]
Countries = Annotated[list[str], BeforeValidator(parse_countries)]


class KnownEvent(Strict):
    """Something people know of beforehand: a campaign, a sale, a move of offices.

    start, end: days, the last one whole, or moments; without a zone, in the time zone of the configuration. Without
    `end` it lasts the day it starts on. models: whom it concerns; nobody named: every model. repeat: from its first
    time on, at the same weekday and hour or the same day of the year.
    """

    name: str = Field(min_length=1, max_length=80)
    start: Moment
    end: Moment | None = None
    models: list[str] = []
    repeat: Repeat = Repeat.NONE
    effect: Effect = Effect.EXPECT

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        start, end = self.start, self.end
        if end is None and isinstance(start, datetime):
            raise ValueError(f"{self.name!r} starts at {start:%Y-%m-%d %H:%M}; say its `end` too")
        if end is not None and _order(end, last=True) <= _order(start, last=False):
            raise ValueError(f"{self.name!r} ends ({end}) before it starts ({start})")
        return self


def _order(moment: date | datetime, *, last: bool) -> datetime:
    """The moment without its zone; a day as the last end counts whole."""
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=None)
    return datetime.combine(moment, datetime.max.time() if last else datetime.min.time())
