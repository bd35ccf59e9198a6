//! What is kept of agents beside their containers.

use mngr_host_shim::contract::instance::{DocumentChange, DocumentFilter};
use mngr_host_shim::json::DocumentJson;
use pyo3::prelude::*;

use super::Provider;
use crate::convert::{Answer, list_to_python, to_python};

#[pymethods]
impl Provider {
    /// The documents of one agent, or of all, by one engine call however many there are.
    #[pyo3(signature = (*, agent_id=None))]
    fn documents<'py>(&self, py: Python<'py>, agent_id: Option<String>) -> Answer<'py> {
        let filter = DocumentFilter { agent_id };
        let documents = self.call(py, None, |provider| async move { provider.documents(filter).await })?;
        list_to_python::<_, DocumentJson<'_>>(py, &documents)
    }

    /// Writes a document, or deletes it where `body` is `None`. With `revision` only where that is the one that is there, 0 for
    /// none; else `ProviderError` of the kind `conflict`. Returns what is there now.
    #[pyo3(signature = (agent_id, key, body, *, revision=None))]
    fn document_write<'py>(
        &self,
        py: Python<'py>,
        agent_id: String,
        key: String,
        body: Option<String>,
        revision: Option<u64>,
    ) -> Answer<'py> {
        let change = DocumentChange {
            agent_id,
            key,
            body,
            revision,
        };
        let written = self.call(
            py,
            None,
            |provider| async move { provider.document_write(change).await },
        )?;
        to_python(py, &written.as_ref().map(DocumentJson::from))
    }
}
