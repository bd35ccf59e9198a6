//! Values of Python from the contract's records, and the other way round: by way of JSON, so that they have the shape that
//! `mngr-docker --json` prints.

use mngr_host_shim::error::invalid;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error;

/// A value that a method returns.
pub type Answer<'py> = PyResult<Bound<'py, PyAny>>;

/// The record as dicts, lists, strings and numbers.
pub fn to_python<'py>(py: Python<'py>, record: &impl Serialize) -> Answer<'py> {
    let text = serde_json::to_string(record).map_err(|error| PyValueError::new_err(error.to_string()))?;
    from_json(py, &text)
}

/// The same of records in a list.
pub fn list_to_python<'py, 'a, T: 'a, J: Serialize + From<&'a T>>(py: Python<'py>, records: &'a [T]) -> Answer<'py> {
    let records: Vec<_> = records.iter().map(J::from).collect();
    to_python(py, &records)
}

/// What a text of JSON says.
pub fn from_json<'py>(py: Python<'py>, text: &str) -> Answer<'py> {
    py.import("json")?.call_method1("loads", (text,))
}

/// A mapping whose keys are strings and whose values JSON has a place for; paths are written as strings.
///
/// # Errors
/// `TypeError` and `ValueError` for any other value.
pub fn table(given: &Bound<'_, PyMapping>) -> PyResult<Map<String, Value>> {
    let text = to_json(&dict(given)?)?;
    serde_json::from_str(&text).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// A mapping that must have the fields of `T` and no others.
///
/// # Errors
/// `ProviderError` of the kind `invalid_argument` for `field`, naming the key at fault.
pub fn record<T: DeserializeOwned>(field: &str, given: &Bound<'_, PyMapping>) -> PyResult<T> {
    let text = to_json(&dict(given)?)?;
    serde_json::from_str(&text).map_err(|fault| {
        // Where in the text it is says nothing to who did not write it.
        let fault = fault.to_string();
        let reason = fault.split(" at line ").next().unwrap_or(&fault);
        let remedy = "give a mapping with the contract's field names in snake_case";
        error::raised(given.py(), &invalid(field, "", reason, remedy))
    })
}

fn dict<'py>(given: &Bound<'py, PyMapping>) -> PyResult<Bound<'py, PyDict>> {
    let values = PyDict::new(given.py());
    values.update(given)?;
    Ok(values)
}

fn to_json(values: &Bound<'_, PyDict>) -> PyResult<String> {
    let py = values.py();
    let options = PyDict::new(py);
    options.set_item("allow_nan", false)?;
    options.set_item("default", py.import("os")?.getattr("fspath")?)?;
    py.import("json")?
        .call_method("dumps", (values,), Some(&options))?
        .extract()
}

/// A mapping of strings to strings.
#[derive(Default)]
pub struct Pairs(pub Vec<(String, String)>);

impl<'py> FromPyObject<'_, 'py> for Pairs {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let items = given.cast::<PyMapping>()?.items()?;
        items.extract().map(Self)
    }
}
