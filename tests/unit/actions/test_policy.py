"""Who may start, approve and refuse."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actions.policy import RefusedError, check_may_ask, check_may_decide, check_may_refuse, off
from bot.catalog.config import Action
from bot.tables import ActionRun

USERS = st.sampled_from(["U1", "U2", "U3"])
APPROVERS = st.lists(USERS, unique=True, min_size=1)


def action(approvers, *, two_person=False):
    http = {"url": "https://gateway.example"}
    return Action.model_validate(
        {"name": "a", "title": "A", "http": http, "approvers": approvers, "two_person": two_person}
    )


def asked(by):
    return ActionRun(incident_id=1, name="a", requested_by=by, requested_at=datetime(2026, 11, 2, tzinfo=UTC))


def allowed(check, *arguments, known=True):
    try:
        check(*arguments, known=known)
    except RefusedError:
        return False
    return True


@given(APPROVERS, USERS, USERS)
def test_two_people_are_two_and_one_of_them_an_approver(approvers, asker, decider):
    one = action(approvers, two_person=True)
    if allowed(check_may_ask, one, asker) and allowed(check_may_decide, one, asked(asker), decider):
        assert decider in approvers
        assert decider != asker


@given(APPROVERS, USERS)
def test_whoever_asks_for_two_has_somebody_to_decide(approvers, asker):
    one = action(approvers, two_person=True)
    if allowed(check_may_ask, one, asker):
        assert any(allowed(check_may_decide, one, asked(asker), user) for user in ("U1", "U2", "U3"))


@given(APPROVERS, USERS)
def test_alone_only_an_approver_starts(approvers, asker):
    assert allowed(check_may_ask, action(approvers), asker) == (asker in approvers)


@given(APPROVERS, USERS, st.booleans())
def test_the_unknown_may_nothing(approvers, user, two_person):
    one = action(approvers, two_person=two_person)
    assert not allowed(check_may_ask, one, user, known=False)
    assert not allowed(check_may_decide, one, asked("U9"), user, known=False)
    assert not allowed(check_may_refuse, one, asked(user), user, known=False)


def test_whoever_asked_may_withdraw():
    one = action(["U2"], two_person=True)
    assert allowed(check_may_refuse, one, asked("U1"), "U1")
    assert not allowed(check_may_refuse, one, asked("U1"), "U3")


@pytest.mark.parametrize(("approvers", "is_off"), [([], True), (["U1"], False)])
def test_off_until_approvers_are_named(approvers, is_off):
    said = off(action(approvers))
    assert bool(said) == is_off
    assert said is None or "`approvers:`" in said
