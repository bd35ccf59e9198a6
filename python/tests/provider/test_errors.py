"""Errors of the provider are mngr's own classes, with the reason and the remedy."""

import pytest
from imbue.mngr.errors import (
    ConfigError,
    MngrError,
    ProviderError,
    ProviderUnavailableError,
    ResourceAllocationError,
    SnapshotError,
    UserInputError,
)
from imbue.mngr.primitives import ProviderInstanceName

from mngr_docker import ProviderError as NativeError
from mngr_docker.errors import misconfigured, of_mngr, translated

_NAME = ProviderInstanceName("docker")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("unavailable", ProviderUnavailableError),
        ("timeout", ProviderUnavailableError),
        ("invalid_argument", UserInputError),
        ("ambiguous", UserInputError),
        ("resource_exhausted", ResourceAllocationError),
        ("not_found", ProviderError),
        ("denied", ProviderError),
        ("conflict", ProviderError),
        ("internal", ProviderError),
    ],
)
def test_each_kind_has_its_class_and_keeps_the_remedy(kind: str, expected: type[MngrError]) -> None:
    error = of_mngr(_NAME, NativeError(kind, "the disk is full", None, "make room"))
    assert type(error) is expected
    text = str(error) + (error.user_help_text or "")
    assert "the disk is full" in text and "make room" in text


def test_a_blocked_snapshot_tells_what_would_be_lost_and_each_remedy_once() -> None:
    finding = {"kind": "bind_mount", "path": "/data", "reason": "it is not in the snapshot", "remedy": "copy it"}
    error = NativeError("snapshot_blocked", "2 findings", None, "", {"findings": [finding, {**finding, "path": "/b"}]})
    told = of_mngr(_NAME, error)
    assert isinstance(told, SnapshotError)
    assert "/data" in str(told) and "/b" in str(told)
    assert str(told).count("copy it") == 1


def test_what_a_snapshot_lacks_is_told_in_words_that_can_not_drive_a_terminal() -> None:
    finding = {"kind": "bind_mount", "path": "/a\x1b[2J", "reason": "\u202e\n", "remedy": "\x9b"}
    error = NativeError("snapshot_blocked", "1 finding", None, "", {"findings": [finding]})
    lines = str(of_mngr(_NAME, error)).splitlines()
    assert lines[-2:] == ["  bind_mount /a\\u{1b}[2J: \\u{202e}\\n", "\\u{9b}"]


def test_a_setting_at_fault_is_named_as_the_configuration_names_it() -> None:
    error = misconfigured(_NAME, NativeError("invalid_argument", "it is no image", "default_image", "name one"))
    assert isinstance(error, ConfigError)
    assert "providers.docker.default_image" in str(error)


def test_what_is_raised_within_is_translated_and_keeps_its_cause() -> None:
    with pytest.raises(UserInputError) as raised, translated(_NAME):
        raise NativeError("invalid_argument", "no", "name", "yes")
    assert isinstance(raised.value.__cause__, NativeError)
