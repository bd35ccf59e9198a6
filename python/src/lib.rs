//! The Docker provider for Python: the extension module `mngr_docker._native`.
//!
//! Translation and nothing else. Requests are taken as plain values of Python, results are given as plain values in the shape that
//! `mngr-docker --json` prints, errors become one exception. Calls give up the GIL while they wait, may be made from many threads
//! at once, and end when Ctrl-C is pressed; what they had half made is removed before they do.

mod build_args;
mod call;
mod convert;
mod error;
mod exec;
mod files;
mod inputs;
mod log;
mod logs;
mod process;
mod provider;
mod trust;

use pyo3::prelude::*;

/// The host-shim of mngr's Docker provider and the plugin inside it.
#[pymodule]
mod _native {
    use std::ffi::OsString;

    use mngr_host_shim::config::{KEYS, ProviderConfig, Unset};
    use mngr_host_shim::contract::backend::Description;
    use mngr_host_shim::json::DescriptionJson;
    use mngr_host_shim::loader::compile;
    use mngr_host_shim::words;
    use pyo3::prelude::*;
    use serde_json::{Value, json};

    use crate::process::{Process, end_with_interpreter};
    use crate::{build_args, call, convert};

    #[pymodule_export]
    use crate::error::ProviderError;
    #[pymodule_export]
    use crate::exec::ExecResult;
    #[pymodule_export]
    use crate::logs::LogStream;
    #[pymodule_export]
    use crate::provider::Provider;
    #[pymodule_export]
    use crate::trust::{check_trust, read_settings_file, revoke_trust, trust_file};

    /// What the built-in plugin says of itself: name, version, capabilities, settings, and the arguments that a user may pass.
    #[pyfunction]
    fn describe(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        convert::to_python(py, &DescriptionJson::from(&description(py)?))
    }

    fn description(py: Python<'_>) -> PyResult<Description> {
        let process = Process::current(py)?;
        let host = process.clone();
        call::wait(py, &process, None, move |_, _| async move {
            host.host
                .plugin(&ProviderConfig::named("docker"))
                .await?
                .describe()
                .await
        })
    }

    /// Arguments of `docker build` in parts: the words that are no flags, and each flag with its value, if it has one. A flag that
    /// the built-in plugin does not know, or that lacks its value, is the word as it was given.
    #[pyfunction]
    fn read_build_args(py: Python<'_>, arguments: Vec<String>) -> PyResult<(Vec<String>, Vec<build_args::Flag>)> {
        Ok(build_args::read(arguments, &description(py)?.build_arguments))
    }

    /// Text of others, fit for a terminal: characters that drive one, turn the direction of text or are not seen are escaped. In a
    /// text that has `lines` of its own newlines and tabs stay.
    #[pyfunction]
    #[pyo3(signature = (text, *, lines=false))]
    fn clean(text: &str, lines: bool) -> std::borrow::Cow<'_, str> {
        match lines {
            true => words::clean_lines(text),
            false => words::clean(text),
        }
    }

    /// The settings of a provider that the host keeps for itself, in the form in which `describe` has those of the plugin.
    #[pyfunction]
    fn host_settings(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let settings = KEYS.iter().map(|key| {
            let default: Value = match key.unset {
                Unset::Value(json) => serde_json::from_str(json).unwrap_or_default(),
                Unset::Words(_) => Value::Null,
            };
            json!({ "key": key.name, "kind": key.kind(), "default": default, "help": key.help })
        });
        convert::to_python(py, &settings.collect::<Vec<_>>())
    }

    /// What a process does that was started to compile a plugin: by these arguments, from stdin to stdout. Gives its status.
    #[pyfunction]
    fn compile_plugin(py: Python<'_>, arguments: Vec<OsString>) -> i32 {
        py.detach(|| compile(&arguments))
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        crate::log::keep();
        end_with_interpreter(module.py())
    }
}
