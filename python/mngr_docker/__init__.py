"""The Docker provider for mngr, and its providers as objects of Python.

    from mngr_docker import Provider

    provider = Provider("docker", {"default_image": "debian:bookworm-slim"})
    agent = provider.create("worker")
    print(provider.exec(agent["id"], ["uname", "-a"]).stdout.decode())
    provider.destroy(agent["id"])

The extension module is loaded when a name of it is first used, so that importing this package costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mngr_docker._native import (
        ExecResult,
        LogStream,
        Provider,
        ProviderError,
        __version__,
        describe,
        host_settings,
    )

__all__ = ["ExecResult", "LogStream", "Provider", "ProviderError", "__version__", "describe", "host_settings"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mngr_docker import _native

    return getattr(_native, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
