"""Slack's pace, shared by every worker: one row a bucket, each holding when its next call is due (GCRA).

The generic cell rate algorithm: ITU-T I.371, as a virtual schedule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from bot.tables import Bucket

_PER_MINUTE = {
    "conversations.create": 20,
    "conversations.setTopic": 20,
    "conversations.archive": 20,
    "conversations.rename": 20,
    "pins.add": 20,
    "bookmarks.add": 20,
    "users.list": 20,
    "conversations.list": 20,
    "chat.postMessage": 240,
    "files.completeUploadExternal": 100,
    "views.publish": 100,
}
_USUAL = 50
_SHARE = 0.8
_BURST = 5
_CHANNEL_INTERVAL = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Pace:
    bucket: str
    interval: timedelta


def paces(method: str, channel: str | None, *, paced: bool = True) -> list[Pace]:
    """Return the buckets one call draws on: 80 % of the method's tier, and a message a second in one channel."""
    if not paced:
        return [Pace(pace.bucket, timedelta(0)) for pace in paces(method, channel)]
    per_minute = _PER_MINUTE.get(method, _USUAL) * _SHARE
    found = [Pace(method, timedelta(seconds=60 / per_minute))]
    if channel and method == "chat.postMessage":
        found.append(Pace(f"{method}:{channel}", _CHANNEL_INTERVAL))
    return found


def reserve(session: Session, wanted: Sequence[Pace], now: datetime) -> timedelta:
    """Take a place in each bucket, or none: then return how long to wait."""
    buckets = [session.get(Bucket, pace.bucket, with_for_update=True) for pace in wanted]
    wait = timedelta(0)
    for pace, bucket in zip(wanted, buckets, strict=True):
        if bucket is None:
            continue
        if bucket.paused_until and bucket.paused_until > now:
            wait = max(wait, bucket.paused_until - now)
        wait = max(wait, bucket.next_at - (_BURST - 1) * pace.interval - now)
    if wait > timedelta(0):
        return wait
    for pace, bucket in zip(wanted, buckets, strict=True):
        if bucket is None:
            session.merge(Bucket(name=pace.bucket, next_at=now + pace.interval))
        else:
            bucket.next_at = max(bucket.next_at, now) + pace.interval
            bucket.paused_until = None
    return timedelta(0)


def pause(session: Session, method: str, channel: str | None, until: datetime) -> None:
    """Slack said Retry-After: this bucket alone rests."""
    name = paces(method, channel)[-1].bucket
    bucket = session.get(Bucket, name)
    if bucket is None:
        session.merge(Bucket(name=name, next_at=until, paused_until=until))
    else:
        bucket.paused_until = until
