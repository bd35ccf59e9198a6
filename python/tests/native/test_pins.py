"""A plugin that is pinned in the settings: installed, and a newer one taken by a program that runs."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mngr_docker import Provider, ProviderError

_TARGET = Path(__file__).resolve().parents[3] / "target"
# As tests/wrong-plugin/src/describe.rs has it.
_OWN_VERSION = b"its own version                 "


def _component(version: str) -> bytes:
    """A component that does what ours does, saying that it is that version."""
    component = (_TARGET / "component" / "mngr-wrong-plugin.wasm").read_bytes()
    assert _OWN_VERSION in component
    return component.replace(_OWN_VERSION, version.encode().ljust(len(_OWN_VERSION)))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs versions of the plugin for a person of their own."""
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    program = _TARGET / "debug" / "mngr-docker"

    def run(version: str, *arguments: str) -> None:
        file = tmp_path / f"{version}.wasm"
        file.write_bytes(_component(version))
        command = [str(program), "plugin", *(arguments or ("install", "mngr-docker@^0.1"))]
        done = subprocess.run([*command, "--from", str(file)], env=os.environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    return run


_WATCHING = """
import sys
from mngr_docker import Provider

provider = Provider(sys.argv[1], {"policy": "standard"}, plugin="mngr-docker@^0.1")
for _ in sys.stdin:
    provider.discover()
    print(provider.plugin["version"], flush=True)
"""


def test_a_running_program_takes_a_newer_version_with_its_next_call(
    install: Callable[..., None], open_provider: Callable[..., Provider]
) -> None:

    install("0.1.7")
    name = open_provider().name
    watching = subprocess.Popen(
        [sys.executable, "-c", _WATCHING, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert watching.stdin is not None and watching.stdout is not None

    def asked() -> str:
        watching.stdin.write("\n")
        watching.stdin.flush()
        return watching.stdout.readline().strip()

    try:
        assert asked() == "0.1.7"
        install("0.1.8")
        for _ in range(1000):
            if asked() == "0.1.8":
                break
        assert asked() == "0.1.8"
    finally:
        watching.stdin.close()
        assert watching.wait(30) == 0


def test_a_pin_that_nothing_installed_fits_is_refused_by_its_key(install: Callable[..., None]) -> None:
    script = "import sys; from mngr_docker import Provider; Provider('x', {'plugin': 'mngr-docker@^99'})"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode != 0
    assert "plugin" in done.stderr and "mngr-docker@^99" in done.stderr
    assert ProviderError.__name__ in done.stderr
