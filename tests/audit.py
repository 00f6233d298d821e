"""Look for known vulnerabilities in the packages of the lock files: `make audit`.

pip-audit asks a package index about each package, by name and version. Where no index answers, that is said, and is no
failure: it says nothing about the packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Answer:
    """What an index knows: the vulnerabilities, how many packages it was asked about, and which it does not know."""

    known: list[str]
    packages: int
    unknown: list[str]

    def __str__(self) -> str:
        asked = f"{self.packages - len(self.unknown)} of {self.packages} packages audited, "
        return f"{asked}{'; '.join(self.known) or 'no vulnerability known'}{self._beside()}"

    def _beside(self) -> str:
        return f"; the index does not know {', '.join(self.unknown)}" if self.unknown else ""


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


def main(uv: str) -> int:
    """Audit every lock with this uv; 1 when a vulnerability is known."""
    vulnerable = False
    for lock in LOCKS:
        done = subprocess.run([uv, *TOOL, "-r", ROOT / lock], capture_output=True, text=True, check=False)
        found = answer(done.stdout)
        if found is None:
            reason = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
            print(f"{lock}: not audited, since no package index answered: {reason}")
        else:
            vulnerable |= bool(found.known)
            print(f"{lock}: {found}.")
    return int(vulnerable)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
