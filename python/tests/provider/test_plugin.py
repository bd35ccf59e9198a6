"""What mngr loads of the package, and when."""

import subprocess
import sys

import pytest
from imbue.mngr.errors import MngrError

from mngr_docker import plugin

_LOADED = """
import sys
from imbue.mngr.main import cli
from click.testing import CliRunner
done = CliRunner().invoke(cli, {arguments!r})
assert done.exit_code == 0, done.output
assert "mngr_docker.plugin" in sys.modules
print(*sorted(name for name in sys.modules if name.startswith("mngr_docker")))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["create", "--help"]])
def test_help_loads_neither_the_extension_nor_the_provider(arguments: list[str]) -> None:
    script = _LOADED.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["mngr_docker", "mngr_docker.config", "mngr_docker.plugin"]


def test_the_backend_is_called_docker_and_is_made_when_it_is_used() -> None:
    registered = plugin.register_provider_backend()
    assert str(registered.name) == "docker"
    assert str(registered.load().get_name()) == "docker"


def test_a_second_package_of_that_name_is_reported_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "rival_version", lambda: "0.1.0")
    with pytest.raises(MngrError, match="pip uninstall imbue-mngr-docker") as raised:
        plugin.register_provider_backend().load()
    assert plugin.NAME_VARIABLE in str(raised.value)


def test_beside_a_second_package_ours_takes_the_name_that_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "rival_version", lambda: "0.1.0")
    monkeypatch.setenv(plugin.NAME_VARIABLE, "docker-wasm")
    registered = plugin.register_provider_backend()
    assert str(registered.name) == "docker-wasm"
    assert str(registered.load().get_name()) == "docker-wasm"
    assert plugin.register_cli_commands()[0].name == "docker-wasm"
