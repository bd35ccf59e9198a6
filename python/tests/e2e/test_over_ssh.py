"""A host on an engine that is reached by ssh, through its whole life."""

from collections.abc import Callable, Iterator

import pytest

from . import engine
from .sshd import sshd
from .world import World


@pytest.fixture(scope="module")
def far(new_world: Callable[..., World]) -> Iterator[World]:
    """A mngr whose provider is behind an sshd."""
    world = new_world()
    with sshd(world.root / "sshd", world.home) as (address, programs):
        world.write_settings(host=address)
        world.path = (str(programs),)
        yield world
        world.clean_up()


def test_a_host_on_a_far_engine_is_made_used_stopped_started_snapshotted_and_destroyed(far: World) -> None:
    far.create("r1")
    assert "far" in far.mngr("exec", "r1", "echo far > /root/mark && cat /root/mark").stdout
    assert far.agent("r1")["host"]["ssh"]["host"] == "127.0.0.1"
    assert "outer" in far.mngr("exec", "--outer", "r1", "echo outer").stdout.splitlines()
    far.mngr("stop", "r1", "--stop-host")
    assert far.agent("r1")["host"]["state"] == "STOPPED"
    far.mngr("start", "r1")
    assert "far" in far.mngr("exec", "r1", "cat /root/mark").stdout
    assert far.json("snapshot", "create", "r1", "--name", "abroad")["count"] == 1
    assert [shot["name"] for shot in far.json("snapshot", "list", "r1")["snapshots"]] == ["abroad"]
    far.mngr("destroy", "r1", "--force")
    assert engine.hosts(far.provider) == []
    assert far.host_records()["r1-host"]["state"] == "DESTROYED"
