//! `mngr-docker`: agents in Docker containers, from the command line.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
