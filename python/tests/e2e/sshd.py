"""An SSH server of a test's own on loopback, and a home whose `ssh` trusts and uses it. Behind it is this machine."""

import getpass
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SSHD = "/usr/sbin/sshd"
START = 20


@contextmanager
def sshd(root: Path, home: Path) -> Iterator[tuple[str, Path]]:
    """Runs one, and gives the address of the engine behind it and a folder with an `ssh` to be first on the PATH.

    OpenSSH takes its configuration from the home that /etc/passwd names and not from `HOME`, and so an `ssh` that names
    the file is put before it; Python's clients of SSH read the one in `HOME`.
    """
    root.mkdir(parents=True)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", root / key], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (root / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {root}/host\nPidFile none\nAuthorizedKeysFile {root}/user.pub\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 200\n"
    )
    ssh = home / ".ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    public = (root / "host.pub").read_text().split()
    (ssh / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    (ssh / "config").write_text(f"Host 127.0.0.1\nIdentityFile {root}/user\nUserKnownHostsFile {ssh}/known_hosts\n")
    (root / "bin").mkdir()
    wrapper = root / "bin" / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {ssh}/config "$@"\n')
    wrapper.chmod(0o755)
    # sshd insists on it where it runs as root.
    Path("/run/sshd").mkdir(exist_ok=True)
    with (root / "log").open("w") as log:
        server = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", root / "sshd_config"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _wait(port, root / "log")
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}", root / "bin"
    finally:
        server.terminate()
        server.wait()


def _wait(port: int, log: Path) -> None:
    deadline = time.monotonic() + START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"sshd does not listen: {log.read_text()}"
            time.sleep(0.05)
