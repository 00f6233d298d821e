"""Look for known vulnerabilities in the packages of the lock files: `make audit`.

pip-audit asks a package index about each package, by name and version. Where no index answers, that is said, and is no
failure: it says nothing about the packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock", "requirements-tax.lock")
TOOL = (sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off")
SHOWN = 5
LIMIT_S = 120  # a lock; a mirror may be slow about each package


@dataclass(frozen=True)
class Answer:
    """What an index knows: the vulnerabilities, how many packages it was asked about, and which it does not know."""

    known: list[str]
    packages: int
    unknown: list[str]

    def __str__(self) -> str:
        asked = f"{self.packages - len(self.unknown)} of {self.packages} packages audited, "
        return f"{asked}{'; '.join(self.known) or 'no vulnerability found'}{self._beside()}"

    def _beside(self) -> str:
        shown = [*self.unknown[:SHOWN], *([f"{more} more"] if (more := len(self.unknown) - SHOWN) > 0 else [])]
        return f"; the index does not know {', '.join(shown)}" if shown else ""


def answer(told: str) -> Answer | None:
    """What pip-audit printed; None where it printed no answer."""
    try:
        packages = json.loads(told)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    known = [
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    return Answer(known, len(packages), [package["name"] for package in packages if "skip_reason" in package])


def asked(tool: Sequence[str], lock: str) -> tuple[str, str]:
    """What pip-audit prints about a lock, and the last line of what it says beside it."""
    try:
        done = subprocess.run(
            [*tool, "--format", "json", "-r", ROOT / lock], capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return "", f"it took longer than {LIMIT_S} seconds"
    return done.stdout, (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]


def main(tool: Sequence[str] = TOOL) -> int:
    """Audit every lock; 1 when a vulnerability is known."""
    vulnerable = False
    for lock in LOCKS:
        told, reason = asked(tool, lock)
        found = answer(told)
        if found is None:
            print(f"{lock}: not audited, since no package index answered: {reason}")
        else:
            vulnerable |= bool(found.known)
            print(f"{lock}: {found}.")
    return int(vulnerable)


if __name__ == "__main__":
    sys.exit(main())
