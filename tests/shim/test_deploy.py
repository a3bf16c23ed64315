"""What lies in deploy/: the image's steps, one by one (there is no Docker here), and what the units start."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

import pytest
from server import ROOT

from asof.__main__ import build_parser

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", "")


def instruction(name):
    """The arguments of the Dockerfile's last instruction of this name."""
    return re.findall(rf"^{name} +(.*)$", DOCKERFILE, re.MULTILINE)[-1]


def image_environment():
    return dict(each.split("=", 1) for each in shlex.split(instruction("ENV")))


def test_what_the_image_holds_starts_and_is_healthy(publisher, tmp_path):
    app = tmp_path / "app"
    app.mkdir()
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE, re.MULTILINE):
        where = app / target if source.endswith("/") else app / target / os.path.basename(source)
        copy = shutil.copytree if source.endswith("/") else shutil.copy
        where.parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / source, where, **({"dirs_exist_ok": True} if source.endswith("/") else {}))
    assert {path.name for path in app.iterdir()} == {"requirements.lock", "requirements.txt", "asof"}
    assert {path.name for path in (app / "asof").iterdir()} == {"serve", "extensions"}
    # nothing else is there to import: no repository, and of the packages those of the build side are blocked
    blocked = tmp_path / "blocked"
    for name in ("dbt", "pandas", "pyarrow"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text(f"raise ImportError('{name} is not in the image')")
    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps({"tokens": [{"name": "scorer", "sha256": "0" * 64, "services": ["*"]}]}))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ASOF_", "PYTHON"))}
    environment = clean | image_environment() | {"PYTHONPATH": str(blocked), "ASOF_PORT": "0"}
    environment |= {"ASOF_FOLDER": str(publisher.folder), "ASOF_TOKENS": str(tokens)}

    def python(name):
        first, *rest = json.loads(instruction(name))
        assert first == "python"
        return [sys.executable, *rest]

    shim = subprocess.Popen(
        python("ENTRYPOINT"),
        cwd=app,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        url = re.fullmatch(r"asof serves on http://0.0.0.0:(\d+)\n", shim.stdout.readline())
        requested = {"env": environment | {"ASOF_PORT": url[1]}, "cwd": app, "capture_output": True, "timeout": 60}
        check = python(r"HEALTHCHECK.* CMD")
        assert subprocess.run(check, **requested).returncode == 0
        shim.send_signal(getattr(signal, instruction("STOPSIGNAL")))
        assert shim.wait(20) == 0
        assert subprocess.run(check, **requested).returncode != 0
    finally:
        if shim.poll() is None:
            os.killpg(shim.pid, signal.SIGKILL)
        shim.communicate()


def test_the_image_is_not_root_and_holds_no_data():
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", instruction("USER"))
    ignored = (ROOT / "deploy/Dockerfile.dockerignore").read_text()
    assert [line for line in ignored.splitlines() if not line.startswith("#")] == [
        "*",
        "!requirements.lock",
        "!deploy/requirements.txt",
        "!serve",
        "!asof/extensions",
        "**/__pycache__",
    ]
    # each package that it asks for has a version that was tested
    wanted = re.findall(r"^([\w-]+)", (ROOT / "deploy/requirements.txt").read_text(), re.MULTILINE)
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text().lower(), re.MULTILINE)
    assert set(wanted) <= {name.replace("_", "-") for name in locked}


def unit(name):
    found = configparser.RawConfigParser(strict=False)
    found.optionxform = str
    found.read(ROOT / f"deploy/{name}.service")
    return found


@pytest.mark.parametrize("name", ["asof", "asof-loop"])
def test_the_units_start_what_there_is(name):
    text = (ROOT / f"deploy/{name}.service").read_text()
    known = {option.removeprefix("ASOF_") for option in re.findall(r"\bASOF_\w+", text)}
    options = vars(build_parser().parse_args(["serve"]))
    assert {each.lower() for each in known} <= set(options)
    program, *arguments = shlex.split(unit(name)["Service"]["ExecStart"])
    assert program == "/opt/asof/bin/asof"
    assert callable(build_parser().parse_args(arguments).run)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("name", ["asof", "asof-loop"])
def test_systemd_reads_the_units_without_a_warning(name, tmp_path):
    path = tmp_path / f"{name}.service"
    path.write_text((ROOT / "deploy" / path.name).read_text().replace("/opt/asof/bin/asof", sys.executable))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=60
    )
    assert (verified.returncode, [line for line in verified.stderr.splitlines() if path.name in line]) == (0, [])
