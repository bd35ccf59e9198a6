"""What is refused, and how it is told."""

import pickle
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mngr_docker import Provider, ProviderError, __version__
from mngr_docker._native import clean

_TARGET = Path(__file__).resolve().parents[3] / "target"


def refused(call, *arguments, **named) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call(*arguments, **named)
    return caught.value


def test_an_error_has_its_parts_and_a_text_that_ends_with_the_remedy(provider: Provider) -> None:
    provider.create("worker")
    error = refused(provider.get, "wroker")
    assert error.kind == "not_found"
    assert "wroker" in error.message
    assert "did you mean `worker`?" in error.remedy
    assert error.field is None
    assert set(error.details) == {"subject", "reason"}
    assert str(error) == f"{error.message}; {error.remedy}"

    again = pickle.loads(pickle.dumps(error))
    assert (again.kind, again.message, again.remedy) == (error.kind, error.message, error.remedy)
    assert again.details == error.details


def test_the_details_hold_what_only_the_case_has(provider: Provider) -> None:
    taken = refused(lambda: [provider.create("a") for _ in range(2)])
    assert taken.kind == "already_exists"
    provider.stop("a")
    stopped = refused(provider.exec, "a", ["true"])
    assert (stopped.kind, stopped.details["state"]) == ("conflict", "stopped")
    denied = refused(provider.create, "b", start_args=["--privileged"])
    assert (denied.kind, denied.details["rule"]) == ("denied", "docker.privileged")
    provider.create("c", start_args=["--tmpfs=/root"])
    blocked = refused(provider.snapshot_create, "c")
    assert blocked.kind == "snapshot_blocked"
    assert blocked.details["findings"][0]["path"] == "/root"


def test_the_text_of_an_error_can_not_drive_a_terminal_and_its_details_are_as_they_came(provider: Provider) -> None:
    error = refused(provider.get, "a\x1b[2J\u202e\u200bb")
    assert "a\\u{1b}[2J\\u{202e}\\u{200b}b" in str(error)
    made = ProviderError("internal", "\x9b2J\n", "field", "\u2066", {"reason": "\x9b2J\n"})
    assert str(made) == "\\u{9b}2J\\n; \\u{2066}"
    assert made.details == {"reason": "\x9b2J\n"}
    again = pickle.loads(pickle.dumps(made))
    assert (str(again), again.details) == (str(made), made.details)


def test_text_is_escaped_as_the_command_line_does() -> None:
    assert clean("größe عربي") == "größe عربي"
    assert clean("a\tb\n\x1b\u2028") == "a\\tb\\n\\u{1b}\\u{2028}"
    assert clean("a\tb\n\x1b\u2028", lines=True) == "a\tb\n\\u{1b}\\u{2028}"


@pytest.mark.parametrize(
    ("settings", "field", "words"),
    [
        ({"hots": "unix:///run/docker.sock"}, "providers.p.hots", "did you mean `host`"),
        ({"default-imgae": "debian"}, "providers.p.default_imgae", "did you mean `default_image`"),
        ({"host": "shh://build1"}, "providers.p.host", "ssh://"),
        ({"host": 7}, "providers.p.host", "a number and not a string"),
        ({"allow": ["privileged"]}, "providers.p.allow", "docker.privileged: true"),
        ({"policy": "standrad"}, "providers.p.policy", "did you mean `standard`"),
        (
            {"permissions": {"docker.privilege": True}},
            "providers.p.permissions.docker.privilege",
            "`docker.privileged`",
        ),
        ({"permissions": {"docker.binds": ["srv"]}}, "providers.p.permissions.docker.binds[0]", "/srv/agents"),
        ({"permissions": {"gpu": "two"}}, "providers.p.permissions.gpu", "a whole number"),
        ({"audit_log": 3}, "providers.p.audit_log", "a path"),
        ({"engine_timeout_seconds": 0}, "providers.p.engine_timeout_seconds", "more than 0"),
        ({"default_memory": "lots"}, "providers.p.default_memory", "lots"),
        ({"host": "tcp://a:1", "docker_context": "b"}, "providers.p.docker_context", "`host` names another"),
        ({"backend": "modal"}, "providers.p.backend", "docker"),
        ({"plugin_limits": {"memory": "1k"}}, "providers.p.plugin_limits.memory", "1m to 4g"),
        ({"ssh_options": {"ProxyCommand": "sh"}}, "providers.p.ssh_options.ProxyCommand", "ProxyCommand"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], field: str, words: str) -> None:
    error = refused(Provider, "p", settings)
    assert (error.kind, error.field) == ("invalid_argument", field)
    assert words in str(error)


def test_a_provider_that_is_disabled_is_not_opened() -> None:
    error = refused(Provider, "p", {"is_enabled": False})
    assert error.kind == "conflict"


def test_a_plugin_that_is_none_is_named(tmp_path) -> None:
    path = tmp_path / "plugin.wasm"
    path.write_bytes(b"not a component")
    error = refused(Provider, "p", plugin=path)
    assert error.field == "plugin"
    assert "plugin.wasm" in error.message


def test_an_engine_that_is_down_is_unavailable_and_never_empty() -> None:
    provider = Provider("p", {"host": "unix:///nowhere/docker.sock"})
    assert refused(provider.discover).kind == "unavailable"


def test_arguments_that_contradict_each_other_are_refused(provider: Provider) -> None:
    assert refused(provider.create, "a", image="i", snapshot="s").field == "source"
    assert refused(provider.create, "a", build_args=["--no-cache"]).field == "build_args"
    assert refused(provider.discover, states=["asleep"]).field == "states"
    assert refused(provider.exec, "a", ["true"], timeout=-1).field == "timeout"
    error = refused(provider.stop, "a", snapshot={"nmae": "x"})
    assert error.field == "snapshot"
    assert "nmae" in error.message


def test_a_value_of_the_wrong_type_is_pythons_own_error(provider: Provider) -> None:
    for call in [
        lambda: provider.get(7),  # type: ignore[arg-type]
        lambda: provider.exec("a", "true"),
        lambda: provider.create("a", tags=["b"]),  # type: ignore[arg-type]
        lambda: provider.stop("a", snapshot="yes"),  # type: ignore[arg-type]
        lambda: Provider("p", {"host": object()}),
    ]:
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="JSON"):
        Provider("p", {"engine_timeout_seconds": float("nan")})


_COMPILING = """
import resource, sys
from mngr_docker import Provider, ProviderError

before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
try:
    print(Provider("p", {}, plugin=sys.argv[1]).plugin["version"])
except ProviderError as error:
    print(error.field)
assert before == 0 and resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0
"""


def test_a_plugin_that_is_not_built_in_is_compiled_in_a_child(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    components = _TARGET / "component"
    whole = components / "mngr-docker-plugin.wasm"
    cut = tmp_path / "cut.wasm"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    # More than one: what was lost at the end of an artefact depended on its bytes.
    template = tomllib.loads((_TARGET / "template" / "my-provider" / "Cargo.toml").read_text())["package"]
    others = [
        (components / "mngr-null-provider.wasm", __version__),
        (components / "my-provider.wasm", template["version"]),
    ]
    for path, expected in [(cut, "plugin"), (whole, __version__), *others]:
        done = subprocess.run([sys.executable, "-c", _COMPILING, str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == expected
