"""The same export read by BittyTax's own converter, run with the Python that has it; time counts from after the imports.

    python tax_import.py EXPORT FOLDER

FOLDER takes its configuration, which asks no network for prices, and what it writes.
"""

# ruff: noqa: PLC0415 - BittyTax is in a Python of its own, and reads its configuration where it is imported

from __future__ import annotations

import argparse
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from time import monotonic, process_time

from peak import peak_mb

QUIET = {"fiat_list": ["USDT"], "crypto_list": [], "data_source_fiat": [], "data_source_crypto": []}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    config = asked.folder / ".bittytax" / "bittytax.conf"
    config.parent.mkdir()
    config.write_text(json.dumps(QUIET))  # JSON is YAML
    os.environ["HOME"] = str(asked.folder)
    import sys

    from bittytax.conv import bittytax_conv

    written = asked.folder / "converted.csv"
    sys.argv = ["bittytax_conv", "--binance_statements_only", "--format", "CSV", "-o", str(written), str(asked.export)]
    began_s, began_cpu_s = monotonic(), process_time()
    with (asked.folder / "log").open("w") as log, redirect_stdout(log), redirect_stderr(log):
        bittytax_conv.main()
    took = {"wall_s": monotonic() - began_s, "cpu_s": process_time() - began_cpu_s, "peak_mb": peak_mb()}
    with written.open() as lines:
        print(json.dumps(took | {"transactions": sum(1 for _ in lines) - 1}))


if __name__ == "__main__":
    main()
