"""An app at the other end of the workspace's socket: keeps what it was sent, answers what a test wants."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


class StandingClock:
    def __init__(self, at=NOON):
        self.at = at

    def now(self):
        return self.at

    def pass_time(self, **length):
        self.at += timedelta(**length)


class ListeningApp:
    """`answer`: takes a request's kind and payload, returns the answer to it, or raises."""

    def __init__(self):
        self.requests = []
        self.answer = lambda _kind, _payload: {}

    def request(self, kind, payload, _seconds, *, retry=0):
        self.requests.append((kind, payload))
        return self.answer(kind, payload)

    def sent(self, kind):
        return [payload for one, payload in self.requests if one == kind]


def plain(text):
    return {"type": "plain_text", "text": text}


def mrkdwn(text):
    return {"type": "mrkdwn", "text": text}


def button(text, action_id, **more):
    return {"type": "button", "text": plain(text), "action_id": action_id, "value": "1", **more}


def options(*texts):
    return [{"text": plain(text), "value": text.lower()} for text in texts]
