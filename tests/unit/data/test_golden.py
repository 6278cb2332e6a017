"""Hostile columns: PostgreSQL, SQLite and files give the numbers that numpy gives of the same rows."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import numpy as np
import pytest
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, MetaData, Numeric, Table, Text, create_engine

from bot.catalog.config import Model
from bot.data import OutcomeColumn, open_model
from bot.statistics.attribution import attribute, attribute_groups
from bot.statistics.columns import as_numbers
from bot.statistics.drift import fit_frame
from bot.statistics.groups import edges_of
from bot.statistics.profiles import CategoricalProfile, fit_profile, profile_like

SEED = 20261124
START = datetime(2026, 11, 2, tzinfo=UTC)
ROWS, HALF = 6000, timedelta(hours=1)
MIDDLE, END = START + HALF, START + 2 * HALF
NUMBERS = ["amount", "broken", "price", "whole"]
WORDS = ["country", "flagged", "code"]


def content():
    random = np.random.default_rng(SEED)
    broken = np.exp(random.normal(0, 12, ROWS)) * random.choice([-1, 1], ROWS)
    broken[::7] = np.nan
    broken[1::50], broken[2::50], broken[3::60], broken[4::600] = np.inf, -np.inf, 1e308, -1e308
    broken[5::60], broken[6::60], broken[8::60] = 0.0, -0.0, 5e-324
    amount = random.normal(40, 5, ROWS)
    amount[ROWS // 2 :] *= 1.3
    amount[::11] = np.nan
    country = random.choice(["DE", "FR", "it's", "", "<b>", "null"], ROWS).astype(object)
    country[ROWS - 500 :] = "new"
    country[::9] = None
    return {
        "moment": [START + at * 2 * HALF / ROWS for at in range(ROWS)],
        "amount": amount,
        "broken": broken,
        "price": [
            None if at % 13 == 0 else Decimal(int(size)) / 100 for at, size in enumerate(random.normal(5e4, 9e3, ROWS))
        ],
        "whole": 2**53 + random.integers(-3, 2000, ROWS),
        "country": country,
        "flagged": random.random(ROWS) < 0.2,
        "code": random.integers(0, 4, ROWS),
        "said": np.where(random.random(ROWS) < 0.02, "n/a", random.integers(0, 50, ROWS).astype(str)),
    }


def plain(name, values):
    """A cell as drivers take it; the NaN of `broken` stays NaN, that of `amount` is null."""
    found = [one.item() if isinstance(one, np.generic) else one for one in values]
    if name == "broken":
        return found
    return [None if isinstance(one, float) and np.isnan(one) else one for one in found]


TYPES = {
    "amount": Double,
    "broken": Double,
    "price": Numeric(12, 2),
    "whole": BigInteger,
    "country": Text,
    "flagged": Boolean,
    "code": BigInteger,
    "said": Text,
}


def fill(url, *, zoned):
    table = Table(
        "rows", MetaData(), Column("moment", DateTime(timezone=zoned)), *(Column(n, t) for n, t in TYPES.items())
    )
    engine = create_engine(url)
    rows = content()
    if not zoned:
        rows["moment"] = [one.replace(tzinfo=None) for one in rows["moment"]]
    columns = {name: plain(name, values) for name, values in rows.items()}
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(
            table.insert(), [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        )
    engine.dispose()


def write(folder):
    """Parquet of the very same values."""
    rows = content()
    price = [None if one is None else str(one) for one in rows.pop("price")]
    moments = np.asarray([one.replace(tzinfo=None) for one in rows.pop("moment")], dtype="datetime64[us]")
    arrays = {name: values for name, values in rows.items() if name not in {"country", "said"}}
    with duckdb.connect() as connection:
        connection.register("numbers", arrays | {"moment": moments, "place": np.arange(ROWS)})
        connection.execute("CREATE TABLE words (place BIGINT, country VARCHAR, said VARCHAR, price DECIMAL(12,2))")
        lines = list(zip(range(ROWS), rows["country"], rows["said"].tolist(), price, strict=True))
        for first in range(0, ROWS, 2000):
            connection.execute(
                "INSERT INTO words SELECT unnest(?), unnest(?), unnest(?), unnest(?)",
                [list(column) for column in zip(*lines[first : first + 2000], strict=True)],
            )
        shown = "* EXCLUDE (place, amount), CASE WHEN isnan(amount) THEN NULL ELSE amount END AS amount"
        connection.execute(f"COPY (SELECT {shown} FROM numbers JOIN words USING (place)) TO '{folder}/rows.parquet'")


def model(**data):
    return Model.model_validate({"name": "eta", "data": {"predictions": "rows", "time": "moment", **data}})


@pytest.fixture(
    scope="module",
    params=[
        "files",
        "sqlite",
        pytest.param("zoned", marks=pytest.mark.postgres),
        pytest.param("naive", marks=pytest.mark.postgres),
    ],
)
def source(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    if request.param == "files":
        write(folder)
        yield open_model(model(predictions="rows.parquet"), folder)
        return
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "sqlite":
            url = f"sqlite:///{folder}/rows.db"
            fill(url, zoned=False)
            patch.setenv("WAREHOUSE", url)
            yield open_model(model(database={"env": "WAREHOUSE"}), folder)
            return
        databases = request.getfixturevalue("postgres_databases")
        url = databases.fresh("template0")
        fill(url, zoned=request.param == "zoned")
        patch.setenv("WAREHOUSE", url)
        yield open_model(model(database={"env": "WAREHOUSE"}), folder)
        databases.drop(url)


@pytest.fixture(scope="module")
def halves():
    """The columns in memory, as statistics take them, before and after the middle."""
    rows = content()
    rows["price"] = np.asarray([np.nan if one is None else float(one) for one in rows["price"]])
    columns = {name: np.asarray(rows[name]) for name in [*NUMBERS, *WORDS, "said"]}
    middle = ROWS // 2
    return {n: c[:middle] for n, c in columns.items()}, {n: c[middle:] for n, c in columns.items()}


def test_profiles_are_those_of_numpy(source, halves):
    then, now = halves
    reference = fit_frame({name: then[name] for name in [*NUMBERS, *WORDS]}, mode="sketch")
    found = source.profiles("predictions", MIDDLE, END, reference)
    for name, like in reference.items():
        golden = profile_like(like, now[name])
        if isinstance(golden, CategoricalProfile):
            assert found[name] == golden, name
        else:
            assert found[name].to_bytes() == golden.to_bytes(), name
    assert found["country"].new == {"new": found["country"].new["new"]}


def test_text_where_numbers_were_counts_as_what_it_says(source, halves):
    numbers = fit_profile(as_numbers(halves[0]["said"]), mode="sketch")
    found = source.profiles("predictions", MIDDLE, END, {"said": numbers})["said"]
    golden = profile_like(numbers, halves[1]["said"])
    assert found.to_bytes() == golden.to_bytes()
    assert golden.nulls > 0


@pytest.mark.parametrize(
    "outcome",
    [
        OutcomeColumn("amount"),
        OutcomeColumn("broken"),
        OutcomeColumn("country", "FR"),
        OutcomeColumn("flagged", "true"),
        OutcomeColumn("code", "2"),
        OutcomeColumn("amount", nulls=True),
    ],
    ids=str,
)
def test_the_segment_found_is_the_one_of_numpy(source, halves, outcome):
    edges = {name: edges_of(as_numbers(halves[0][name])) for name in NUMBERS if name != outcome.column}
    features = {**edges, **dict.fromkeys(WORDS)}
    found = attribute_groups(
        source.groups("predictions", START, MIDDLE, features, outcome),
        source.groups("predictions", MIDDLE, END, features, outcome),
    )
    explaining = [{name: half[name] for name in features} for half in halves]
    golden = attribute(explaining[0], as_outcome(halves[0], outcome), explaining[1], as_outcome(halves[1], outcome))
    assert found.reference_mean == pytest.approx(golden.reference_mean, rel=1e-9)
    assert found.current_mean == pytest.approx(golden.current_mean, rel=1e-9)
    effects = {str(one.segment): one for one in golden.segments}
    assert {str(one.segment) for one in found.segments} == set(effects)
    scale = max(abs(one.current_mean) for one in golden.segments)
    for one in found.segments:
        other = effects[str(one.segment)]
        assert (one.rows, one.current_rows) == (other.rows, other.current_rows), str(one.segment)
        assert one.current_mean == pytest.approx(other.current_mean, rel=1e-9, abs=1e-12 * scale)


def as_outcome(half, outcome):
    values = half[outcome.column]
    if outcome.nulls:
        return np.isnan(values).astype(float)
    if outcome.value is None:
        return as_numbers(values)
    said = [
        None if one is None else str(one).lower() if outcome.value == "true" else str(one) for one in values.tolist()
    ]
    return np.asarray([np.nan if one is None else float(one == outcome.value) for one in said])


def sums_of_numpy(by, outcome, windows):
    """The same sums by a loop over the rows."""
    rows = content()
    found = {}
    for at in range(ROWS):
        cell = rows[by][at]
        name = "null" if cell is None else str(cell).lower() if by == "flagged" else str(cell)
        value = 0.0
        if outcome is not None:
            cell = rows[outcome.column][at]
            missing = cell is None or cell != cell
            if outcome.nulls:
                value = float(missing)
            elif outcome.value is not None:
                said = str(cell).lower() if outcome.value == "true" else str(cell)
                value = float(not missing and said == outcome.value)
            elif missing:
                continue
            else:
                value = float(cell) - outcome.centre
        place = at * windows // ROWS
        count, total, squares = found.get((name, place), (0, 0.0, 0.0))
        found[name, place] = (count + 1, total + value, squares + value * value)
    return found


@pytest.mark.parametrize("by", ["country", "code", "flagged"])
@pytest.mark.parametrize(
    "outcome",
    [
        None,
        OutcomeColumn("country", "FR"),
        OutcomeColumn("flagged", "true"),
        OutcomeColumn("amount", nulls=True),
        OutcomeColumn("amount", centre=40.0),
        OutcomeColumn("price", centre=500.0),
    ],
    ids=str,
)
def test_sums_by_segment_and_window_are_those_of_a_loop(source, by, outcome):
    step = timedelta(minutes=40)
    found = source.sums_by(by, outcome, START, END, step)
    golden = sums_of_numpy(by, outcome, 3)
    assert found.starts == (START, START + step, START + 2 * step)
    assert set(found.names) == {name for name, _ in golden}
    assert found.segments == len(found.names)
    for at, name in enumerate(found.names):
        for place in range(3):
            count, total, squares = golden.get((name, place), (0, 0.0, 0.0))
            assert found.rows[at, place] == count, (name, place)
            assert found.totals[at, place] == pytest.approx(total, rel=1e-9, abs=1e-6)
            assert found.squares[at, place] == pytest.approx(squares, rel=1e-9, abs=1e-6)


def test_beyond_the_most_segments_the_smallest_are_left_out(source, monkeypatch):
    whole = source.sums_by("country", None, START, END, END - START)
    monkeypatch.setattr("bot.data.rows.MOST_SEGMENTS", 3)
    monkeypatch.setattr("bot.data.tables.MOST_SEGMENTS", 3)
    found = source.sums_by("country", None, START, END, END - START)
    largest = sorted(whole.names, key=lambda name: (-whole.rows[whole.names.index(name), 0], name))[:3]
    assert sorted(found.names) == sorted(largest)
    assert (len(found.names), found.segments) == (3, len(whole.names))


def test_no_row_is_no_segment(source):
    found = source.sums_by("country", None, END, END + 2 * HALF, HALF)
    assert (found.names, found.rows.shape, found.segments) == ((), (0, 2), 0)
