"""The way in and out of the command line: help, exit codes, one sentence for whatever happens."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from connectors.lake import Lake
from pipelines.cli import main, strangers
from pipelines.cli.app import app
from pipelines.cli.environment import prepare
from pipelines.cli.errors import explained
from pipelines.cli.interrupt import stopping
from pipelines.cli.output import settle_encodings
from pipelines.context.receipts import Failure
from schemas.model.errors import AccessRefused, CorruptData, Problem, TryLater, UsageProblem

ROOT = Path(__file__).parents[2]
VERBS = [name for name in app if not name.startswith("-")]
HEAVY = ("pydantic", "pyarrow", "prefect", "duckdb", "deltalake", "aiohttp")


def test_all_verbs_of_the_design_are_there():
    """No command is missing and none is secret."""
    design = (
        "init demo plan run backfill import status show portfolio check prove export query sql up keys doctor simulator"
    )
    assert sorted(VERBS) == sorted(design.split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_and_its_options(verb, capsys):
    """`VERB --help` says what it does and what each option means."""
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: binlake {verb}" in shown
    commands = [app[verb], *(app[verb][name] for name in app[verb] if not name.startswith("-"))]
    assert all(command.help.strip() for command in commands)
    unexplained = [
        argument.name
        for command in commands
        if command.default_command is not None
        for argument in command.assemble_argument_collection()
        if not argument.children and not (argument.parameter.help or "").strip()
    ]
    assert not unexplained


def test_alone_it_prints_help(capsys):
    """A newcomer who types the bare name sees the verbs and the exit codes."""
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in VERBS)
    assert "75 try later" in shown


def test_help_loads_nothing_heavy():
    """The list of verbs comes at once: no engine, no model, no Prefect is imported for it."""
    script = (
        "import sys; from pipelines.cli import main; main(['--help']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_question_loads_neither_pandas_nor_the_exchange(tmp_path):
    """Where pandas is installed too, a command does not spend a second on importing it."""
    place = tmp_path / "flows.yaml"
    place.write_text("{lake: ./lake, exchange: simulator, flows: {keep: {kind: maintenance}}}")
    Lake.open(tmp_path / "lake", "simulator")
    for verb in (["query", "SELECT 1"], ["status"]):
        script = (
            f"import atexit, sys; sys.argv = ['binlake', *{verb!r}, '--config', {str(place)!r}]; "
            "heavy = 'pandas', 'aiohttp', 'prefect'; "
            "atexit.register(lambda: print([name for name in heavy if name in sys.modules])); "
            "from pipelines.cli import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


def test_the_module_is_the_command():
    """`python -m pipelines` is `binlake`, with its exit codes and its streams."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "rn"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert 'Did you mean "run"?' in done.stderr
    assert "Traceback" not in done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip()


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["rn"], 'Unknown command "rn"'),
        (["run", "--jsn"], "Unknown option: --jsn. Did you mean --json?"),
        (["show"], "SYMBOL is missing."),
        (["query", "select 1", "--format", "xml"], "xml"),
        (["init", "--config"], "requires an argument"),
    ],
)
def test_wrong_words_are_a_usage_problem(argv, sentence, capsys):
    """A misspelt verb or option ends with 2, one line, and where the help is."""
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert "--help`" in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (Problem("It failed.", "Do that."), 1, "It failed. Do that."),
        (UsageProblem("Wrong."), 2, "Wrong."),
        (CorruptData("Torn."), 3, "Torn."),
        (AccessRefused("No."), 4, "No."),
        (TryLater("Banned."), 75, "Banned."),
        (KeyboardInterrupt(), 130, "Interrupted"),
        (asyncio.CancelledError(), 130, "Interrupted"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 1, "The disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "/x: Permission denied."),
        (ValueError("secret=abc"), 70, "A bug: ValueError"),
        (ExceptionGroup("g", [Problem("Small."), AccessRefused("Key refused.")]), 4, "Key refused."),
        (BaseExceptionGroup("g", [KeyboardInterrupt(), TryLater("Later.")]), 130, "Interrupted"),
    ],
)
def test_whatever_happens_is_one_sentence_and_a_code(error, code, sentence, capsys):
    """Each kind of failure has its exit code; of several, the one that matters most is told."""
    assert explained(error, debug=False) == code
    captured = capsys.readouterr()
    assert captured.err.startswith(f"binlake: {sentence}")
    assert captured.err.count("\n") == 1
    assert "secret" not in captured.err
    assert captured.out == ""


def test_debug_shows_where_it_came_from(tmp_path, capsys):
    """`--debug` anywhere adds the traceback to the sentence."""
    assert main(["query", "--debug", "select 1", "--config", str(tmp_path / "absent.yaml")]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "binlake: There is no" in shown


def test_debug_ends_with_its_command(tmp_path, capsys):
    """What the next command of the same process fails at shows no traceback unless it is asked for again."""
    assert main(["query", "--debug", "select 1", "--config", str(tmp_path / "absent.yaml")]) == 2
    capsys.readouterr()
    Failure.of("market", RuntimeError("secret=abc"))
    assert capsys.readouterr().err == ""


async def test_the_first_interrupt_asks_the_second_ends(capsys):
    """The first Ctrl-C lets the work finish its page and says how to resume; the second is Python's own."""
    with stopping() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(stop.wait(), timeout=10)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert "again to stop at once" in capsys.readouterr().err


def test_memory_is_never_dumped():
    """No core of a process that holds keys is left on the disk, nor one of a process that it starts."""
    script = "from pipelines.cli import main; main(['--version']); import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "(0, 0)"


@pytest.mark.parametrize(
    ("known", "expected"),
    [("", "127.0.0.1,localhost"), ("a.test, localhost", "a.test,localhost,127.0.0.1"), ("*", "*")],
)
def test_what_stays_on_this_machine_goes_through_no_proxy(known, expected):
    """Prefect's clients would send the password of its server to the proxy that the environment names."""
    environment = {"NO_PROXY": known, "HTTP_PROXY": "http://proxy.test:3128"}
    prepare(environment)
    prepare(environment)
    assert environment["NO_PROXY"] == environment["no_proxy"] == expected


def test_the_engine_keeps_to_itself(tmp_path):
    """Prefect reports to nobody, starts no temporary server, and has its own home; a person's setting stands."""
    environment = {"XDG_STATE_HOME": str(tmp_path), "DO_NOT_TRACK": "mine"}
    prepare(environment)
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["PREFECT_HOME"] == str(tmp_path / "binlake" / "prefect")
    assert environment["DO_NOT_TRACK"] == "mine"


def test_a_stranger_of_the_same_name_is_noticed(tmp_path):
    """Generic import names collide: a foreign `schemas` is named instead of being imported."""
    assert strangers(ROOT) == ""
    assert "owns the name connectors" in strangers(tmp_path)
    foreign = tmp_path / "schemas"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("raise SystemExit('imported')")
    script = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; from pipelines.cli import main; sys.exit(main(['--help']))"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "owns the name schemas" in done.stderr


def test_a_terminal_that_knows_only_ascii(monkeypatch):
    """What it cannot show is an escape, no error; what goes into a file is UTF-8 in any locale."""
    screen, file = (TextIOWrapper(BytesIO(), encoding="ascii") for _ in range(2))
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", file)
    settle_encodings({"LC_ALL": "C"})
    for stream in (screen, file):
        stream.write("币安USDT")
        stream.flush()
    assert screen.buffer.getvalue() == rb"\u5e01\u5b89USDT"
    assert file.buffer.getvalue().decode() == "币安USDT"
