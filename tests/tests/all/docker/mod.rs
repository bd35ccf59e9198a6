//! What a hand that is used to `docker` expects: each row of a table is given to the Docker CLI and to the provider, on one engine,
//! and what came of both is compared.
//!
//! A table has a chosen part (`part`), which always runs, and `whole`, which `cargo xtask test --all docker::` runs. Each prints how
//! many rows are as Docker has them, how many are declared otherwise in the documentation, and how many are different: none.

mod builds;
mod copies;
mod flags;
