"""Threads, signals, callbacks, forks and the end of the interpreter."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mngr_docker import Provider

#: A call that takes longer than this hangs.
PATIENCE = 60
RunScript = Callable[..., subprocess.Popen[str]]

PREAMBLE = """
import os, signal, sys, threading
from mngr_docker import Provider
provider = Provider(sys.argv[1], {"default_image": "mngr-test:busybox"})
"""


def finish(script: subprocess.Popen[str]) -> str:
    """What a script has printed, once it has ended well."""
    out, err = script.communicate(timeout=PATIENCE)
    assert script.returncode == 0, err
    return out


def test_twenty_threads_are_in_calls_at_once(provider: Provider, agent: str) -> None:
    count = 20
    pipes = [f"/tmp/pipe-{number}" for number in range(count)]
    provider.exec(agent, ["mkfifo", *pipes])

    def shake_hands(number: int) -> bytes:
        # Each ends only when its neighbour has begun, all around the circle.
        own, next_one = pipes[number], pipes[(number + 1) % count]
        script = f"echo {number} > {next_one} & cat {own}; wait"
        return provider.exec(agent, ["sh", "-c", script], timeout=PATIENCE).stdout

    with ThreadPoolExecutor(count) as pool:
        heard = list(pool.map(shake_hands, range(count)))
    assert heard == [f"{(number - 1) % count}\n".encode() for number in range(count)]


def test_other_threads_go_on_while_one_waits(provider: Provider, agent: str) -> None:
    provider.exec(agent, ["mkfifo", "/tmp/pipe"])
    release = threading.Thread(target=lambda: provider.exec(agent, ["sh", "-c", "echo go > /tmp/pipe"]))
    # It has to run Python of its own, and to make a call, before this one can end.
    release.start()
    assert provider.exec(agent, ["cat", "/tmp/pipe"], timeout=PATIENCE).stdout == b"go\n"
    release.join()


def test_progress_is_told_to_the_thread_that_waits(provider: Provider) -> None:
    told: list[tuple[str, str, int]] = []
    provider.create("a", on_progress=lambda p: told.append((p["step"], p["subject"], threading.get_ident())))
    assert ("creating container", "a", threading.get_ident()) in told


def test_what_a_callback_raises_does_not_end_the_call(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda caught: reported.append(caught.exc_value))

    def fail(_: object) -> None:
        raise ValueError("in the callback")

    assert provider.create("a", on_progress=fail)["state"] == "running"
    assert reported
    assert all(isinstance(error, ValueError) for error in reported)


def test_ctrl_c_ends_a_long_command(provider: Provider, agent: str, run_script: RunScript) -> None:
    provider.exec(agent, ["mkfifo", "/tmp/started"])
    script = run_script(
        PREAMBLE
        + """
try:
    provider.exec(sys.argv[2], ["sh", "-c", "echo yes > /tmp/started; sleep 600"])
except KeyboardInterrupt:
    print("interrupted", len(provider.discover()))
""",
        provider.name,
        agent,
    )
    assert provider.exec(agent, ["cat", "/tmp/started"], timeout=PATIENCE).stdout == b"yes\n"
    script.send_signal(signal.SIGINT)
    assert finish(script) == "interrupted 1\n"


def test_ctrl_c_in_the_midst_of_a_create_leaves_nothing(provider: Provider, run_script: RunScript) -> None:
    script = run_script(
        PREAMBLE
        + """
def press(progress):
    if progress["step"] == "creating container":
        os.kill(os.getpid(), signal.SIGINT)

try:
    provider.create("a", on_progress=press)
except KeyboardInterrupt as stop:
    print("interrupted", stop.__cause__)
""",
        provider.name,
    )
    assert finish(script) == "interrupted None\n"
    assert provider.discover() == []
    label = f"label=com.imbue.mngr.provider={provider.name}"
    listed = subprocess.run(["docker", "ps", "-aq", "--filter", label], capture_output=True, text=True, check=True)
    assert listed.stdout == ""


def test_ctrl_c_that_comes_when_a_create_has_ended_does_not_lose_the_agent(
    provider: Provider, run_script: RunScript
) -> None:
    script = run_script(
        PREAMBLE
        + """
def press(progress):
    # Nobody attends to the end of the call while this runs.
    while not (agents := provider.discover(states=["running"])):
        pass
    provider.exec(agents[0]["id"], ["sleep", "1"])
    os.kill(os.getpid(), signal.SIGINT)

made = []
try:
    provider.create("a", made=made, on_progress=press)
except KeyboardInterrupt:
    print(*made)
""",
        provider.name,
    )
    assert finish(script).split() == [agent["id"] for agent in provider.discover()] != []


def test_ctrl_c_while_a_new_agent_is_told_of_does_not_lose_it(provider: Provider, run_script: RunScript) -> None:
    script = run_script(
        PREAMBLE
        + """
import json
loads = json.loads

def press(text):
    os.kill(os.getpid(), signal.SIGINT)
    return loads(text)

json.loads = press
made = []
try:
    provider.create("a", made=made)
except KeyboardInterrupt:
    print(*made)
""",
        provider.name,
    )
    assert finish(script).split() == [agent["id"] for agent in provider.discover()] != []


def test_a_signal_whose_handler_raises_ends_a_call_too(provider: Provider, agent: str, run_script: RunScript) -> None:
    provider.exec(agent, ["mkfifo", "/tmp/started"])
    script = run_script(
        PREAMBLE
        + """
class Stop(Exception):
    pass

def stop(*_):
    raise Stop

signal.signal(signal.SIGTERM, stop)
try:
    provider.exec(sys.argv[2], ["sh", "-c", "echo yes > /tmp/started; sleep 600"])
except Stop:
    print("stopped")
""",
        provider.name,
        agent,
    )
    assert provider.exec(agent, ["cat", "/tmp/started"], timeout=PATIENCE).stdout == b"yes\n"
    script.send_signal(signal.SIGTERM)
    assert finish(script) == "stopped\n"


def test_the_interpreter_ends_though_calls_are_under_way(provider: Provider, agent: str, run_script: RunScript) -> None:
    provider.exec(agent, ["mkfifo", "/tmp/started"])
    script = run_script(
        PREAMBLE
        + """
long = ["sh", "-c", "echo yes > /tmp/started; sleep 600"]
threading.Thread(target=provider.exec, args=(sys.argv[2], long), daemon=True).start()
assert provider.exec(sys.argv[2], ["cat", "/tmp/started"]).stdout == b"yes\\n"
print("over")
""",
        provider.name,
        agent,
    )
    assert finish(script) == "over\n"


def test_a_forked_process_is_told_and_the_other_goes_on(provider: Provider, agent: str, run_script: RunScript) -> None:
    script = run_script(
        PREAMBLE
        + """
import warnings
from mngr_docker import ProviderError
warnings.simplefilter("ignore", DeprecationWarning)
provider.discover()
child = os.fork()
if child == 0:
    told = 0
    for call in [provider.discover, lambda: Provider(sys.argv[1])]:
        try:
            call()
        except ProviderError as error:
            told += "forked" in error.message
    sys.exit(told)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), len(provider.discover()))
""",
        provider.name,
    )
    assert finish(script) == "2 1\n"


def test_importing_the_package_does_not_load_the_module(run_script: RunScript) -> None:
    script = run_script(
        """
import sys, mngr_docker
print("mngr_docker._native" in sys.modules)
mngr_docker.Provider
print("mngr_docker._native" in sys.modules)
"""
    )
    assert finish(script) == "False\nTrue\n"


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An SSH server on this machine: the settings of a provider behind it."""
    for key in ["host", "user"]:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nPidFile none\n"
        f"AuthorizedKeysFile {tmp_path}/user.pub\nStrictModes no\nPermitRootLogin yes\n"
    )
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {(tmp_path / 'host.pub').read_text()}")
    server = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", tmp_path / "sshd_config"], stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    for line in server.stderr:
        if "listening" in line:
            break
    yield {
        "host": f"ssh://root@127.0.0.1:{port}/var/run/docker.sock",
        "identity_file": str(tmp_path / "user"),
        "known_hosts_file": str(tmp_path / "known_hosts"),
        "ssh_config_file": "/dev/null",
    }
    server.kill()
    server.communicate()


def test_ssh_ends_with_the_interpreter(
    provider: Provider, agent: str, run_script: RunScript, sshd: dict[str, str]
) -> None:
    script = run_script(
        """
import json, sys
from pathlib import Path
from mngr_docker import Provider
provider = Provider(sys.argv[1], json.loads(sys.argv[2]))
assert len(provider.discover()) == 1
children = [child for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()]
print(*children, flush=True)
provider.exec(sys.argv[3], ["cat", "/tmp/end"])
""",
        provider.name,
        json.dumps(sshd),
        agent,
    )
    provider.exec(agent, ["mkfifo", "/tmp/end"])
    assert script.stdout is not None
    children = [os.pidfd_open(int(child)) for child in script.stdout.readline().split()]
    assert children
    provider.exec(agent, ["sh", "-c", "echo > /tmp/end"])
    finish(script)
    for child in children:
        # A process that has ended makes its descriptor readable.
        assert select.select([child], [], [], PATIENCE)[0] == [child]
        os.close(child)
