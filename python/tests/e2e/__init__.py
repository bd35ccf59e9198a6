"""mngr itself, as it is on PyPI, on a real engine: what a person does with `mngr create a1@.docker` and what follows."""
