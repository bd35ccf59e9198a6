//! The one exception: the contract's error as Python knows it.

use mngr_host_shim::contract;
use mngr_host_shim::json::DetailsJson;
use mngr_host_shim::words::clean;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::to_python;

/// A call failed, or was refused.
///
/// Kinds are `invalid_argument`, `not_found`, `already_exists`, `ambiguous`, `conflict`, `unsupported`, `denied`, `unavailable`,
/// `timeout`, `resource_exhausted`, `snapshot_blocked` and `internal`.
#[pyclass(extends = PyException, subclass, frozen, module = "mngr_docker._native")]
pub struct ProviderError {
    /// Which kind of error it is.
    #[pyo3(get)]
    kind: String,
    /// What failed, on what, in one sentence that is fit for a terminal.
    #[pyo3(get)]
    message: String,
    /// The argument or setting at fault, where there is one: `providers.docker.host`.
    #[pyo3(get)]
    field: Option<String>,
    /// What to do about it, fit for a terminal; empty where nothing can be done.
    #[pyo3(get)]
    remedy: String,
    /// What only this kind has: `subject`, `reason`, `value`, `candidates`, `findings` and so on.
    #[pyo3(get)]
    details: Py<PyDict>,
}

#[pymethods]
impl ProviderError {
    #[new]
    #[pyo3(signature = (kind, message, field=None, remedy=String::new(), details=None))]
    fn new(
        py: Python<'_>,
        kind: String,
        message: String,
        field: Option<String>,
        remedy: String,
        details: Option<Py<PyDict>>,
    ) -> Self {
        Self {
            kind,
            message: clean(&message).into_owned(),
            field,
            remedy: clean(&remedy).into_owned(),
            details: details.unwrap_or_else(|| PyDict::new(py).unbind()),
        }
    }

    fn __str__(&self) -> String {
        match self.remedy.as_str() {
            "" => self.message.clone(),
            remedy => format!("{}; {remedy}", self.message),
        }
    }
}

/// The exception for an error.
pub fn raised(py: Python<'_>, error: &contract::ProviderError) -> PyErr {
    let exception = || {
        let details = to_python(py, &DetailsJson::from(error))?;
        // By position, so that the exception's own `args` have all of it and it can be pickled.
        py.get_type::<ProviderError>()
            .call1((error.kind(), error.message(), error.field(), error.remedy(), details))
    };
    exception().map_or_else(|failure| failure, PyErr::from_value)
}
