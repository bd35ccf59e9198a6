//! What all providers of a process share: one runtime, and one host that compiles each plugin once.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mngr_host_shim::environment::Environment;
use mngr_host_shim::error::unsupported;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::{ArtefactCache, Compiler, Loader};
use pyo3::prelude::*;
use pyo3::types::PyCFunction;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error;

/// Has this very extension module, whose file is the first argument, compile by the arguments after it. Of Python no more is
/// loaded than that takes.
const COMPILE: &str = "import sys, importlib.util as u
s = u.spec_from_file_location('mngr_docker._native', sys.argv[1])
m = u.module_from_spec(s)
s.loader.exec_module(m)
sys.exit(m.compile_plugin(sys.argv[2:]))";

/// Calls wait for engines and not for processors.
const WORKERS: usize = 4;
/// What still runs when the interpreter ends gets this long to let go of its connections.
const ENDING: Duration = Duration::from_millis(200);

static CURRENT: Mutex<Option<Arc<Process>>> = Mutex::new(None);

/// The runtime and the host of one process.
pub struct Process {
    id: u32,
    /// Opens providers.
    pub host: Host,
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
}

impl Process {
    /// That of this process, made where there is none yet. It holds the GIL throughout, so that nobody can fork meanwhile.
    ///
    /// # Errors
    /// As [`Process::check`], and where this machine can not run WebAssembly.
    pub fn current(py: Python<'_>) -> PyResult<Arc<Self>> {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = current.as_ref() {
            process.check(py)?;
            return Ok(process.clone());
        }
        let environment = Environment::of_process();
        let cache = ArtefactCache::of_user(&environment);
        let loader = Loader::new(cache).map_err(|error| error::raised(py, &error))?;
        let host = Host::with(loader.compiled_by(compiler(py)), environment);
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("mngr-docker")
            .enable_all()
            .build()?;
        let process = Arc::new(Self {
            id: std::process::id(),
            host,
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
        });
        *current = Some(process.clone());
        Ok(process)
    }

    /// Refuses to work in a process that was forked: the threads of the other did not come along, and what they had locked at
    /// that moment stays locked here, for a second runtime too.
    ///
    /// # Errors
    /// `ProviderError` of the kind `unsupported`.
    pub fn check(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_this() {
            return Ok(());
        }
        let error = unsupported(
            "a provider in a forked process",
            "the process it was forked from had opened providers, whose threads did not come along",
            "fork before the first provider is opened, or start processes anew: subprocess, or multiprocessing with `spawn`",
        );
        Err(error::raised(py, &error))
    }

    /// Whether it was made in this process, and not in one that this was forked from.
    pub fn is_this(&self) -> bool {
        self.id == std::process::id()
    }

    /// Where calls run.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends the runtime, and with it whatever still runs there.
    fn end(&self) {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(ENDING);
        }
    }
}

/// Plugins that are not built in are compiled in another Python; in this one where the interpreter is part of a program that is
/// none.
fn compiler(py: Python<'_>) -> Compiler {
    let found = || -> PyResult<Option<(PathBuf, PathBuf)>> {
        let program: Option<PathBuf> = py.import("sys")?.getattr("executable")?.extract()?;
        let module: PathBuf = py.import("mngr_docker._native")?.getattr("__file__")?.extract()?;
        Ok(program
            .filter(|program| program.is_absolute())
            .map(|program| (program, module)))
    };
    match found() {
        Ok(Some((program, module))) => {
            let flags = ["-I", "-S", "-c", COMPILE].map(OsString::from);
            Compiler::child(program, flags.into_iter().chain([module.into()]))
        }
        _ => Compiler::in_process(),
    }
}

/// Ends this process's runtime when the interpreter ends, before it takes its objects apart.
pub fn end_with_interpreter(py: Python<'_>) -> PyResult<()> {
    let end = PyCFunction::new_closure(py, None, None, |arguments, _| {
        let current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(process) = current.filter(|process| process.is_this()) {
            arguments.py().detach(|| process.end());
        }
    })?;
    py.import("atexit")?.call_method1("register", (end,))?;
    Ok(())
}
