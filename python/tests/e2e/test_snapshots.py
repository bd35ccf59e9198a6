"""Snapshots: made of running and stopped hosts, listed with size, started from, made into new hosts, destroyed."""

import pytest

from . import engine
from .world import World


@pytest.fixture(scope="module")
def agent(world: World) -> str:
    """An agent on a host with a file outside its work folder."""
    world.create("s1")
    world.mngr("exec", "s1", "echo before > /root/mark && echo work > work-mark")
    return "s1"


@pytest.fixture(scope="module")
def snapshot(world: World, agent: str) -> str:
    """The id of a snapshot that was made while the host ran."""
    made = world.json("snapshot", "create", agent, "--name", "first")
    assert made["count"] == 1
    return made["snapshots_created"][0]["snapshot_id"]


def snapshots(world: World, agent: str) -> dict[str, dict]:
    """The snapshots of an agent's host by name."""
    return {shot["name"]: shot for shot in world.json("snapshot", "list", agent)["snapshots"]}


def test_a_snapshot_is_listed_with_name_time_and_place(world: World, agent: str, snapshot: str) -> None:
    listed = snapshots(world, agent)
    assert listed["first"]["id"] == snapshot
    assert listed["first"]["host_id"] == world.agent(agent)["host"]["id"]
    assert listed["first"]["created_at"]


@pytest.mark.peer_fails("it does not know the size of a snapshot")
def test_a_snapshot_is_listed_with_its_size(world: World, agent: str, snapshot: str) -> None:
    assert snapshots(world, agent)["first"]["size_bytes"] > 0


@pytest.mark.peer_fails("it cannot snapshot a stopped host")
def test_a_stopped_host_is_snapshotted(world: World, agent: str, snapshot: str) -> None:
    world.mngr("stop", agent, "--stop-host")
    try:
        world.mngr("snapshot", "create", agent, "--name", "at-rest")
        listed = snapshots(world, agent)
        assert set(listed) >= {"first", "at-rest"}
        assert listed["at-rest"]["recency_idx"] < listed["first"]["recency_idx"]
    finally:
        world.mngr("start", agent)


def test_a_host_whose_container_is_gone_starts_from_its_snapshot(world: World, agent: str, snapshot: str) -> None:
    container = world.container("s1-host")
    world.mngr("exec", agent, "echo after > /root/mark")
    engine.docker("rm", "--force", container)
    listed = world.agent(agent)
    assert listed["host"]["name"] == "s1-host"
    assert listed["host"]["state"] != "RUNNING"
    world.mngr("start", agent)
    assert world.container("s1-host") != container
    assert "work" in world.mngr("exec", agent, "cat /root/mark work-mark").stdout


@pytest.mark.peer_fails("it makes the new host from the default image, whatever snapshot is asked for")
def test_a_new_host_is_made_from_a_snapshot(world: World, agent: str, snapshot: str) -> None:
    world.create("s2", "--snapshot", snapshot)
    try:
        assert "before" in world.mngr("exec", "s2", "cat /root/mark").stdout
        agents = world.agents()
        assert agents["s2"]["host"]["id"] != agents[agent]["host"]["id"]
        assert agents["s2"]["host"]["name"] == "s2-host"
    finally:
        world.mngr("destroy", "s2", "--force")


def test_a_clone_is_a_host_of_its_own_with_the_agents_work(world: World, agent: str) -> None:
    build = world.build_arguments() if world.builds_images else []
    world.mngr("exec", agent, "git add --all && git -c user.name=A -c user.email=a@example.com commit -qm Work || true")
    world.mngr(
        "clone", agent, f"s3@s3-host.{world.provider}", "--new-host", "--type", "command", *build, "--no-connect",
        "--", "sleep", "3600",
    )  # fmt: skip
    try:
        assert "work" in world.mngr("exec", "s3", "cat work-mark").stdout
        assert world.agent("s3")["host"]["name"] == "s3-host"
    finally:
        world.mngr("destroy", "s3", "--force")


def test_an_unknown_snapshot_is_refused_by_name(world: World, agent: str) -> None:
    refused = world.try_mngr("snapshot", "destroy", agent, "--snapshot", "no-such", "--force")
    assert refused.status != 0
    assert "no-such" in refused.text


def test_a_snapshot_is_destroyed_with_its_image(world: World, agent: str) -> None:
    made = world.json("snapshot", "create", agent, "--name", "passing")["snapshots_created"][0]["snapshot_id"]
    images = engine.docker(
        "images", "--quiet", "--no-trunc", "--filter", f"label={engine.PROVIDER_LABEL}={world.provider}"
    )
    world.mngr("snapshot", "destroy", agent, "--snapshot", made, "--force")
    assert "passing" not in snapshots(world, agent)
    after = engine.docker(
        "images", "--quiet", "--no-trunc", "--filter", f"label={engine.PROVIDER_LABEL}={world.provider}"
    )
    assert len(after.split()) == len(images.split()) - 1
