"""What a project's directory says of a provider waits until its user trusts it: nothing of it happens before."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

# A value for each setting that a stranger would like; ROOM is the repository.
_HOSTILE = {
    "ssh_config_file": '"ROOM/ssh_config"',
    "host": '"ssh://theirs"',
    "docker_context": '"theirs"',
    "identity_file": '"ROOM/key"',
    "plugin": '"ROOM/plugin.wasm"',
    "policy": '"standard"',
    "permissions": "{ gpu = 1 }",
    "ledger": '"ROOM/ledger"',
    "audit_log": '"ROOM/audit"',
    "default_start_args": '["--volume=/:/host"]',
    "secret_env": "[]",
}


@dataclass
class Repository:
    """Somebody else's repository, and the home of who is in it."""

    root: Path
    home: Path

    def say(self, lines: str, file: str = "settings.toml") -> None:
        text = f'is_allowed_in_pytest = true\n[providers.theirs]\nbackend = "docker"\n{lines}\n'
        (self.root / ".mngr" / file).write_text(text.replace("ROOM", str(self.root)))

    def mngr(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        of_caller = ("MNGR_", "GIT_", "XDG_STATE", "XDG_CONFIG", "XDG_DATA", "DOCKER_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(of_caller)}
        # What the plugin compiles to is the same in every home, and takes a while.
        kept.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        return subprocess.run(
            [Path(sys.prefix) / "bin" / "mngr", *arguments],
            cwd=self.root,
            env={**kept, "HOME": str(self.home), "MNGR_HEADLESS": "1", "NO_COLOR": "1", "COLUMNS": "400", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def listed(self, **variables: str) -> str:
        """What `mngr list` says of the provider."""
        done = self.mngr("list", "--provider", "theirs", **variables)
        return done.stdout + done.stderr

    def made(self) -> list[str]:
        return [name for name in ("marker", "ledger", "audit") if (self.root / name).exists()]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One whose ssh_config leaves a mark."""
    repository = Repository(tmp_path / "repository", tmp_path / "home")
    (repository.root / ".mngr").mkdir(parents=True)
    repository.home.mkdir()
    subprocess.run(["git", "init", "--quiet", repository.root], check=True)
    marker = repository.root / "marker"
    (repository.root / "ssh_config").write_text(f"Host *\n  ProxyCommand touch {marker}\n")
    return repository


_REFUSED = "takes effect only once this directory is trusted"


_LEAVES_A_MARK = 'host = "ssh://theirs"\nssh_config_file = "ROOM/ssh_config"'


@pytest.mark.parametrize("file", ["settings.toml", "settings.local.toml"])
def test_nothing_happens_of_what_a_directory_says(repository: Repository, file: str) -> None:
    repository.say(_LEAVES_A_MARK, file)
    refused = repository.listed()
    assert f"providers.theirs.host: {_REFUSED}" in refused, refused
    assert f"mngr docker trust {repository.root / '.mngr' / file}" in refused
    assert repository.made() == []


def test_a_file_that_is_trusted_takes_effect_until_it_changes(repository: Repository) -> None:
    repository.say(_LEAVES_A_MARK)
    path = repository.root / ".mngr" / "settings.toml"
    trusted = repository.mngr("docker", "trust", str(path), "--yes")
    assert "providers.theirs.ssh_config_file" in trusted.stdout, trusted.stdout + trusted.stderr
    assert _REFUSED not in repository.listed()
    assert repository.made() == ["marker"], "its ProxyCommand runs"
    (repository.root / "marker").unlink()
    path.write_text(path.read_text() + "\n")
    assert _REFUSED in repository.listed()
    repository.say(_LEAVES_A_MARK)
    repository.mngr("docker", "trust", str(path), "--revoke")
    assert _REFUSED in repository.listed()
    assert repository.made() == []


def test_nothing_is_trusted_where_nobody_says_yes(repository: Repository) -> None:
    repository.say('ledger = "ROOM/ledger"')
    done = repository.mngr("docker", "trust", ".mngr/settings.toml")
    assert done.returncode != 0 and "providers.theirs.ledger" in done.stdout
    assert f"providers.theirs.ledger: {_REFUSED}" in repository.listed()


@pytest.mark.parametrize("key", _HOSTILE)
def test_each_setting_is_refused_by_itself(repository: Repository, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from imbue.mngr.errors import ConfigError
    from imbue.mngr.primitives import ProviderInstanceName

    from mngr_docker.backend import DockerProviderBackend
    from mngr_docker.config import DockerProviderConfig

    monkeypatch.delenv("MNGR_PROJECT_CONFIG_DIR", raising=False)
    repository.say(f"{key} = {_HOSTILE[key]}")

    class InRepository:
        project_root = repository.root

    with pytest.raises(ConfigError, match=f"providers.theirs.{key}: {_REFUSED}"):
        DockerProviderBackend.build_provider_instance(
            ProviderInstanceName("theirs"),
            DockerProviderConfig(),
            InRepository(),  # type: ignore[arg-type]
        )


def test_what_does_no_harm_and_what_the_user_has_named_needs_no_trust(repository: Repository) -> None:
    repository.say('default_image = "debian"\ndefault_cpus = 2\npolicy = "strict"')
    assert _REFUSED not in repository.listed()
    repository.say(_LEAVES_A_MARK)
    assert _REFUSED not in repository.listed(MNGR_PROJECT_CONFIG_DIR=str(repository.root / ".mngr"))
    assert repository.made() == ["marker"]
