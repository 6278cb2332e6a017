"""Drift is not harm: what a feature means for the scores, and what its move does to them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.drift import compare_frames
from bot.statistics.scores.harm import Harm, answers_of, harm_words, induced_by, weigh
from bot.statistics.scores.importance import Surrogate, fit_surrogate, importance_words
from bot.statistics.shortfall import Reason, Shortfall

ROWS = 4000


def payments(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    amount = rng.lognormal(3, 1, rows)
    return {
        "amount": amount,
        "shadow": amount * rng.lognormal(0, 0.7, rows),
        "age": rng.normal(40, 12, rows),
        "hour": rng.integers(0, 24, rows).astype(float),
        "country": rng.choice(np.array(["DE", "FR", "PL"], dtype=object), rows, p=[0.6, 0.3, 0.1]),
    }


def score(columns, seed=1):
    """Mostly the amount, a little the country; never the shadow of the amount, the age or the hour."""
    rng = np.random.default_rng(seed)
    raw = 0.8 * (np.log(columns["amount"]) - 3) + 0.8 * (columns["country"] == "PL")
    return 1 / (1 + np.exp(-(raw + 0.3 * rng.normal(size=raw.size) - 1.5)))


@pytest.fixture(scope="module")
def then():
    return payments()


@pytest.fixture(scope="module")
def fitted(then):
    found = fit_surrogate(then, score(then))
    assert isinstance(found, Surrogate)
    return found


def induced(fitted, then, now, **told):
    return {one.feature: one for one in induced_by(fitted, then, now, **told)}


def test_what_the_score_rests_on_is_important_and_its_shadow_is_not(fitted):
    assert fitted.explained > 0.8
    assert fitted.importance["amount"] > 10 * fitted.importance["shadow"]
    assert fitted.importance["country"] > 5 * max(fitted.importance[name] for name in ("shadow", "age", "hour"))
    assert importance_words(fitted) == "by a fit that explains 86 % of the scores"


def test_scores_that_the_features_do_not_explain_are_refused(then):
    noise = np.random.default_rng(3).uniform(size=ROWS)
    found = fit_surrogate(then, noise)
    assert isinstance(found, Shortfall)
    assert found.reason is Reason.UNEXPLAINED
    assert found.sentence.startswith("The features explain only ")
    few = {name: column[:100] for name, column in then.items()}
    assert fit_surrogate(few, noise[:100]).reason is Reason.TOO_FEW_ROWS
    assert fit_surrogate(then, np.ones(ROWS)).reason is Reason.NO_VARIATION


def test_the_move_of_an_important_feature_is_harm(then, fitted):
    now = payments(seed=5)
    now["amount"] = now["amount"] * 1.8
    found = induced(fitted, then, now)
    assert found["amount"].harm is Harm.EXPECTED
    really = score(now).mean() - score(then).mean()
    assert 0.6 * really < found["amount"].shift < 1.1 * really  # bins end where the reference does
    assert harm_words(found["amount"]).endswith(" sigma): harm expected")


def test_the_move_of_a_feature_the_score_does_not_use_is_none(then, fitted):
    now = payments(seed=5)
    now["age"] = now["age"] * 0.8 + 4
    found = induced(fitted, then, now)["age"]
    assert found.harm is Harm.NONE
    assert abs(found.shift) < 0.02 * found.spread
    assert harm_words(found).endswith(": no harm expected")


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        ("age", lambda column: column * 1000),
        ("age", lambda column: np.where(np.arange(column.size) % 3 == 0, np.nan, column)),
        ("country", lambda column: np.where(np.arange(column.size) % 3 == 0, "XX", column)),
    ],
)
def test_what_the_reference_never_had_cannot_be_told(then, fitted, feature, values):
    now = payments(seed=5)
    now[feature] = values(now[feature])
    found = induced(fitted, then, now)[feature]
    assert found.outside > 0.3
    if feature == "age":
        assert found.harm is Harm.UNKNOWN
        assert harm_words(found).endswith("of its values are none that the scores are known for: harm can't be told")
    assert found.harm is not Harm.NONE


def test_a_move_of_the_middle_alone_is_seen_by_its_distance(then):
    """The mean of the scores stays where their ends move apart."""
    scores = (then["age"] - 40) ** 3 / 3e4 + np.random.default_rng(2).normal(0, 0.02, ROWS)
    fitted = fit_surrogate(then, scores)
    now = payments(seed=5)
    now["age"] = 40 + np.sign(now["age"] - 40) * 12
    found = induced(fitted, then, now)["age"]
    assert abs(found.shift) < 0.1 * found.spread < found.distance
    assert found.harm is Harm.EXPECTED


def test_scores_that_moved_otherwise_leave_nothing_harmless(then, fitted):
    now = payments(seed=5)
    calm = induced(fitted, then, now, window_score=score(now))
    assert {one.harm for one in calm.values()} == {Harm.NONE}
    found = induced(fitted, then, now, window_score=score(now) + 0.2)
    assert {one.harm for one in found.values()} == {Harm.UNKNOWN}
    assert harm_words(found["age"]).endswith("they moved otherwise as well: harm can't be told")


def test_findings_are_weighed_by_what_they_do_to_the_answers(then):
    now = payments(seed=5)
    now["age"] = now["age"] * 0.5 + 20
    now["amount"] = now["amount"] * 1.4
    plain = compare_frames(then, now)
    assert plain[0].feature == "age"
    found = weigh(plain, then, now, answers_of(score(then), score(now)))
    assert [one.feature for one in found.drifts if one.drifted] == ["amount", "age"]
    assert (found.harmless("amount"), found.harmless("age"), found.harmless("hour")) == (False, True, False)
    assert found.words("hour") is None
    assert {one.feature: one.drifted for one in found.drifts} == {one.feature: one.drifted for one in plain}


def test_classes_count_by_the_share_of_one():
    answers = answers_of(np.array(["yes", "no", "no", None], dtype=object), np.array(["yes"], dtype=object))
    assert answers.called == "the share of yes"
    assert answers.then[:3].tolist() == [1, 0, 0]
    assert np.isnan(answers.then[3])
    several = answers_of(np.array(["a", "b", "b", "c"], dtype=object), np.array(["b"], dtype=object))
    assert several.called == "the share of b"


def test_two_valued_answers_are_explained_by_their_auc(then):
    late = np.where(score(then) > np.quantile(score(then), 0.7), "decline", "accept").astype(object)
    answers = answers_of(late, late)
    fitted = fit_surrogate(then, answers.then)
    assert fitted.auc > 0.9
    assert "(AUC 0.9" in importance_words(fitted)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.floats(1e-3, 1e6), offset=st.floats(-1e3, 1e3))
def test_units_and_the_order_of_columns_make_no_difference(seed, scale, offset):
    columns = payments(seed, 1500)
    target = score(columns)
    first = fit_surrogate(columns, target)
    turned = {name: columns[name] for name in reversed(columns)}
    second = fit_surrogate({**turned, "age": columns["age"] * scale}, target * scale + offset)
    assert first.explained == pytest.approx(second.explained, abs=0.01)
    for name in columns:
        assert first.importance[name] == pytest.approx(second.importance[name], abs=0.02)
        assert second.parts[name] == pytest.approx(first.parts[name] * scale, abs=0.05 * second.spread)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_same_rows_in_another_order_move_nothing(seed):
    columns = payments(7, 1500)
    fitted = fit_surrogate(columns, score(columns))
    order = np.random.default_rng(seed).permutation(1500)
    found = induced(fitted, columns, {name: column[order] for name, column in columns.items()})
    assert max(abs(one.shift) for one in found.values()) < 1e-12
    assert {one.harm for one in found.values()} == {Harm.NONE}
