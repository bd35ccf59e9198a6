"""A host that mngr's own Docker provider made, taken over by the provider under test, and given back."""

from collections.abc import Callable

from . import engine
from .venvs import backend, venv_of
from .world import World


def test_a_host_of_the_peer_is_listed_stopped_started_snapshotted_and_given_back(
    new_world: Callable[..., World],
) -> None:
    world = new_world("peer")
    ours, peer = venv_of(backend()), venv_of("peer")
    world.create("x1", "--host-label", "team=red", venv=peer)
    world.mngr("exec", "x1", "echo theirs > /root/mark && echo work > work-mark", venv=peer)
    host_id = world.agents_by(peer)["x1"]["host"]["id"]

    listed = world.agents_by(ours)["x1"]
    assert listed["host"]["id"] == host_id
    assert (listed["host"]["name"], listed["host"]["state"]) == ("x1-host", "RUNNING")
    assert listed["host"]["tags"] == {"team": "red"}
    assert "theirs\nwork" in world.mngr("exec", "x1", "cat /root/mark work-mark", venv=ours).stdout
    world.mngr("stop", "x1", "--stop-host", venv=ours)
    assert world.agents_by(ours)["x1"]["host"]["state"] == "STOPPED"
    world.mngr("start", "x1", venv=ours)
    made = world.mngr("snapshot", "create", "x1", "--name", "ours", "--format", "json", venv=ours).json()
    assert made["count"] == 1

    back = world.agents_by(peer)["x1"]
    assert (back["host"]["id"], back["host"]["state"]) == (host_id, "RUNNING")
    assert "theirs\nwork" in world.mngr("exec", "x1", "cat /root/mark work-mark", venv=peer).stdout
    world.mngr("stop", "x1", "--stop-host", venv=peer)
    assert world.agents_by(ours)["x1"]["host"]["state"] == "STOPPED"
    world.mngr("start", "x1", venv=peer)

    world.mngr("destroy", "x1", "--force", venv=ours)
    assert engine.hosts(world.provider) == []
    assert "x1" not in world.agents_by(peer)
