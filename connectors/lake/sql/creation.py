"""How the views of a session are created without binding each as often as there are views above it.

DuckDB binds a view when it is created, with everything below it. Over stand-ins that have the columns of those below,
and no rows, it binds the view alone. A process knows the columns once it has created a view twice: most create it once.
"""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from connectors.lake.sql.catalog import Definition

_created: set[Definition] = set()
_columns: dict[Definition, str] = {}  # of a view, as a SELECT lists them
_LISTED = """
SELECT table_name, string_agg(format('NULL::{} AS "{}"', data_type, column_name), ', ' ORDER BY column_index)
FROM duckdb_columns()
WHERE NOT internal
GROUP BY ALL
"""


def create(connection: DuckDBPyConnection, missing: Sequence[Definition]) -> None:
    """Create views and macros, which come after those that they read."""
    views = [each for each in missing if each.is_view]
    if _columns.keys() >= set(views):
        for each in missing:
            connection.execute(_stand_in(each) if each.is_view else each.sql)
        missing = views[::-1]  # whose stand-ins are all in place, but for those of the views above
    for each in missing:
        connection.execute(each.sql)
    if _created.issuperset(views) and not _columns.keys() >= set(views):
        listed = dict(connection.execute(_LISTED).fetchall())
        _columns.update({each: listed[each.name] for each in views})
    _created.update(views)


def _stand_in(view: Definition) -> str:
    return f"CREATE OR REPLACE VIEW {view.name} AS SELECT {_columns[view]} LIMIT 0"
