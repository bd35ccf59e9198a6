//! From bytes to native code: what is built in in this process, what a stranger wrote in a child with limits.
//!
//! The child gets the component by stdin, the very bytes that were hashed, and gives the artefact by stdout. What is so made
//! that compiling it takes all memory or never ends takes the child with it and nothing else.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::{COMPONENT_LIMIT, component};

/// The first argument of a child that compiles.
const ASKED: &str = "compile-plugin";
/// The status of a child that found the component wrong.
const REFUSED: i32 = 2;
/// Most bytes of native code that are taken of a child. Of a component they are some five times its size.
const ARTEFACT_LIMIT: u64 = 512 << 20;
/// Most bytes of what a child says is wrong.
const COMPLAINT_LIMIT: u64 = 4 << 10;
/// Threads that compile. Each takes address space, which is limited.
const THREADS: &str = "4";

/// This very program, also where another has been put into its place meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Set by [`compile_if_asked`]: this program compiles for itself when it is started again.
static ANSWERS: AtomicBool = AtomicBool::new(false);

/// What compiling one component may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space, in bytes.
    pub memory: u64,
    /// Processor time; counted in whole seconds.
    pub processor: Duration,
    /// Time on the clock.
    pub time: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            memory: 4 << 30,
            processor: Duration::from_secs(120),
            time: Duration::from_secs(180),
        }
    }
}

/// What compiles components that are not built in.
#[derive(Debug, Clone)]
pub struct Compiler {
    child: Option<(PathBuf, Vec<OsString>)>,
    limits: CompileLimits,
}

impl Default for Compiler {
    /// This program, started again, where it calls [`compile_if_asked`]; else this process.
    fn default() -> Self {
        match ANSWERS.load(Ordering::Relaxed) {
            true => Self::child(THIS_PROGRAM, []),
            false => Self::in_process(),
        }
    }
}

impl Compiler {
    /// This process, with no limits: a component that is made to exhaust the compiler takes the process with it.
    pub fn in_process() -> Self {
        Self {
            child: None,
            limits: CompileLimits::default(),
        }
    }

    /// A child of this program: `mngr-docker`, or any that calls [`compile_if_asked`] or [`compile`] with what it gets after
    /// these arguments. It gets no environment but `LD_LIBRARY_PATH`.
    pub fn child(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            child: Some((program.into(), arguments.into_iter().collect())),
            limits: CompileLimits::default(),
        }
    }

    /// The same with other limits.
    #[must_use]
    pub fn limited_to(self, limits: CompileLimits) -> Self {
        Self { limits, ..self }
    }

    /// Compiles a component, or says why not.
    pub(super) fn run(&self, engine: &Engine, bytes: &[u8]) -> Result<Component, String> {
        let Some((program, arguments)) = &self.child else {
            return in_process(engine, bytes);
        };
        let mut command = Command::new(program);
        command.args(arguments).arg(ASKED);
        command.args([self.limits.memory, self.limits.processor.as_secs()].map(|limit| limit.to_string()));
        command.arg(std::process::id().to_string());
        command.env_clear().env("RAYON_NUM_THREADS", THREADS);
        if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command.current_dir("/").kill_on_drop(true);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // A thread of its own: the caller's may be one that other calls are waiting on, and the child ends with it.
        let artefact = std::thread::scope(|scope| {
            let compiling = scope.spawn(|| attend(command, bytes, &self.limits));
            compiling.join().unwrap_or_else(|_| Err("the shim failed".to_owned()))
        })?;
        // SAFETY: the bytes are what this same program's child made by `Engine::precompile_component`, over a pipe that
        // nobody else has; wasmtime itself checks that its own version and settings made them.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, artefact) };
        component.map_err(|error| format!("what the compiler gave can not be used: {error:#}"))
    }
}

/// Compiles a component here and now.
pub(super) fn in_process(engine: &Engine, bytes: &[u8]) -> Result<Component, String> {
    Component::from_binary(engine, bytes).map_err(|error| format!("{error:#}"))
}

/// Starts a child and waits for what it gives.
fn attend(mut command: Command, bytes: &[u8], limits: &CompileLimits) -> Result<Vec<u8>, String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut child = command
            .spawn()
            .map_err(|error| format!("the compiler can not be started: {error}"))?;
        match tokio::time::timeout(limits.time, converse(&mut child, bytes, limits)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let _ = child.kill().await;
                Err(format!("it takes longer than {:?}", limits.time))
            }
        }
    })
}

async fn converse(child: &mut Child, bytes: &[u8], limits: &CompileLimits) -> Result<Vec<u8>, String> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err("the compiler has no pipes".to_owned());
    };
    let (mut artefact, mut complaint) = (Vec::new(), Vec::new());
    let give = async {
        // A child that has seen enough closes its end; why, it says elsewhere.
        let _ = stdin.write_all(bytes).await;
        drop(stdin);
    };
    let mut stdout = stdout.take(ARTEFACT_LIMIT + 1);
    let mut stderr = stderr.take(COMPLAINT_LIMIT);
    let (_, read, _) = tokio::join!(
        give,
        stdout.read_to_end(&mut artefact),
        stderr.read_to_end(&mut complaint)
    );
    read.map_err(|error| error.to_string())?;
    if u64::try_from(artefact.len()).unwrap_or(u64::MAX) > ARTEFACT_LIMIT {
        return Err(format!("it makes more than {ARTEFACT_LIMIT} bytes of native code"));
    }
    let status = child.wait().await.map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(artefact),
        false => Err(why(status, &String::from_utf8_lossy(&complaint), limits)),
    }
}

/// Why a child ended without an artefact.
fn why(status: ExitStatus, complaint: &str, limits: &CompileLimits) -> String {
    let complaint = complaint.trim();
    let signal = status.signal().and_then(Signal::from_named_raw);
    match (status.code(), signal) {
        (Some(REFUSED), _) => complaint.to_owned(),
        (_, Some(Signal::XCPU | Signal::KILL)) => {
            format!(
                "it takes more than {:?} of processor time, or was killed",
                limits.processor
            )
        }
        _ if complaint.contains("memory allocation") || complaint.contains("Cannot allocate memory") => {
            format!("it takes more than {} MiB of memory", limits.memory >> 20)
        }
        _ => format!("the compiler ended with {status}: {complaint}"),
    }
}

/// Compiles a component for the parent process and ends, where that is what this process was started for; else it returns at
/// once. A program that calls this first thing in `main` has strangers' components compiled in a child of itself.
///
/// ```no_run
/// mngr_loader::compile_if_asked();
/// ```
pub fn compile_if_asked() {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == ASKED) && arguments.len() == 4 {
        std::process::exit(compile(&arguments));
    }
    ANSWERS.store(true, Ordering::Relaxed);
}

/// Compiles what stdin has to stdout, by the arguments that [`Compiler::child`] gives, and returns the status to end with.
pub fn compile(arguments: &[OsString]) -> i32 {
    let number = |at: usize| {
        arguments
            .get(at)
            .and_then(|text| OsStr::to_str(text)?.parse::<u64>().ok())
    };
    let (Some(memory), Some(processor), Some(parent)) = (number(1), number(2), number(3)) else {
        eprintln!("usage: {ASKED} MEMORY_BYTES PROCESSOR_SECONDS PARENT");
        return 1;
    };
    if let Err(error) = confine(memory, processor, parent) {
        eprintln!("{error}");
        return 1;
    }
    match artefact() {
        Ok(artefact) => {
            let mut stdout = io::stdout().lock();
            // What follows its last newline is still in a buffer, which nobody empties at the end of a program that is not Rust's.
            match stdout.write_all(&artefact).and_then(|()| stdout.flush()) {
                Ok(()) => 0,
                Err(_) => 1,
            }
        }
        Err(reason) => {
            eprintln!("{reason}");
            REFUSED
        }
    }
}

fn artefact() -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut stdin = io::stdin().lock().take(COMPONENT_LIMIT);
    stdin.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    component::engine()
        .and_then(|engine| engine.precompile_component(&bytes))
        .map_err(|error| format!("{error:#}"))
}

/// Gives up what a compiler has no need of, before a byte of the component is read.
fn confine(memory: u64, processor: u64, parent: u64) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let alive = getppid()
        .map(Pid::as_raw_nonzero)
        .map(|pid| u64::from(pid.get().unsigned_abs()));
    if alive != Some(parent) {
        return Err(io::Error::other("the parent is gone"));
    }
    let limits = [
        (Resource::As, memory),
        (Resource::Cpu, processor),
        (Resource::Fsize, 0),
        (Resource::Nofile, 32),
        (Resource::Core, 0),
    ];
    for (resource, limit) in limits {
        let limit = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}
