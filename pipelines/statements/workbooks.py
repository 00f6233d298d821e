"""Workbooks as the CSV that they would be: text as it stands, and numbers only where no digit can be lost."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from pipelines.statements.values import DOWNLOAD_AGAIN
from schemas.model.errors import UsageProblem

_MOST_DIGITS = 15  # that a workbook keeps of a number
_MOST_BYTES = 200 * 2**20  # of its parts
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_COMPUTED = re.compile(rb"<f[ />]|<c[^>]* t=[\"']e[\"']")  # formulas, of which a result may be missing, and errors
_AS_CSV = "Download the export as CSV."


def sheets(path: Path) -> Iterator[tuple[str, bytes]]:
    """The name and the rows of each sheet that has any; UsageProblem names the line with a cell that cannot be read."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError  # noqa: PLC0415 - few name a workbook

    try:
        _check_parts(path)
        with path.open("rb") as content:
            workbook = CalamineWorkbook.from_filelike(io.BytesIO(content.read()))
        found = [
            (name, workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in workbook.sheet_names
        ]
    except OSError as error:
        raise UsageProblem(f"{path.name} cannot be read: {error.strerror}.") from None
    except PasswordError:
        raise UsageProblem(f"{path.name} is a workbook with a password.", _AS_CSV) from None
    except (CalamineError, zipfile.BadZipFile):
        raise UsageProblem(f"{path.name} is a damaged workbook, or not all of it is there.", DOWNLOAD_AGAIN) from None
    filled = [(name, rows) for name, rows in found if any(any(map(_filled, row)) for row in rows)]
    if not filled:
        raise UsageProblem(f"{path.name} is a workbook without rows.", DOWNLOAD_AGAIN)
    yield from ((name, _as_csv(path.name, rows)) for name, rows in filled)


def _check_parts(path: Path) -> None:
    """Refuse a workbook that unpacks to more than can be read at once, or has cells whose values are not its own."""
    if not zipfile.is_zipfile(path):  # .xls, of which nothing is packed
        return
    with zipfile.ZipFile(path) as packed:
        size = sum(member.file_size for member in packed.infolist())
        if size > _MOST_BYTES:
            what = f"{path.name} is a workbook of {size // 2**20:,} MB, more than can be read at once."
            raise UsageProblem(what, _AS_CSV)
        for name in filter(_SHEET.fullmatch, packed.namelist()):
            if _COMPUTED.search(packed.read(name)):
                raise UsageProblem(f"{path.name} is a workbook with cells that a spreadsheet computed.", _AS_CSV)


def _filled(cell: object) -> bool:
    return cell not in ("", None)


def _as_csv(name: str, rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for line, row in enumerate(rows, start=1):
        writer.writerow([_text(name, line, cell) for cell in row])
    return text.getvalue().encode()


def _text(name: str, line: int, cell: object) -> str:
    """What a cell shows."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, (int, float)):
        return _number(name, line, cell)
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, date):
        return f"{cell:%Y-%m-%d}"
    raise UsageProblem(f"{name}, line {line:,}: {cell} is neither text nor a number nor a date.", _AS_CSV)


def _number(name: str, line: int, cell: float) -> str:
    """A number whose digits are all there: a workbook keeps fifteen, and pads or cuts what is longer."""
    exact = Decimal(repr(cell))
    if not exact.is_finite() or len(exact.normalize().as_tuple().digits) >= _MOST_DIGITS:
        raise UsageProblem(f"{name}, line {line:,}: {cell!r} is a number that the workbook may have rounded.", _AS_CSV)
    return f"{exact.normalize():f}"
