"""One person's mngr, apart from every other on the machine: a home, settings, a prefix and a provider of its own."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import engine

COMMAND_TIMEOUT = 120


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    arguments: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Both outputs, for messages that may be on either."""
        return self.stdout + self.stderr

    def json(self) -> Any:
        """The one JSON value that was printed."""
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise AssertionError(f"no JSON from {self}: {error}") from error

    def __str__(self) -> str:
        return f"mngr {' '.join(self.arguments)} ended with {self.status}\n{self.stdout}\n{self.stderr}"


@dataclass
class World:
    """A home directory with a repository in it, mngr's settings, and the commands that are run there."""

    root: Path
    venv: Path
    settings: dict[str, Any] = field(default_factory=dict)
    provider: str = field(default_factory=lambda: "e2e" + secrets.token_hex(4))
    # The peer pulls an image from a registry even when the engine has it, so for the peer one is always built.
    builds_images: bool = False
    # The names of containers begin with it.
    prefix: str = ""
    # Folders to be before all others on the PATH of a command.
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.prefix = self.prefix or f"{self.provider}-"
        self.home = self.root / "home"
        self.repository = self.root / "repository"
        self.config = self.root / "config"
        self.context = self.root / "context"
        for folder in (self.home, self.repository, self.config, self.context, self.home / ".mngr"):
            folder.mkdir(parents=True)
        (self.home / ".gitconfig").write_text(
            '[user]\nname = Test\nemail = test@example.com\n[init]\ndefaultBranch = main\n[safe]\ndirectory = "*"\n'
        )
        (self.home / ".tmux.conf").write_text("")
        self.write_dockerfile("Dockerfile", engine.HOST_IMAGE)
        self.write_settings()
        self._make_repository()

    def write_settings(self, **changed: Any) -> None:
        """Writes the provider's settings, with some changed from now on."""
        self.settings.update(changed)
        table = {"backend": "docker", "default_image": engine.HOST_IMAGE, **self.settings}
        lines = [
            "is_allowed_in_pytest = true",
            "default_destroyed_host_persisted_seconds = 604800.0",
            "is_error_reporting_enabled = false",
            f"[providers.{self.provider}]",
            *(f"{key} = {_toml(value)}" for key, value in table.items() if value is not None),
            # Without this mngr would also look for hosts of the backend's default instance.
            *self._without_default_instance(),
        ]
        (self.config / "settings.toml").write_text("\n".join(lines) + "\n")

    def _without_default_instance(self) -> list[str]:
        if self.provider == "docker":
            return []
        quiet = ["isolate_host_volumes = false"] if "isolate_host_volumes" in self.settings else []
        return ["[providers.docker]", 'backend = "docker"', "is_enabled = false", *quiet]

    def write_dockerfile(self, name: str, base: str) -> Path:
        """Writes one that adds nothing to its base but the label by which the image is found and removed."""
        path = self.context / name
        path.write_text(f"FROM {base}\nLABEL mngr.test.prefix={self.prefix}\n")
        return path

    def build_arguments(self, dockerfile: Path | None = None) -> list[str]:
        """The arguments of `mngr create` that build an image, if no file is named from the host image."""
        return ["-b", f"--file={dockerfile or self.context / 'Dockerfile'}", "-b", str(self.context)]

    def _make_repository(self) -> None:
        self.git("init", "--quiet", "--initial-branch=main")
        (self.repository / "README.md").write_text("A repository for agents.\n")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "First")

    def git(self, *arguments: str) -> str:
        """Runs git in the repository."""
        return subprocess.run(
            ["git", *arguments], cwd=self.repository, env=self.environment(), check=True, capture_output=True, text=True
        ).stdout

    def environment(self, **extra: str) -> dict[str, str]:
        """The variables that a command is run with: ours, and of the caller's none that mngr would read."""
        of_caller = ("MNGR_", "GIT_", "TMUX", "SSH_", "XDG_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(of_caller)}
        return {
            **kept,
            # What the plugin compiles to is the same in every home, and takes a while.
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
            "HOME": str(self.home),
            "MNGR_HOST_DIR": str(self.home / ".mngr"),
            "MNGR_PREFIX": self.prefix,
            "MNGR_PROJECT_CONFIG_DIR": str(self.config),
            "MNGR_HEADLESS": "1",
            "TMUX_TMPDIR": str(self.root),
            "NO_COLOR": "1",
            "COLUMNS": "240",
            **extra,
        }

    def start(self, *arguments: str, venv: Path | None = None, **options: Any) -> subprocess.Popen[str]:
        """Starts mngr in a process group of its own, so that a signal reaches all of it and nothing else."""
        program = (venv or self.venv) / "bin" / "mngr"
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        # mngr starts itself again for some commands, and finds itself on the PATH.
        path = os.pathsep.join([*self.path, str(program.parent), os.environ.get("PATH", os.defpath)])
        environment = self.environment(**{"PATH": path, **options.pop("extra", {})})
        return subprocess.Popen(
            [str(program), *arguments],
            cwd=options.pop("cwd", self.repository),
            env=environment,
            stdin=options.pop("stdin", subprocess.DEVNULL),
            text=True,
            start_new_session=True,
            **options,
        )

    def try_mngr(
        self, *arguments: str, timeout: float = COMMAND_TIMEOUT, input: str | None = None, **options: Any
    ) -> Done:
        """Runs mngr to its end, whatever that is."""
        if input is not None:
            options["stdin"] = subprocess.PIPE
        began = time.monotonic()
        process = self.start(*arguments, **options)
        try:
            stdout, stderr = process.communicate(input=input, timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            raise AssertionError(
                f"mngr {' '.join(arguments)} had not ended after {timeout} s\n{stdout}\n{stderr}"
            ) from None
        print(
            f"[{time.monotonic() - began:5.1f} s] mngr {' '.join(arguments)} -> {process.returncode}", file=sys.stderr
        )
        return Done(arguments, process.returncode, stdout, stderr)

    def mngr(self, *arguments: str, **options: Any) -> Done:
        """Runs mngr; a status other than 0 fails the test with all that was printed."""
        done = self.try_mngr(*arguments, **options)
        assert done.status == 0, str(done)
        return done

    def json(self, *arguments: str, **options: Any) -> Any:
        """Runs mngr and returns the JSON value that it prints."""
        return self.mngr(*arguments, "--format", "json", **options).json()

    def create(self, name: str, *more: str, command: tuple[str, ...] = ("sleep", "3600"), **options: Any) -> Done:
        """Makes an agent that is a plain command, on a new host `<name>-host`."""
        if self.builds_images and not {"-b", "--snapshot"} & set(more):
            more = (*self.build_arguments(), *more)
        address = f"{name}@{name}-host.{self.provider}"
        arguments = ("create", address, "--type", "command", "--no-connect", "--new-host", *more, "--", *command)
        return self.mngr(*arguments, **options)

    def agents(self, *more: str) -> dict[str, dict[str, Any]]:
        """What `mngr list` says, by agent name."""
        return {agent["name"]: agent for agent in self.json("list", "--provider", self.provider, *more)["agents"]}

    def agents_by(self, venv: Path) -> dict[str, dict[str, Any]]:
        """What `mngr list` of another environment says, by agent name."""
        listed = self.json("list", "--provider", self.provider, venv=venv)["agents"]
        return {agent["name"]: agent for agent in listed}

    def agent(self, name: str) -> dict[str, Any]:
        """What `mngr list` says of one agent."""
        listed = self.agents()
        assert name in listed, f"{name} is not among {sorted(listed)}"
        return listed[name]

    def host_records(self) -> dict[str, dict[str, Any]]:
        """What `mngr list --hosts` says of this provider's hosts, by host name."""
        listed = self.json("list", "--hosts", "--provider", self.provider)["hosts"]
        return {host["name"]: host for host in listed}

    def container(self, host_name: str) -> str:
        """The id of the container that is a host."""
        for id in engine.hosts(self.provider):
            if engine.inspect(id)["Config"]["Labels"].get("com.imbue.mngr.host-name") == host_name:
                return id
        raise AssertionError(f"no container is the host {host_name}")

    def clean_up(self) -> None:
        """Removes all that this world has on the engine."""
        engine.remove_all(self.provider, self.prefix)


def until(what: str, holds: Callable[[], Any], timeout: float = 60, poll: float = 0.2) -> Any:
    """Waits for a condition, and returns what it gave."""
    deadline = time.monotonic() + timeout
    while not (result := holds()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(poll)
    return result


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
