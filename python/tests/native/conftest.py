"""Providers on the real engine, each with a name of its own, and nothing left of them afterwards."""

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

# Journals of calls are the tests' own. The extension reads the environment when its first provider is opened.
_STATE = tempfile.TemporaryDirectory(prefix="mngr-docker-tests-")
os.environ["XDG_STATE_HOME"] = _STATE.name

from mngr_docker import Provider  # noqa: E402

IMAGE = "mngr-test:busybox"
#: A call that takes longer than this hangs.
PATIENCE = 60


@pytest.fixture
def open_provider() -> Iterator[Callable[..., Provider]]:
    """Opens providers of a new name each, with the test image as their default."""
    opened: list[Provider] = []

    def open_one(settings_files: Sequence[Path] = (), **settings: object) -> Provider:
        name = f"py-{uuid.uuid4().hex[:12]}"
        all_settings = {"default_image": IMAGE, "stop_timeout_seconds": 1, **settings}
        provider = Provider(name, all_settings, settings_files=settings_files)
        opened.append(provider)
        return provider

    yield open_one
    for provider in opened:
        for agent in provider.discover():
            provider.destroy(agent["id"], snapshots=True)
        for snapshot in provider.snapshot_list():
            provider.snapshot_delete(snapshot["id"])


@pytest.fixture
def provider(open_provider: Callable[..., Provider]) -> Provider:
    """One provider without agents."""
    return open_provider()


@pytest.fixture
def agent(provider: Provider) -> str:
    """The id of a running agent called `a`."""
    return provider.create("a")["id"]


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a script of Python in a process of its own."""

    def start(text: str, *arguments: str) -> subprocess.Popen[str]:
        script = tmp_path / "script.py"
        script.write_text(text)
        return subprocess.Popen(
            [sys.executable, str(script), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
