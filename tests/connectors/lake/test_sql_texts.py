"""Lines of CSV and JSON that DuckDB makes hold the very values, whatever their types are."""

import csv
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow.parquet as pq
import pytest

from connectors.lake.sql.texts import csv_lines, json_lines, readable, storable

# SQL of a value, its text, and what its JSON reads back as.
VALUES = [
    ("1::UTINYINT", "1", 1),
    ("-9223372036854775808", "-9223372036854775808", -(2**63)),
    ("12345678901234567890123::HUGEINT", "12345678901234567890123", "12345678901234567890123"),
    ("0.10000000::DECIMAL(38, 8)", "0.10000000", "0.10000000"),
    ("1e-8::DECIMAL(38, 8)", "0.00000001", "0.00000001"),
    ("1.5e-5::DOUBLE", "1.5e-05", 1.5e-05),
    ("1::DOUBLE", "1.0", 1.0),
    ("0.1::FLOAT", "0.1", 0.1),
    ("'-inf'::DOUBLE", "-inf", "-inf"),
    ("'nan'::DOUBLE", "nan", "nan"),
    ("true", "true", True),
    ("NULL", "", None),
    ("NULL::INTEGER[]", "", None),
    ("''", "", ""),
    ("'é 币'", "é 币", "é 币"),
    ("""'a,"b"'""", 'a,"b"', 'a,"b"'),
    ("'two' || chr(10) || 'lines' || chr(13)", "two\nlines\r", "two\nlines\r"),
    ("chr(27) || '[31m'", "\x1b[31m", "\x1b[31m"),
    ("DATE '2026-11-01'", "2026-11-01", "2026-11-01"),
    ("TIME '12:00:01.5'", "12:00:01.5", "12:00:01.5"),
    ("TIMESTAMPTZ '2026-11-01 12:00:00+00'", "2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z"),
    ("TIMESTAMPTZ '2026-11-01 12:00:00.123+00'", "2026-11-01T12:00:00.123000Z", "2026-11-01T12:00:00.123000Z"),
    ("TIMESTAMPTZ 'infinity'", "infinity", "infinity"),
    ("TIMESTAMP '1969-12-31 23:59:59.999999'", "1969-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999"),
    ("TIMESTAMP_NS '2026-11-01 12:00:00.000000001'", "2026-11-01T12:00:00.000000001", "2026-11-01T12:00:00.000000001"),
    ("INTERVAL '1 day 90 minutes'", "1 day 01:30:00", "1 day 01:30:00"),
    ("'{\"a\": 1}'::JSON", '{"a": 1}', '{"a": 1}'),
    ("uuid '00000000-0000-0000-0000-000000000001'", *["00000000-0000-0000-0000-000000000001"] * 2),
    ("'a,b'::ENUM('a,b')", "a,b", "a,b"),
    ("[0.50::DECIMAL(9, 2), NULL]", '["0.50", null]', ["0.50", None]),
    ("[['x']]", '[["x"]]', [["x"]]),
    ("array_value(1, 2)", "[1, 2]", [1, 2]),
    ("[INTERVAL 1 day]", '["1 day"]', ["1 day"]),
    ("{'it''s \"a\"': [true], 'b': {'c': NULL}}", '{"it\'s \\"a\\"": [true], "b": {"c": null}}', {"it's \"a\"": [True], "b": {"c": None}}),
    ("MAP {'k': {'at': TIMESTAMPTZ '2026-11-01 00:00:00+00'}}", *['[["k", {"at": "2026-11-01T00:00:00Z"}]]'] * 2),
]  # fmt: skip


@pytest.fixture
def session():
    """A DuckDB in UTC, as that of a lake."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.mark.parametrize(("sql", "text", "value"), VALUES, ids=[sql for sql, _, _ in VALUES])
def test_a_value_is_exact_in_each_form(session, sql, text, value):
    """Its text in CSV, alone and beside another, and what its JSON reads back as, are the value itself."""
    value = json.loads(value) if sql.startswith("MAP") else value
    for select, row in ((f"SELECT {sql} AS a", [text]), (f"SELECT {sql} AS a, 1 AS a", [text, "1"])):
        answer = session.sql(select)
        lines = [line for (line,) in csv_lines(answer).fetchall()]
        assert list(csv.reader(lines)) == [row], lines
        ((line,),) = json_lines(answer).fetchall()
        assert json.loads(line, object_pairs_hook=lambda pairs: dict(reversed(pairs)))["a"] == value


def test_the_header_is_written_as_a_line(session):
    """Names with commas and quotes are quoted as values are."""
    answer = session.sql('SELECT 1 AS "a,b", 2 AS "say ""x"""')
    assert next(csv.reader(csv_lines(answer).columns)) == ["a,b", 'say "x"']


def test_tables_get_what_python_knows(session):
    """Numbers and instants stay such, in lists too; intervals and what holds them are text, under the names they had."""
    answer = readable(
        session.sql(
            "SELECT 1.50::DECIMAL(9, 2) AS d, TIMESTAMPTZ '2026-11-01 00:00:00+00' AS t, DATE '2026-11-01' AS c, "
            "INTERVAL 90 MINUTE AS i, [INTERVAL 1 day] AS l, TIMESTAMP_NS '2026-11-01 00:00:00' AS n, "
            "[{'q': 2.50::DECIMAL(9, 2), 'w': NULL::TEXT}] AS s, [TIMESTAMPTZ 'infinity'] AS e"
        )
    )
    assert answer.columns == ["d", "t", "c", "i", "l", "n", "s", "e"]
    assert answer.to_arrow_table().to_pylist() == [
        {
            "d": Decimal("1.50"),
            "t": datetime(2026, 11, 1, tzinfo=UTC),
            "c": date(2026, 11, 1),
            "i": "01:30:00",
            "l": '["1 day"]',
            "n": "2026-11-01T00:00:00",
            "s": [{"q": Decimal("2.50"), "w": None}],
            "e": '["infinity"]',
        }
    ]


def test_parquet_keeps_the_types_it_has(session, tmp_path):
    """Any answer can be written: what Parquet has no type for, however deep it lies, is text."""
    nested = "[{'a': INTERVAL 1 day}] AS l, MAP {'k': [1.50::DECIMAL(9, 2)]} AS m, union_value(u := 1) AS u"
    answer = storable(session.sql(f"SELECT INTERVAL 1 day AS i, {nested}, TIMETZ '12:00:00+01' AS t, '101'::BIT AS b"))
    pq.write_table(answer.to_arrow_table(), tmp_path / "rows.parquet")
    (row,) = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert (row["i"], row["l"], row["u"]) == ("1 day", '[{"a": "1 day"}]', "1")
    assert row["m"] == [("k", [Decimal("1.50")])]
