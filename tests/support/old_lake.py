"""A lake as the binlake of 2026-11 wrote it: its log word for word, and files with the rows and types it had."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import Schema

PINNED = Path(__file__).with_name("lake_of_2026_11.json")
TABLES = ("fills", "tickers", "balances")


def write_old_lake(root: Path) -> None:
    """Write that lake; only the sizes in its log follow the files that are written now."""
    pinned = json.loads(PINNED.read_text())
    root.mkdir(mode=0o700)
    (root / "lake.json").write_text(json.dumps(pinned["lake.json"]))
    for name, table in pinned["tables"].items():
        _write_table(root / name, table)


def _write_table(root: Path, table: dict) -> None:
    (root / "_delta_log").mkdir(parents=True)
    whole = pa.schema(Schema.from_json(_metadata(table)["schemaString"]).to_arrow())
    sizes = {path: _write_rows(root / path, rows, whole) for path, rows in table["files"].items()}
    for version, actions in enumerate(table["log"]):
        for action in actions:
            if "add" in action:
                action["add"]["size"] = sizes[action["add"]["path"]]
        lines = "".join(json.dumps(action, separators=(",", ":")) + "\n" for action in actions)
        (root / "_delta_log" / f"{version:020}.json").write_text(lines)


def _metadata(table: dict) -> dict:
    return next(action["metaData"] for action in table["log"][0] if "metaData" in action)


def _write_rows(path: Path, rows: list[dict], whole: pa.Schema) -> int:
    """Write a file whose texts become what the pinned schema says; gives its size."""
    path.parent.mkdir(parents=True)
    schema = pa.schema([field for field in whole if field.name in rows[0]])
    columns = [pa.array([row[field.name] for row in rows]).cast(field.type) for field in schema]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path)
    return path.stat().st_size
