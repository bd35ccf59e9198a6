"""How hosts end: destroyed, collected, killed, idle, failed or interrupted in the making; and engines out of reach."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from . import engine
from .world import World, until


def test_a_destroyed_host_stays_on_record_until_it_is_collected(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.create("d1")
    world.mngr("snapshot", "create", "d1", "--name", "last")
    world.mngr("destroy", "d1", "--force")
    assert engine.hosts(world.provider) == []
    assert "d1" not in world.agents()
    assert world.host_records()["d1-host"]["state"] == "DESTROYED"

    world.write_settings(destroyed_host_persisted_seconds=0.0)
    seen = world.json("gc", "--provider", world.provider, "--dry-run")
    assert [host["host_name"] for host in seen["machines_deleted"]] == ["d1-host"]
    assert world.host_records()["d1-host"]["state"] == "DESTROYED", "a dry run must change nothing"

    collected = world.json("gc", "--provider", world.provider)
    assert [host["host_name"] for host in collected["machines_deleted"]] == ["d1-host"]
    assert "d1-host" not in world.host_records()
    label = f"label={engine.PROVIDER_LABEL}={world.provider}"
    assert engine.docker("images", "--quiet", "--filter", label) == ""


def test_collecting_leaves_living_and_stopped_hosts_alone(world: World) -> None:
    world.create("g1")
    world.mngr("snapshot", "create", "g1", "--name", "kept")
    world.mngr("stop", "g1", "--stop-host")
    collected = world.json("gc", "--provider", world.provider)
    assert collected["machines_destroyed"] == collected["machines_deleted"] == []
    assert collected["volumes_destroyed"] == collected["snapshots_destroyed"] == []
    world.mngr("start", "g1")
    world.mngr("destroy", "g1", "--force")


def test_a_killed_container_is_listed_as_crashed_and_starts_again(world: World) -> None:
    world.create("k1")
    world.mngr("exec", "k1", "echo kept > /root/kept")
    engine.docker("kill", world.container("k1-host"))
    listed = world.agent("k1")
    assert (listed["state"], listed["host"]["name"], listed["host"]["state"]) == ("STOPPED", "k1-host", "CRASHED")
    world.mngr("start", "k1")
    assert "kept" in world.mngr("exec", "k1", "cat /root/kept").stdout
    world.mngr("destroy", "k1", "--force")


def test_a_running_host_whose_sshd_is_dead_is_not_called_crashed(world: World) -> None:
    world.create("u1")
    engine.docker("exec", world.container("u1-host"), "pkill", "-x", "sshd")
    assert world.agent("u1")["host"]["state"] == "UNKNOWN"
    # mngr would wait for the dead sshd once more.
    engine.docker("rm", "--force", world.container("u1-host"))


def test_two_hosts_never_get_one_name(world: World) -> None:
    world.create("n1")
    build = world.build_arguments() if world.builds_images else []
    again = world.try_mngr(
        "create", f"n2@n1-host.{world.provider}", "--new-host", "--type", "command", "--no-connect", *build,
        "--", "sleep", "60",
    )  # fmt: skip
    assert again.status != 0
    assert "n1-host" in again.text
    assert len(engine.hosts(world.provider)) == 1
    world.mngr("destroy", "n1", "--force")


def test_an_image_without_what_a_host_needs_fails_with_the_packages_named_and_stays_on_record(world: World) -> None:
    dockerfile = world.write_dockerfile("Dockerfile.bare", engine.BUSYBOX_IMAGE)
    failed = world.try_mngr(
        "create", f"f1@f1-host.{world.provider}", "--new-host", "--type", "command", "--no-connect",
        *world.build_arguments(dockerfile), "--", "sleep", "60",
    )  # fmt: skip
    assert failed.status != 0
    for package in ("openssh-server", "tmux", "git", "rsync", "jq"):
        assert package in failed.text
    assert "Traceback" not in failed.text
    assert engine.hosts(world.provider) == []
    assert world.host_records()["f1-host"]["state"] == "FAILED"
    world.mngr("destroy", f"@f1-host.{world.provider}", "--force")


@pytest.mark.peer_fails("it leaves the container of an interrupted create behind")
def test_an_interrupted_create_leaves_no_container(world: World) -> None:
    build = world.build_arguments() if world.builds_images else []
    process = world.start(
        "create", f"c1@c1-host.{world.provider}", "--new-host", "--type", "command", "--no-connect", *build,
        "--", "sleep", "60",
    )  # fmt: skip
    until("a container", lambda: engine.hosts(world.provider) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    said = f"{stdout}\n{stderr}"
    assert process.returncode != 0, said
    assert engine.hosts(world.provider) == [], said


def test_an_idle_host_stops_itself_cleanly(world: World) -> None:
    world.create("i1", "--idle-timeout", "1", "--idle-mode", "boot")
    container = world.container("i1-host")
    until("an idle stop", lambda: not engine.inspect(container)["State"]["Running"], timeout=90, poll=1)
    assert engine.inspect(container)["State"]["ExitCode"] in (0, 143)


@pytest.mark.peer_fails("it keeps no record of an idle stop and calls the host crashed")
def test_an_idle_host_is_listed_as_stopped_or_paused(world: World) -> None:
    assert world.agent("i1")["host"]["state"] in ("STOPPED", "PAUSED")


def test_an_engine_that_does_not_answer_is_an_error_and_not_an_empty_list(new_world: Callable[..., World]) -> None:
    world = new_world(host="unix:///nonexistent/docker.sock")
    listed = world.try_mngr("list", "--provider", world.provider, "--format", "json")
    assert listed.status != 0
    assert world.provider in listed.text
    assert listed.json()["errors"], listed.text
    began = time.monotonic()
    created = world.try_mngr(
        "create", f"e1@e1-host.{world.provider}", "--new-host", "--type", "command", "--no-connect", "--", "true"
    )
    assert created.status != 0
    assert time.monotonic() - began < 60
    assert "Traceback" not in created.text


def test_two_instances_on_one_engine_do_not_see_each_others_hosts(
    world: World, new_world: Callable[..., World]
) -> None:
    other = new_world()
    world.create("t1")
    assert other.agents() == {}
    assert "t1-host" not in other.host_records()
    collected = other.json("gc", "--provider", other.provider)
    assert collected["machines_destroyed"] == collected["volumes_destroyed"] == []
    assert world.agent("t1")["host"]["state"] == "RUNNING"
