"""mngr itself, as it is on PyPI, on a real engine: what a person does with it, from `mngr create a1@.docker` on."""
