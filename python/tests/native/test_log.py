"""What the shim logs, in Python's own log."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = """
import json
import logging

records = []


class Keep(logging.Handler):
    def emit(self, record):
        records.append((record.levelname, record.getMessage()))


logging.getLogger("mngr_docker").addHandler(Keep())
logging.getLogger("mngr_docker").setLevel(logging.DEBUG)

from mngr_docker import Provider, ProviderError

try:
    Provider("log", {"host": "HOST", "docker_proxies": False}).create("a", image="127.0.0.1:1/none")
except ProviderError:
    print(json.dumps(records))
"""


@pytest.fixture
def records(
    run_script: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., list[list[str]]]:
    """What a process logs whose only call warns and fails, with or without `RUST_LOG`."""
    (tmp_path / "config.json").write_text("nonsense")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def logged(rust_log: str | None, script: str = SCRIPT) -> list[list[str]]:
        monkeypatch.delenv("RUST_LOG", raising=False)
        if rust_log is not None:
            monkeypatch.setenv("RUST_LOG", rust_log)
        # An engine that is named is not looked for in that file.
        host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        done = run_script(script.replace("HOST", host))
        stdout, stderr = done.communicate(timeout=60)
        assert (done.returncode, stderr) == (0, "")
        return json.loads(stdout)

    return logged


def test_a_warning_is_in_the_log_of_python_before_the_call_returns(
    records: Callable[..., list[list[str]]],
) -> None:
    [[level, text]] = records(None)
    assert level == "WARNING"
    assert text.startswith("no credentials are sent") and "registry: 127.0.0.1:1" in text


def test_what_else_is_logged_is_there_where_it_is_asked_for(
    records: Callable[..., list[list[str]]],
) -> None:
    logged = records("info")
    assert [level for level, _ in logged] == ["WARNING", "INFO"]
    assert logged[-1][1].startswith("the call has ended; status: ")


def test_ctrl_c_while_something_is_logged_is_not_lost(records: Callable[..., list[list[str]]]) -> None:
    pressed = SCRIPT.replace("records.append(", "raise KeyboardInterrupt(").replace(
        "except ProviderError:\n", 'except KeyboardInterrupt as stop:\n    records.append(["pressed", *stop.args[0]])\n'
    )
    [[pressed_at, level, text]] = records(None, pressed)
    assert (pressed_at, level) == ("pressed", "WARNING")
    assert text.startswith("no credentials are sent")
