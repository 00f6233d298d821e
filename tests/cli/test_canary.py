"""No secret is ever written: canary keys go through runs that succeed and fail, then every byte left is searched."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from support.beside import FLOWS, Served
from support.sampled import some_of

from connectors.lake import Lake
from schemas.datasets.account import BALANCES

ROOT = Path(__file__).parents[2]
API_KEY = "CanaryOfTheApiKey0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJK"
SECRET = "CanaryOfTheSecret0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJK"  # noqa: S105 - made for this test

# Each of these meets one `run wallet`; the last meets none and must succeed.
FAULTS: list[dict[str, Any]] = [
    {"kind": "error", "status": 401, "code": -2015, "msg": f"Invalid API-key {API_KEY}, IP, or permissions."},
    {"kind": "error", "status": 400, "code": -1022, "msg": "Signature for this request is not valid."},
    {"kind": "error", "status": 400, "code": -1021, "msg": "Timestamp outside of the recvWindow."},
    {"kind": "error", "status": 503, "code": -1001},
    {"kind": "error", "status": 400, "code": -9999, "msg": f"?apiKey={API_KEY}"},
    {"kind": "html", "status": 403},
    {"kind": "html", "status": 502},
    {"kind": "reset"},
    {"kind": "reset", "after": 10},
    {"kind": "truncated"},
    {"kind": "body", "text": f'{{"balances": "{API_KEY}"}}'},
    {"kind": "redirect", "to": "http://127.0.0.1:1/elsewhere"},
    {},
]
DRIVER = """
import json, logging, os, sys, urllib.request
log, url, config, faults = sys.argv[1:]
logging.basicConfig(level=logging.DEBUG, filename=log)
from pipelines.cli import main
state = os.environ["XDG_STATE_HOME"]
def order(method, body=None):
    urllib.request.urlopen(urllib.request.Request(url + "/simulator/faults", body, method=method)).close()
for number, fault in enumerate(json.loads(faults)):
    order("DELETE")
    os.environ["XDG_STATE_HOME"] = f"{state}/{number}"  # a pause that one run is told is not the next one's
    if fault:
        path = ("/api/v3/account", "/sapi/v1/account/apiRestrictions")[number % 2]
        order("POST", json.dumps({**fault, "path": path}).encode())
    code = main(["run", "wallet", "--debug", "--config", config])
main(["doctor", "--debug", "--config", config])
sys.exit(code)
"""

KEYS_DRIVER = """
import io, json, logging, os, sys, urllib.request
from pathlib import Path
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
log, url, config, faults = sys.argv[1:]
logging.basicConfig(level=logging.DEBUG, filename=log)
from pipelines.cli import main
state = os.environ["XDG_STATE_HOME"]
def order(name, method, body=None):
    body = None if body is None else json.dumps(body).encode()
    urllib.request.urlopen(urllib.request.Request(f"{url}/simulator/{name}", body, method=method)).close()
def keys(*words, typed=()):
    sys.stdin = io.StringIO("".join(f"{line}\\n" for line in typed))
    return main(["keys", *words, "--debug", "--config", config])
for number, fault in enumerate(json.loads(faults)):
    order("faults", "DELETE")
    os.environ["XDG_STATE_HOME"] = f"{state}/{number}"
    if fault:
        path = ("/api/v3/account", "/sapi/v1/account/apiRestrictions")[number % 2]
        order("faults", "POST", {**fault, "path": path})
    keys("add", f"account-{number}", typed=[os.environ["KEY"], os.environ["SECRET"]])
    keys("check")
codes = [keys("add", "main", typed=[os.environ["KEY"], os.environ["SECRET"]])]
codes += [keys("list"), keys("check"), main(["run", "wallet", "--config", config])]
keys("rotate", "main", "--generate")
pem = Path(config).with_name("keys").joinpath("main-2.pem").read_bytes()
public = load_pem_private_key(pem, None).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
order("key", "POST", {"api_key": os.environ["NEXT"], "uid": 7, "public_key": public.decode()})
codes += [keys("rotate", "main", "--generate", typed=[os.environ["NEXT"]]), keys("check")]
sys.exit(max(codes))
"""


@dataclass(frozen=True)
class Canary:
    """A key pair made to be looked for: what signs, as it stands in its file, and what of it is secret."""

    kind: str
    signer: str
    material: bytes
    public_pem: bytes | None = None


def _made(kind: str) -> Canary:
    if kind == "hmac":
        return Canary(kind, SECRET, SECRET.encode())
    key = Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    material = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())[-32:]
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Canary(kind, pem, material, public)


def forms(material: bytes) -> set[bytes]:
    """The ways in which bytes may have been written: plain, hexadecimal, percent-encoded, base64 at any offset."""
    found = {material, material.hex().encode(), material.hex().upper().encode(), quote(material).encode()}
    found.add(repr(material)[2:-1].encode())
    for offset in range(3):
        # Of base64 only whole groups are the same wherever the bytes stand in what was encoded.
        groups = material[-offset % 3 :]
        groups = groups[: len(groups) // 3 * 3]
        found |= {base64.b64encode(groups), base64.urlsafe_b64encode(groups)}
    return found


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, its name, and every column of those that are Parquet, whose pages are compressed."""
    for path in sorted(folder.rglob("*")):
        yield f"name of {path}", str(path.relative_to(folder)).encode()
        if path.is_file():
            yield str(path), path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.read_table(path, partitioning=None)
            for name, column in zip(table.schema.names, table.columns, strict=True):
                yield f"{path}: {name}", "\n".join(map(str, column.to_pylist())).encode()


def leaks(folder: Path, *materials: bytes) -> list[str]:
    """Where a form of a secret was written."""
    sought = {form for material in materials for form in forms(material)}
    return [place for place, content in written(folder) if any(form in content for form in sought)]


@pytest.mark.parametrize(
    ("kind", "faults"), some_of([("hmac", FAULTS), ("rsa", FAULTS[::3]), ("ed25519", FAULTS[::3])])
)
def test_no_secret_is_written_whatever_happens(tmp_path: Path, kind: str, faults: list[dict[str, Any]]):
    """Runs with --debug and every log on meet each fault; key, secret and private key are nowhere in what they wrote."""
    canary = _made(kind)
    keys, house = tmp_path / "keys", tmp_path / "house"
    keys.mkdir()
    house.mkdir()
    (keys / "signer").write_text(canary.signer)
    (keys / "signer").chmod(0o600)
    with Served() as served:
        signing = {"secret": SECRET} if kind == "hmac" else {"public_key_pem": canary.public_pem}
        served.exchange.add_account(7, API_KEY, **signing, balances={"BTC": ("1.5", "0")})
        name = "secret" if kind == "hmac" else "private_key"
        text = FLOWS.format(url=served.url).replace("secret: env:SECRET", f"{name}: file:{keys / 'signer'}")
        (house / "flows.yaml").write_text(text)
        done = _drive(served.url, house, faults)
        signed = [seen.target for seen in served.exchange.requests if "signature=" in seen.target]
    assert done.returncode == 0, (house / "said").read_text()
    assert Lake.at(house / "lake").table(BALANCES).scan().num_rows >= 1
    assert len(signed) > len(faults)
    logged = (house / "debug.log").read_text()
    assert "DEBUG" in logged
    assert leaks(house, canary.material, API_KEY.encode(), *_lines(canary.signer)) == []
    assert [place for place, content in written(house) if b"signature=" in content] == []


def test_no_secret_is_written_where_keys_are_changed(tmp_path: Path):
    """Keys are typed, made here, checked and rotated with --debug and every fault: only the key files hold them."""
    house, following = tmp_path / "house", API_KEY[::-1]
    house.mkdir()
    with Served() as served:
        served.exchange.add_account(7, API_KEY, secret=SECRET, balances={"BTC": ("1.5", "0")})
        (house / "flows.yaml").write_text(FLOWS.format(url=served.url).replace("env:KEY", "env:UNSET_KEY"))
        done = _drive(served.url, house, FAULTS, KEYS_DRIVER, NEXT=following, SECRET=SECRET)
    assert done.returncode == 0, (house / "said").read_text()
    made = (house / "keys" / "main-2.pem").read_text()
    (house / "keys").rename(tmp_path / "keys")
    assert len(list((tmp_path / "keys").glob("main-*"))) == 4
    secrets = [API_KEY.encode(), SECRET.encode(), following.encode(), *_lines(made)]
    assert "DEBUG" in (house / "debug.log").read_text()
    assert leaks(house, *secrets) == []
    assert [place for place, content in written(house) if b"signature=" in content] == []


def _lines(pem: str) -> list[bytes]:
    """The lines of a private key's text that are not the same for every key."""
    return [line.encode() for line in pem.splitlines() if not line.startswith("-----") and line[:12] != "MIIEvQIBADAN"]


def _drive(
    url: str, house: Path, faults: list[dict[str, Any]], driver: str = DRIVER, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """All runs in one process, which says everything it can into the house."""
    with (house / "said").open("wb") as said:
        return subprocess.run(
            [sys.executable, "-c", driver, house / "debug.log", url, house / "flows.yaml", json.dumps(faults)],
            cwd=ROOT,
            env={
                **os.environ,
                "KEY": API_KEY,
                "PYTHONASYNCIODEBUG": "1",
                "XDG_STATE_HOME": str(house / "state"),
                **variables,
            },
            stdout=said,
            stderr=said,
            timeout=100,
            check=False,
        )


@pytest.mark.parametrize("form", sorted(forms(SECRET.encode())), ids=lambda form: form[:12].decode())
def test_a_planted_secret_is_found(tmp_path: Path, form: bytes):
    """The search sees each form in plain text, inside base64 of something larger, and in a compressed column."""
    assert leaks(tmp_path, SECRET.encode()) == []
    (tmp_path / "log").write_bytes(b"before " + form + b" after")
    column = pa.table({"note": [form.decode()] * 3 + ["y" * 1000]})
    pq.write_table(column, tmp_path / "rows.parquet", compression="zstd")
    found = leaks(tmp_path, SECRET.encode())
    assert str(tmp_path / "log") in found
    assert f"{tmp_path / 'rows.parquet'}: note" in found


@pytest.mark.parametrize("before", [b"", b"a", b"ab"])
def test_a_secret_inside_encoded_text_is_found(tmp_path: Path, before: bytes):
    """Base64 shifts with what stands before; the secret in an encoded header is found all the same."""
    (tmp_path / "log").write_bytes(base64.b64encode(before + SECRET.encode() + b":"))
    assert leaks(tmp_path, SECRET.encode()) == [str(tmp_path / "log")]
