//! `mngr-docker`: agents in Docker containers, from the command line.

mod cli;

/// What many calls at once have taken is given back when they have ended. glibc's own keeps it, in as many pieces as there are
/// threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
