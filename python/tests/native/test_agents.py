"""What a provider does, on the real engine."""

import io
import tarfile
import tempfile
from pathlib import Path

import pytest

from mngr_docker import Provider, ProviderError, describe


def test_the_plugin_says_what_it_is() -> None:
    described = describe()
    assert described["name"] == "docker"
    assert "default_image" in {setting["key"] for setting in described["settings"]}
    assert "--memory" in {argument["flag"] for argument in described["start_arguments"]}


def test_a_provider_knows_its_settings_its_engine_and_its_plugin(provider: Provider) -> None:
    assert provider.settings["stop_timeout_seconds"] == 1
    assert provider.settings["snapshot_pause"] is True
    assert provider.warnings == []
    assert provider.endpoint.startswith(("unix://", "tcp://"))
    assert provider.plugin["origin"] == "built-in"
    assert provider.plugin["version"] == describe()["version"]
    assert len(provider.plugin["digest"]) == 64
    assert provider.name in repr(provider)


def test_an_agent_lives_from_create_to_destroy(provider: Provider) -> None:
    made = provider.create("a", tags={"team": "blue"}, start_args=["--memory=64m"], command=["sleep", "600"])
    assert (made["name"], made["state"], made["tags"]) == ("a", "running", {"team": "blue"})
    assert [agent["id"] for agent in provider.discover(tags={"team": "blue"}, states=["running"])] == [made["id"]]
    assert provider.discover(tags={"team": "red"}) == []
    assert provider.get("a")["container_id"] == made["container_id"]
    assert provider.resources("a")["memory_bytes"] == 64 << 20

    assert provider.pause("a")["state"] == "paused"
    assert provider.resume("a")["state"] == "running"
    assert provider.rename("a", "b")["name"] == "b"
    stopped = provider.stop("b", timeout_seconds=0)
    assert (stopped["agent"]["state"], stopped["snapshot"]) == ("stopped", None)
    assert provider.start("b")["state"] == "running"
    destroyed = provider.destroy("b")
    assert destroyed["agent_id"] == made["id"]
    assert provider.discover() == []


def test_start_arguments_are_read_by_the_grammar_of_the_command_line(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "env").write_text("FROM_FILE=it's\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOT_SET", raising=False)
    odd = ['--env=JSON={"b": 2}', "--env SPACED=b c", "--env", "=X", "--env-file=env", "-e", "NOT_SET"]
    with pytest.raises(ProviderError, match="not the name of a variable"):
        provider.create("a", start_args=odd)
    odd.remove("=X")
    odd.remove("--env")
    provider.create("a", start_args=odd, no_start=False, command=["sleep", "600"])
    printed = provider.exec("a", ["sh", "-c", 'echo "$JSON|$SPACED|$FROM_FILE|${NOT_SET-gone}"']).stdout
    assert printed.decode() == '{"b": 2}|b c|it\'s|gone\n'


def test_no_agent_is_given_what_its_settings_come_from(open_provider) -> None:
    with tempfile.TemporaryDirectory() as directory:
        settings, work = Path(directory, "project", "settings.toml"), Path(directory, "work")
        settings.parent.mkdir()
        settings.touch()
        work.mkdir()
        provider = open_provider(settings_files=[settings], permissions={"docker.binds": "any"})
        for own in (settings, settings.parent, directory):
            with pytest.raises(ProviderError, match="the provider's own") as refused:
                provider.create("a", start_args=[f"--volume={own}:/own:ro"])
            assert refused.value.kind == "denied"
        assert provider.create("a", start_args=[f"--volume={work}:/work"])["state"] == "running"


def test_a_command_has_its_status_both_outputs_and_its_input(provider: Provider, agent: str) -> None:
    script = 'read word; echo "$word $NAME"; pwd >&2; exit 3'
    ended = provider.exec(agent, ["sh", "-c", script], stdin=b"hello\n", env={"NAME": "you"}, workdir="/tmp")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (3, b"hello you\n", b"/tmp\n")
    assert "exit_code=3" in repr(ended)
    assert provider.exec(agent, ["cat"], stdin=b"").stdout == b""
    large = bytes(range(256)) * 4096
    assert provider.exec(agent, ["cat"], stdin=large).stdout == large


def test_a_detached_command_goes_on_by_itself(provider: Provider, agent: str) -> None:
    provider.exec(agent, ["mkfifo", "/tmp/done"])
    # It prints far more than any buffer on the way holds, to nobody.
    script = "cat > /tmp/input; yes | head -c 4000000; cat /tmp/input > /tmp/done"
    started = provider.exec(agent, ["sh", "-c", script], stdin=b"word", detach=True)
    assert (started.exit_code, started.stdout) == (None, b"")
    assert provider.exec(agent, ["cat", "/tmp/done"], timeout=60).stdout == b"word"


def test_a_command_that_takes_too_long_is_no_longer_waited_for(provider: Provider, agent: str) -> None:
    with pytest.raises(ProviderError) as caught:
        provider.exec(agent, ["sleep", "600"], timeout=0.2)
    assert caught.value.kind == "timeout"
    assert caught.value.details["may_have_happened"] is True


def test_files_are_read_and_written_whether_the_agent_runs_or_not(provider: Provider, agent: str) -> None:
    for state in ["running", "stopped"]:
        assert provider.get(agent)["state"] == state
        data = f"{state} \0 bytes".encode()
        provider.write_file(agent, "/root/note", data, 0o600, uid=7, gid=8)
        assert provider.read_file(agent, "/root/note") == data
        with tarfile.open(fileobj=io.BytesIO(provider.copy_out(agent, "/root/note"))) as archive:
            (note,) = archive.getmembers()
        assert (note.name, note.mode & 0o7777, note.uid, note.gid) == ("note", 0o600, 7, 8)
        provider.stop(agent)


def test_links_are_followed_and_what_is_no_file_is_refused(provider: Provider, agent: str) -> None:
    provider.write_file(agent, "/root/real", b"content")
    provider.exec(agent, ["ln", "-s", "real", "/root/near"])
    provider.exec(agent, ["ln", "-s", "/root/near", "/tmp/far"])
    assert provider.read_file(agent, "/tmp/far") == b"content"
    for path, kind in [("/root", "invalid_argument"), ("/root/missing", "not_found")]:
        with pytest.raises(ProviderError) as caught:
            provider.read_file(agent, path)
        assert caught.value.kind == kind
    with pytest.raises(ProviderError) as caught:
        provider.write_file(agent, "relative", b"")
    assert caught.value.field == "path"


def test_directories_and_archives_are_copied(provider: Provider, agent: str, tmp_path: Path) -> None:
    source = tmp_path / "tree"
    source.mkdir()
    (source / "leaf").write_text("green")
    provider.copy_in(agent, source, "/srv-copy")
    assert provider.read_file(agent, "/srv-copy/leaf") == b"green"
    provider.copy_in(agent, str(source), "/tmp", contents_only=True)
    assert provider.read_file(agent, "/tmp/leaf") == b"green"

    provider.copy_in(agent, provider.copy_out(agent, "/srv-copy"), "/root")
    assert provider.read_file(agent, "/root/srv-copy/leaf") == b"green"


def test_a_log_is_read_to_its_end_and_followed(provider: Provider) -> None:
    provider.create("a", command=["sh", "-c", "echo one; echo two >&2; echo three"])
    lines = list(provider.logs("a", follow=True))
    assert b"".join(data for channel, data in lines if channel == "stdout") == b"one\nthree\n"
    assert b"".join(data for channel, data in lines if channel == "stderr") == b"two\n"
    assert {channel for channel, _ in provider.logs("a", stdout=False)} == {"stderr"}
    assert len(list(provider.logs("a", tail=1))) == 1


def test_a_snapshot_is_taken_listed_restored_and_deleted(provider: Provider, agent: str) -> None:
    provider.write_file(agent, "/root/note", b"before")
    assert "/root/note" in provider.changes(agent)["added"]
    taken = provider.snapshot_create(agent, name="good")
    assert (taken["agent_id"], taken["name"]) == (agent, "good")
    assert taken["size_bytes"] > 0
    assert [snapshot["id"] for snapshot in provider.snapshot_list(agent=agent)] == [taken["id"]]

    provider.write_file(agent, "/root/note", b"after")
    stopped = provider.stop(agent, snapshot={"name": "late", "force": True})
    assert stopped["snapshot"]["name"] == "late"
    assert provider.snapshot_diff("good", "late")["modified"] == ["/root", "/root/note"]
    provider.start(agent, snapshot="good")
    assert provider.read_file(agent, "/root/note") == b"before"

    (twin,) = provider.fork(agent, ["twin"], tags={"of": "a"})
    assert (twin["parent_id"], twin["tags"]) == (agent, {"of": "a"})
    deleted = provider.snapshot_delete("late")
    assert deleted["id"] == stopped["snapshot"]["id"]


def test_limits_are_changed_and_read_back(provider: Provider, agent: str) -> None:
    changed = provider.update_limits(agent, memory_bytes=128 << 20, pids=50, cpus=0.5)
    assert (changed["limits"]["memory_bytes"], changed["limits"]["pids"]) == (128 << 20, 50)
    assert provider.resources(agent)["cpus"] == 0.5
    sample = provider.stats(agent)
    assert sample["memory_limit_bytes"] == 128 << 20
    with pytest.raises(ProviderError) as caught:
        provider.update_limits(agent, memroy_bytes=1)  # type: ignore[call-arg]
    assert caught.value.field == "limits"
    assert "memroy_bytes" in caught.value.message


def test_a_published_port_is_found(provider: Provider) -> None:
    provider.create("a", start_args=["-p", "127.0.0.1::22"])
    address = provider.port("a", 22)
    published = address["published"]
    assert published is not None
    assert (published["host_ip"], published["container_port"]) == ("127.0.0.1", 22)
    connection = provider.connection("a")
    assert (connection["user"], connection["host"], connection["port"]) == ("root", "127.0.0.1", published["host_port"])


def test_what_happens_to_agents_is_watched(provider: Provider) -> None:
    cursor = provider.watch()["cursor"]
    made = provider.create("a")
    provider.destroy("a")
    seen = provider.watch(cursor, 10_000)
    assert {event["id"] for event in seen["events"]} == {made["id"]}
    assert seen["events"][0]["event"] == "created"
    assert seen["cursor"] > cursor


def test_nothing_is_left_to_mend_or_to_remove(provider: Provider, agent: str) -> None:
    assert provider.reconcile() == []
    assert provider.gc(dry_run=True, snapshots=True) == []
    assert provider.volumes() == []


def test_an_agent_moves_to_another_provider(provider: Provider, agent: str, open_provider) -> None:
    other = open_provider()
    provider.write_file(agent, "/root/note", b"travels")
    steps: list[str] = []
    moved = provider.migrate(
        agent, other, name="b", destroy_original=True, on_progress=lambda progress: steps.append(progress["step"])
    )
    assert (moved["agent"]["id"], moved["agent"]["name"]) == (agent, "b")
    assert "transferring" in steps
    assert other.read_file("b", "/root/note") == b"travels"
    assert provider.discover() == []
