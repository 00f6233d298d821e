"""`python forks.py MODULE` imports a program once and forks itself for each run of it.

To start Python and import everything takes longer than most runs. For each run it reads a line of JSON that names the
`folder` and the files for `out` and `err`, prints the id of the process that will run, starts it at the next line, and
prints how it ended.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from types import ModuleType

LONGEST_S = 60
_SET_PTRACER, _ANYBODY = 0x59616D61, ctypes.c_ulong(-1)  # else strace may not attach where it is not the parent


def serve(program: ModuleType) -> None:
    for line in sys.stdin:
        gate, opener = os.pipe()
        child = os.fork()
        if not child:
            os.close(opener)
            _run(program, json.loads(line), gate)
        os.close(gate)
        print(child, flush=True)
        sys.stdin.readline()
        os.close(opener)  # which starts it
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(program: ModuleType, told: dict[str, str], gate: int) -> None:
    """Run once the gate opens, and end the process."""
    ctypes.CDLL(None).prctl(_SET_PTRACER, _ANYBODY, 0, 0, 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(told[name], os.O_WRONLY | os.O_CREAT), number)
    os.read(gate, 1)
    signal.alarm(LONGEST_S)
    code = 0
    try:
        program.main(Path(told["folder"]))
    except BaseException:  # noqa: BLE001 - what Python itself does with an error
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve(importlib.import_module(sys.argv[1]))
    os._exit(0)  # without what libraries print of their own at the end
