"""Look for known vulnerabilities in the packages of the lock files: `make audit`.

pip-audit asks a package index about each package, by name and version. Where no index answers, that is said, and is no
failure: it says nothing about the packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock")
TOOL = (
    "tool",
    "run",
    "pip-audit",
    "--disable-pip",
    "--require-hashes",
    "--progress-spinner",
    "off",
    "--format",
    "json",
)


def vulnerable(told: str) -> list[str] | None:
    """Each known vulnerability in what pip-audit printed; None where it printed no answer."""
    try:
        packages = json.loads(told)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    return [
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", ())
    ]


def main(uv: str) -> int:
    """Audit every lock with this uv; 1 when a vulnerability is known."""
    known = False
    for lock in LOCKS:
        done = subprocess.run([uv, *TOOL, "-r", ROOT / lock], capture_output=True, text=True, check=False)
        found = vulnerable(done.stdout)
        if found is None:
            reason = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
            print(f"{lock}: not audited, since no package index answered: {reason}")
        else:
            known |= bool(found)
            print(f"{lock}: {'; '.join(found) or 'no known vulnerability'}")
    return int(known)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
