"""Every merchant at once: who stands out, who does not, what is said of it, and what is not a merchant's fault."""

import pytest

from bot.catalog.load import parse_catalog
from bot.core.errors import BotError, ConfigError
from bot.data import open_model
from bot.monitoring.finding import State
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.terms import Terms
from bot.monitoring.references import Comparison
from bot.monitoring.rehearsal import rehearse, windows_between
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from tests.unit.monitoring.flights import HOUR, START
from tests.unit.monitoring.merchants import HOURS, Merchants, payments

RATE = 1 / 168
LAST = HOURS - 1
SHARE = {"name": "declines", "metric": "class_share", "value": "decline", "by": "merchant"}
NULLS = {"name": "nulls", "metric": "null_rate", "feature": "amount", "by": "merchant"}
COUNT = {"name": "rows", "metric": "row_count", "by": "merchant"}
MEAN = {"name": "amounts", "metric": "mean", "feature": "amount", "by": "merchant"}


def watched(monitor, folder):
    one = payments(monitor)
    return Watched(one, one.monitors[0]), open_model(one, folder)


def found(merchants, monitor, folder, hour=LAST, terms=None):
    merchants.write(folder / "rows.parquet")
    one, rows = watched(monitor, folder)
    window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
    return judge(one, rows, window, terms or Terms(alarm_rate=RATE))


@pytest.mark.parametrize("monitor", [SHARE, NULLS, COUNT, MEAN], ids=lambda one: one["metric"])
def test_merchants_in_order_are_none_that_stands_out(monitor, tmp_path):
    finding = found(Merchants(), monitor, tmp_path)
    assert finding.state is State.OK
    assert finding.sentence.startswith("fraud: none of ")
    assert finding.sentence.split("none of ")[1].startswith("120 merchants stands out")
    assert (finding.value, finding.upper, finding.segment) == (0, 0, None)
    assert finding.surprise is not None
    assert finding.surprise < 2
    assert finding.reference == "their own 30 windows before"


def test_three_bad_merchants_are_one_finding_that_lists_them(tmp_path):
    merchants = Merchants(rows=250)
    merchants.share[[3, 40, 77], LAST] = [0.5, 0.4, 0.6]
    finding = found(merchants, SHARE, tmp_path)
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("fraud answers decline more often in 3 of 120 merchants: M")
    assert {row[0] for row in finding.data["segments"]["rows"]} == {"M3", "M40", "M77"}
    assert finding.segment in {"merchant=M3", "merchant=M40", "merchant=M77"}
    usual, now = next(row[1:] for row in finding.data["segments"]["numbers"] if row[0] == "M77")
    assert usual == pytest.approx(merchants.share[77, :LAST].mean(), abs=0.02)
    assert now == pytest.approx(0.6, abs=0.1)
    part = merchants.sizes[[3, 40, 77], LAST].sum() / merchants.sizes[:, LAST].sum()
    assert float(finding.affected.removesuffix(" %")) == pytest.approx(100 * part, rel=0.15)
    assert finding.surprise > 5


def test_a_missing_column_of_one_merchant(tmp_path):
    merchants = Merchants(rows=250)
    merchants.nulls[9, LAST] = 0.5
    finding = found(merchants, NULLS, tmp_path)
    assert finding.sentence.startswith("amount of fraud is missing more often in 1 of 120 merchants: M9 ")
    assert finding.state is State.FIRING


def test_a_merchant_that_sends_nothing_is_named_by_its_rows(tmp_path):
    merchants = Merchants()
    merchants.sizes[[5, 6], LAST] = [0, 900]
    finding = found(merchants, COUNT, tmp_path)
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("fraud got more or fewer rows in 2 of 120 merchants: ")
    assert any(row[0] == "M5" and row[2] == "0" for row in finding.data["segments"]["rows"])


def test_another_unit_at_one_merchant(tmp_path):
    merchants = Merchants(rows=250)
    merchants.amount[11, LAST] *= 100
    merchants.sizes[11] = 300
    finding = found(merchants, MEAN, tmp_path)
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("mean amount of fraud rose in 1 of 120 merchants: M11 ")
    usual, now = finding.data["segments"]["numbers"][0][1:]
    assert now == pytest.approx(100 * usual, rel=0.15)
    assert finding.sentence.endswith(" EUR")


def test_what_all_do_together_is_no_merchants_fault(tmp_path):
    merchants = Merchants(rows=250)
    odds = 4 * merchants.share[:, LAST] / (1 - merchants.share[:, LAST])
    merchants.share[:, LAST] = odds / (1 + odds)
    finding = found(merchants, SHARE, tmp_path)
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("fraud answers decline more often in all 120 merchants together: ")
    assert finding.sentence.endswith("; none stands out")
    assert finding.segment is None


def test_a_bad_merchant_is_seen_through_what_all_do_together(tmp_path):
    merchants = Merchants(rows=250)
    odds = 4 * merchants.share[:, LAST] / (1 - merchants.share[:, LAST])
    merchants.share[:, LAST] = odds / (1 + odds)
    merchants.share[50, LAST] = 0.95
    finding = found(merchants, SHARE, tmp_path)
    assert finding.segment == "merchant=M50"
    assert "all 120 merchants together" in finding.sentence
    assert "beyond that M50 " in finding.sentence


def test_small_merchants_are_taken_over_more_windows(tmp_path):
    merchants = Merchants(rows=250)
    merchants.sizes[8] = 60
    merchants.share[8, LAST - 3 :] = 0.6
    finding = found(merchants, SHARE, tmp_path)
    assert finding.segment == "merchant=M8"
    assert " over 4 windows" in finding.sentence or " over 3 windows" in finding.sentence


def test_three_rows_name_nobody_and_newcomers_have_no_past(tmp_path):
    merchants = Merchants(rows=250)
    merchants.sizes[1], merchants.share[1, LAST] = 0.3, 0.99
    merchants.sizes[2, :LAST] = 0
    merchants.share[2] = 0.9
    merchants.sizes[4, LAST] = 0
    finding = found(merchants, {**SHARE, "min_rows": 1}, tmp_path)
    assert finding.state is State.OK, finding.sentence
    assert (finding.data["new"], finding.data["gone"]) == (1, 1)
    assert "1 new, 1 without rows" in finding.sentence


def test_what_was_out_of_band_is_not_learnt_from(tmp_path):
    merchants = Merchants(rows=250)
    merchants.share[3, LAST - 6 :] = 0.5
    bad = Window(START + (LAST - 6) * HOUR, START + LAST * HOUR)
    terms = Terms(alarm_rate=RATE, leaves_out=bad.overlaps)
    finding = found(merchants, SHARE, tmp_path, terms=terms)
    assert finding.segment == "merchant=M3"
    assert finding.reference == "their own 25 windows before"


def test_it_learns_first_and_anew_from_a_new_baseline(tmp_path):
    merchants = Merchants()
    early = found(merchants, SHARE, tmp_path, hour=6)
    assert (early.state, early.sentence) == (State.LEARNING, "Learning: 6 of 10 baseline windows seen, 4 to go.")
    since = Comparison(START + 25 * HOUR, "accepted by U1")
    again = found(merchants, SHARE, tmp_path, terms=Terms(alarm_rate=RATE, comparison=since))
    assert again.state is State.LEARNING
    assert "6 of 10 baseline windows seen since 3 Nov 01:00 UTC (accepted by U1)" in again.sentence


def test_pinned_wants_an_accepted_baseline_and_keeps_to_it(tmp_path):
    merchants = Merchants(rows=250)
    merchants.share[3, 20:] = 0.4
    pinned = {**SHARE, "reference": "pinned", "baseline": 12}
    with pytest.raises(BotError, match="muster baseline accept fraud/declines"):
        found(merchants, pinned, tmp_path)
    since = Comparison(START + HOUR, "accepted by U1")
    finding = found(merchants, pinned, tmp_path, terms=Terms(alarm_rate=RATE, comparison=since))
    assert finding.segment == "merchant=M3"
    assert finding.reference.startswith("their own first 12 windows since ")


def test_no_rows_and_too_few(tmp_path):
    merchants = Merchants(count=3, rows=20)
    merchants.write(tmp_path / "rows.parquet")
    finding = found(merchants, SHARE, tmp_path)
    assert finding.state is State.TOO_FEW
    assert finding.sentence.endswith("; 200 needed.")
    assert found(merchants, SHARE, tmp_path, hour=HOURS + 5).state is State.NO_DATA


def test_a_whole_past_is_rehearsed_from_one_reading(tmp_path):
    merchants = Merchants(rows=250)
    merchants.share[3, 20:23] = 0.5
    merchants.write(tmp_path / "rows.parquet")
    one, rows = watched(SHARE, tmp_path)
    windows = windows_between(START, START + HOURS * HOUR, one.monitor.window)
    seen = list(rehearse(one, rows, windows, alarm_rate=RATE))
    firing = [at for at, each in enumerate(seen) if each.finding.state is State.FIRING]
    assert firing == [20, 21, 22]


def test_text_has_no_mean(tmp_path):
    with pytest.raises(BotError, match="answer holds text"):
        found(Merchants(count=5), {**MEAN, "feature": "answer"}, tmp_path)


def test_an_unknown_column_is_named(tmp_path):
    with pytest.raises(BotError, match="no column `shop`"):
        found(Merchants(count=5), {**SHARE, "by": "shop"}, tmp_path)


@pytest.mark.parametrize(
    ("monitor", "said"),
    [
        ("metric: drift, by: merchant", "`by` goes with class_share, mean, null_rate, row_count, not with drift"),
        ("metric: mean, feature: amount, by: amount", "both 'amount'"),
        ("metric: mean, feature: amount, by: merchant, rule: {above: 3}", "a fixed `rule` goes without it"),
        ("metric: row_count, by: ' '", "names a column"),
    ],
)
def test_what_can_not_be_watched_by_segment_is_refused(monitor, said):
    text = f"models:\n  - name: fraud\n    monitors:\n      - {{name: one, {monitor}}}\n"
    with pytest.raises(ConfigError, match=said):
        parse_catalog(text)
