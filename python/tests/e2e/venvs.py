"""The virtual environments with mngr in them: one with the provider under test, one with mngr's own Docker provider.

`MNGR_TEST_BACKEND` says whose provider is under test: `ours` (the default) or `peer`, which is `imbue-mngr-docker`.
`MNGR_TEST_VENV` and `MNGR_TEST_PEER_VENV` name the environments; else ours is the one that runs the tests, and the
peer's is `target/python/peer-venv`. `cargo xtask python tests` makes both.
"""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def backend() -> str:
    """Whose provider is under test."""
    chosen = os.environ.get("MNGR_TEST_BACKEND", "ours")
    if chosen not in ("ours", "peer"):
        raise pytest.UsageError(f"MNGR_TEST_BACKEND is `{chosen}`; set it to `ours` or `peer`")
    return chosen


def venv_of(whose: str) -> Path:
    """The virtual environment with mngr and one of the two providers."""
    variable, default = {
        "ours": ("MNGR_TEST_VENV", Path(sys.prefix)),
        "peer": ("MNGR_TEST_PEER_VENV", ROOT / "target" / "python" / "peer-venv"),
    }[whose]
    venv = Path(os.environ.get(variable) or default)
    if not (venv / "bin" / "mngr").is_file():
        pytest.fail(f"there is no mngr in {venv}: run `cargo xtask python tests`, or name another folder in {variable}")
    return venv
