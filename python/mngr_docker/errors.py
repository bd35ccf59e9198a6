"""The provider's errors as mngr's own classes."""

from collections.abc import Iterator
from contextlib import contextmanager

from imbue.mngr.errors import (
    ConfigError,
    ProviderError,
    ProviderUnavailableError,
    ResourceAllocationError,
    SnapshotError,
    UserInputError,
)
from imbue.mngr.primitives import ProviderInstanceName

from mngr_docker._native import ProviderError as NativeError
from mngr_docker._native import clean

# The kinds that say that the engine or its machine can not be asked.
OUT_OF_REACH = ("unavailable", "timeout")


@contextmanager
def translated(provider: ProviderInstanceName) -> Iterator[None]:
    """Raises what goes wrong within as an error of mngr."""
    try:
        yield
    except NativeError as error:
        raise of_mngr(provider, error) from error


def of_mngr(provider: ProviderInstanceName, error: NativeError) -> Exception:
    """The class by which mngr knows this kind of error, with the remedy in its text."""
    text = str(error)
    match error.kind:
        case kind if kind in OUT_OF_REACH:
            return ProviderUnavailableError(
                provider, error.message, user_help_text=error.remedy, short_remediation=error.remedy
            )
        case "invalid_argument" | "ambiguous":
            return UserInputError(text)
        case "resource_exhausted":
            return ResourceAllocationError(provider, text)
        case "snapshot_blocked":
            findings = error.details.get("findings", [])
            lines = [f"  {finding['kind']} {finding['path'] or ''}: {finding['reason']}" for finding in findings]
            remedies = dict.fromkeys(finding["remedy"] for finding in findings)
            return SnapshotError(provider, "\n".join(clean(line) for line in [error.message, *lines, *remedies]))
        case _:
            return ProviderError(provider, text)


def misconfigured(provider: ProviderInstanceName, error: NativeError) -> Exception:
    """The error of a provider that could not be opened."""
    if error.kind in OUT_OF_REACH:
        return of_mngr(provider, error)
    where = f"providers.{provider}.{error.field}" if error.field else f"providers.{provider}"
    return ConfigError(clean(f"{where}: {error}"))
