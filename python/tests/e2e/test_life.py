"""One host's life as a person sees it: made, listed, used, stopped, started, renamed, resized."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import engine
from .world import World, until


@pytest.fixture(scope="module")
def agent(world: World) -> str:
    """An agent whose program repeats what it is told."""
    world.create("a1", "--host-label", "team=blue", "--label", "purpose=test", command=("cat",))
    return "a1"


@pytest.fixture
def running(world: World, agent: str) -> Iterator[str]:
    """The agent, running again when a test has left it stopped."""
    yield agent
    if world.agent(agent)["host"]["state"] != "RUNNING":
        world.mngr("start", agent)


def logged_in(world: World, agent: str, *command: str) -> str:
    """What a command prints, given to the host by ssh with nothing but what `mngr list` says."""
    line = world.agent(agent)["host"]["ssh"]["command"]
    assert "StrictHostKeyChecking=yes" in line
    done = subprocess.run([*shlex.split(line), *command], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_created_host_is_listed_with_what_it_is(world: World, running: str) -> None:
    listed = world.agent(running)
    assert listed["state"] in ("RUNNING", "WAITING")
    assert listed["type"] == "command"
    assert listed["labels"]["purpose"] == "test"
    host = listed["host"]
    assert (host["name"], host["provider_name"], host["state"]) == ("a1-host", world.provider, "RUNNING")
    assert host["tags"] == {"team": "blue"}
    assert host["resource"]["cpu"]["count"] >= 1
    assert host["resource"]["memory_gb"] > 0
    assert host["ssh"]["user"] == "root"
    assert host["uptime_seconds"] > 0


@pytest.mark.peer_fails("it does not record the image")
def test_a_created_host_is_listed_with_its_image(world: World, running: str) -> None:
    assert world.agent(running)["host"]["image"]


def test_the_table_for_people_names_agent_host_provider_and_states(world: World, running: str) -> None:
    table = world.mngr("list", "--provider", world.provider).stdout.splitlines()
    assert table[0].split()[:3] == ["NAME", "STATE", "HOST"]
    row = next(line.split() for line in table if line.startswith(running))
    assert row[2:5] == ["a1-host", world.provider, "RUNNING"]


def test_a_container_is_labelled_and_its_ssh_port_is_published_on_loopback_only(world: World, running: str) -> None:
    inspected = engine.inspect(world.container("a1-host"))
    labels = inspected["Config"]["Labels"]
    assert labels["com.imbue.mngr.host-id"] == world.agent(running)["host"]["id"]
    assert labels["com.imbue.mngr.provider"] == world.provider
    ports = inspected["NetworkSettings"]["Ports"]["22/tcp"]
    assert {port["HostIp"] for port in ports} == {"127.0.0.1"}


def test_exec_runs_in_the_agents_work_folder_with_its_repository(world: World, running: str) -> None:
    done = world.mngr("exec", running, "pwd && cat README.md && git log --oneline")
    assert world.agent(running)["work_dir"] in done.stdout
    assert "A repository for agents." in done.stdout
    assert "First" in done.stdout


def test_exec_passes_a_failure_on(world: World, running: str) -> None:
    assert world.try_mngr("exec", running, "exit 3").status != 0


def test_exec_outer_runs_on_the_machine_of_the_engine(world: World, running: str) -> None:
    name = Path("/proc/sys/kernel/hostname").read_text().strip()
    done = world.mngr("exec", "--outer", running, "cat /proc/sys/kernel/hostname")
    assert name in done.stdout.splitlines()


def test_a_message_reaches_the_agents_program(world: World, running: str) -> None:
    assert world.json("message", running, "--message", "good morning")["total_sent"] == 1
    # `cat` repeats a line, so it is on the screen twice.
    until("the message", lambda: world.mngr("capture", running).stdout.count("good morning") >= 2, poll=1)


def test_rsync_takes_files_there_and_back(world: World, running: str, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.mkdir()
    (there / "letter").write_text("dear agent")
    world.mngr("rsync", f"{there}/", f"{running}:post/")
    world.mngr("rsync", f"{running}:post/", f"{back}/")
    assert (back / "letter").read_text() == "dear agent"


def test_a_label_given_later_is_listed(world: World, running: str) -> None:
    world.mngr("label", running, "--label", "reviewed=yes")
    assert world.agent(running)["labels"]["reviewed"] == "yes"


def test_a_stopped_host_is_listed_with_name_and_agent_and_starts_as_it_was(world: World, running: str) -> None:
    world.mngr("exec", running, "echo kept > /root/kept && echo also > notes")
    key = logged_in(world, running, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    stopped = world.json("stop", running, "--stop-host")
    assert stopped["stopped_agents"] == [running]
    listed = world.agent(running)
    assert (listed["state"], listed["host"]["name"], listed["host"]["state"]) == ("STOPPED", "a1-host", "STOPPED")
    assert listed["host"]["tags"] == {"team": "blue"}
    assert engine.containers(world.provider, all_states=False) == [] or world.builds_images
    started = world.json("start", running)
    assert started["was_host_started"]
    assert "kept\nalso" in world.mngr("exec", running, "cat /root/kept notes").stdout
    assert logged_in(world, running, "cat", "/etc/ssh/ssh_host_ed25519_key.pub") == key
    assert world.agent(running)["state"] in ("RUNNING", "WAITING")


def test_exec_on_a_stopped_host_starts_it(world: World, running: str) -> None:
    world.mngr("stop", running, "--stop-host")
    assert "woken" in world.mngr("exec", running, "echo woken").stdout


def test_limits_are_changed_and_read_back(world: World, running: str) -> None:
    resized = world.json("docker", "resize", "a1-host", "--cpus", "1", "--memory", "512m")
    assert (resized["cpu_count"], resized["memory_gb"]) == (1, 0.5)
    limits = engine.inspect(world.container("a1-host"))["HostConfig"]
    assert (limits["NanoCpus"], limits["Memory"]) == (1_000_000_000, 512 * 1024 * 1024)
    resource = world.agent(running)["host"]["resource"]
    assert (resource["cpu"]["count"], resource["memory_gb"]) == (1, 0.5)


@pytest.mark.peer_fails("it reads resources from the arguments, not from the engine")
def test_limits_changed_behind_mngrs_back_are_listed_as_the_engine_has_them(world: World, running: str) -> None:
    engine.docker("update", "--memory", "300m", "--memory-swap", "300m", world.container("a1-host"))
    memory = world.agent(running)["host"]["resource"]["memory_gb"]
    assert memory == pytest.approx(300 / 1024, rel=0.01)


def test_an_agent_is_renamed(world: World, running: str) -> None:
    world.mngr("rename", running, "a2")
    try:
        assert "a2" in world.agents()
    finally:
        world.mngr("rename", "a2", running)


def test_a_host_is_renamed_and_keeps_its_name_while_it_is_stopped(world: World, running: str) -> None:
    world.mngr("rename", running, "other-host", "--host")
    assert world.agent(running)["host"]["name"] == "other-host"
    world.mngr("stop", running, "--stop-host")
    assert world.agent(running)["host"]["name"] == "other-host"
    world.mngr("start", f"{running}@other-host.{world.provider}")
    world.mngr("rename", running, "a1-host", "--host")
