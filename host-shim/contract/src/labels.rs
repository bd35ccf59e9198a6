//! Names of labels by which the shim knows whose a thing is. The plugin decides what else is a label.

/// The label that says which provider instance a container belongs to.
pub const PROVIDER_LABEL: &str = "com.imbue.mngr.provider";
/// The label that says that a container is an agent at all.
pub const AGENT_LABEL: &str = "com.imbue.mngr.agent-id";
/// The label by which mngr's own Docker provider knows its containers, which are agents as well.
pub const HOST_LABEL: &str = "com.imbue.mngr.host-id";
/// The label of a document that is kept beside an agent: which one it is.
pub const DOCUMENT_LABEL: &str = "com.imbue.mngr.document";

/// Whether these labels are of an agent, of whatever provider.
pub fn is_agent(labels: &[(String, String)]) -> bool {
    labels.iter().any(|(key, _)| key == AGENT_LABEL || key == HOST_LABEL)
}
