//! `com.imbue.mngr.*`: the single source of what is known of an agent.
//!
//! A container made from a snapshot inherits the labels of the agent the snapshot was taken of, so every identity label is
//! written at every create, empty where there is nothing to say, and an empty optional label reads as absent.

use std::collections::BTreeMap;
use std::fmt;

use mngr_docker_grammar::words::shown;

/// Everything under this prefix is the provider's own.
pub const PREFIX: &str = "com.imbue.mngr.";
/// Unique identifier; its presence makes a container an agent.
pub const AGENT_ID: &str = "com.imbue.mngr.agent-id";
/// The name the agent was made with. The living name is the container's.
pub const AGENT_NAME: &str = "com.imbue.mngr.agent-name";
/// What kind of agent it is.
pub const AGENT_TYPE: &str = "com.imbue.mngr.agent-type";
/// The user's tags: a JSON object of strings.
pub const TAGS: &str = "com.imbue.mngr.tags";
/// The agent this one was made from; empty for none.
pub const PARENT_ID: &str = "com.imbue.mngr.parent-id";
/// RFC 3339 in UTC.
pub const CREATED_AT: &str = "com.imbue.mngr.created-at";
/// Instance name of the provider.
pub const PROVIDER: &str = "com.imbue.mngr.provider";
/// The agent as a host of mngr, which its own Docker provider writes too: see [`host_id`].
pub const HOST_ID: &str = "com.imbue.mngr.host-id";
/// The name the agent was made with, as mngr's own Docker provider writes it.
pub const HOST_NAME: &str = "com.imbue.mngr.host-name";
/// On a volume: it is a document of an agent, and which. See [`crate::documents`].
pub const DOCUMENT: &str = "com.imbue.mngr.document";
/// Its revision, from 1.
pub const DOCUMENT_REVISION: &str = "com.imbue.mngr.document.revision";
/// The writes that it goes back to, the latest of them last, which is its own.
pub const DOCUMENT_LINEAGE: &str = "com.imbue.mngr.document.lineage";
/// RFC 3339 in UTC.
pub const DOCUMENT_WRITTEN_AT: &str = "com.imbue.mngr.document.written-at";
/// Its body.
pub const DOCUMENT_BODY: &str = "com.imbue.mngr.document.body";
/// What the container can be made from again: see [`crate::recipe`].
pub const SPEC: &str = "com.imbue.mngr.spec";
/// The GPUs that the agent holds, a JSON object (see [`crate::grant`]); empty for none.
pub const GPUS: &str = "com.imbue.mngr.gpus";
/// Prefix of what is known of a snapshot.
pub const SNAPSHOT_PREFIX: &str = "com.imbue.mngr.snapshot.";
/// On an image: the snapshot's id. On a container: the snapshot it was made from; empty for none.
pub const SNAPSHOT_ID: &str = "com.imbue.mngr.snapshot.id";
/// The name a user gave the snapshot; empty for none.
pub const SNAPSHOT_NAME: &str = "com.imbue.mngr.snapshot.name";
/// RFC 3339 in UTC.
pub const SNAPSHOT_CREATED_AT: &str = "com.imbue.mngr.snapshot.created-at";
/// The snapshot that the agent's container was itself made from; empty for none.
pub const SNAPSHOT_PARENT: &str = "com.imbue.mngr.snapshot.parent";
/// What the snapshot does not hold: a JSON list; empty for none.
pub const SNAPSHOT_FINDINGS: &str = "com.imbue.mngr.snapshot.findings";
/// The volumes that the snapshot holds in images of their own: a JSON list; empty for none.
pub const SNAPSHOT_VOLUMES: &str = "com.imbue.mngr.snapshot.volumes";
/// On such an image: where the agent had the volume.
pub const VOLUME_PATH: &str = "com.imbue.mngr.snapshot.volume-path";
/// What it was: a kind of finding.
pub const VOLUME_KIND: &str = "com.imbue.mngr.snapshot.volume-kind";
/// The name of the volume; empty for a tmpfs.
pub const VOLUME_SOURCE: &str = "com.imbue.mngr.snapshot.volume-source";
/// The flag of `docker run` that mounted it.
pub const VOLUME_MOUNT: &str = "com.imbue.mngr.snapshot.volume-mount";
/// The volume driver's options: a JSON object.
pub const VOLUME_OPTIONS: &str = "com.imbue.mngr.snapshot.volume-options";

/// Most characters of an id or an agent type.
const MAX_WORD: usize = 128;

/// Name and value.
pub type Pair = (String, String);

/// The identity an agent keeps through renames, restores and restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `agent-` and 32 hexadecimal digits.
    pub id: String,
    /// The name at create.
    pub name: String,
    /// What kind of agent it is.
    pub agent_type: String,
    /// The user's own, sorted by name.
    pub tags: BTreeMap<String, String>,
    /// The agent this one descends from.
    pub parent_id: Option<String>,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// The snapshot its container was made from.
    pub snapshot_id: Option<String>,
}

/// A label that does not decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which one.
    pub label: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "label {}: {}", self.label, self.reason)
    }
}

/// The value of a label, where it is set and not empty.
pub fn value<'a>(labels: &'a [Pair], key: &str) -> Option<&'a str> {
    // Ours all begin alike, and a list of thousands looks for a dozen of them in each container: what tells them apart goes first.
    let end = key.strip_prefix(PREFIX).unwrap_or(key);
    labels
        .iter()
        .find(|(name, _)| name.ends_with(end) && name == key)
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}

/// The id of an agent as a host of mngr.
pub fn host_id(agent_id: &str) -> String {
    format!("host-{}", agent_id.strip_prefix("agent-").unwrap_or(agent_id))
}

/// The id of a host of mngr as an agent.
pub fn agent_id(host_id: &str) -> String {
    format!("agent-{}", host_id.strip_prefix("host-").unwrap_or(host_id))
}

/// Whether these labels are of an agent of that provider.
pub fn owned_by(labels: &[Pair], provider: &str) -> bool {
    labels.iter().any(|(name, _)| name == AGENT_ID) && value(labels, PROVIDER) == Some(provider)
}

/// The label filters that all agents of a provider pass, also those that mngr's own Docker provider made.
pub fn filters(provider: &str) -> Vec<String> {
    vec![format!("{PROVIDER}={provider}")]
}

/// The labels of a container: the seed's six, `provider` and `spec`, and those by which mngr's own provider knows a host.
pub fn encode(identity: &Identity, provider: &str, spec: &str) -> Vec<Pair> {
    [
        (HOST_ID, host_id(&identity.id).as_str()),
        (HOST_NAME, &identity.name),
        (AGENT_ID, &identity.id),
        (AGENT_NAME, &identity.name),
        (AGENT_TYPE, &identity.agent_type),
        (TAGS, &encode_tags(&identity.tags)),
        (PARENT_ID, identity.parent_id.as_deref().unwrap_or_default()),
        (CREATED_AT, &identity.created_at),
        (PROVIDER, provider),
        (SPEC, spec),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec()
}

/// Reads an identity back.
///
/// # Errors
/// The first label that is missing or does not decode, and why.
pub fn decode(labels: &[Pair]) -> Result<Identity, Fault> {
    let required = |label: &'static str| {
        value(labels, label).ok_or_else(|| Fault {
            label,
            reason: "it is missing or empty".to_owned(),
        })
    };
    let word = |label: &'static str| {
        let value = required(label)?;
        match is_word(value) {
            true => Ok(value.to_owned()),
            false => Err(Fault {
                label,
                reason: format!("`{}` is not one plain word", shown(value)),
            }),
        }
    };
    Ok(Identity {
        id: word(AGENT_ID)?,
        name: word(AGENT_NAME)?,
        agent_type: word(AGENT_TYPE)?,
        tags: decode_tags(required(TAGS)?)?,
        parent_id: value(labels, PARENT_ID).map(str::to_owned),
        created_at: time(CREATED_AT, required(CREATED_AT)?)?,
        snapshot_id: value(labels, SNAPSHOT_ID).map(str::to_owned),
    })
}

/// A time as RFC 3339 in UTC.
///
/// # Errors
/// Where it is no RFC 3339 time.
pub fn time(label: &'static str, text: &str) -> Result<String, Fault> {
    let parsed: jiff::Timestamp = text.parse().map_err(|_| Fault {
        label,
        reason: format!("`{}` is not an RFC 3339 time", shown(text)),
    })?;
    match text.ends_with('Z') {
        true => Ok(text.to_owned()),
        false => Ok(parsed.to_string()),
    }
}

/// A time in seconds since the epoch, as labels have it.
pub(crate) fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// Whether it can stand in a reference: letters, digits, `_`, `.` and `-`, and not too long.
pub fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=MAX_WORD).contains(&text.len()) && text.bytes().all(plain) && text.as_bytes()[0].is_ascii_alphanumeric()
}

/// Tags as their label has them.
pub(crate) fn encode_tags(tags: &BTreeMap<String, String>) -> String {
    serde_json::Value::from_iter(tags.clone()).to_string()
}

fn decode_tags(text: &str) -> Result<BTreeMap<String, String>, Fault> {
    serde_json::from_str(text).map_err(|error| Fault {
        label: TAGS,
        reason: format!("it is not a JSON object of strings ({error})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn identity() -> Identity {
        Identity {
            id: format!("agent-{}", "0".repeat(32)),
            name: "a1".to_owned(),
            agent_type: "command".to_owned(),
            tags: BTreeMap::from([
                ("team".to_owned(), "red".to_owned()),
                ("a".to_owned(), "\"1\"".to_owned()),
            ]),
            parent_id: None,
            created_at: "2026-01-31T09:30:00.123Z".to_owned(),
            snapshot_id: None,
        }
    }

    fn with(key: &str, value: &str) -> Vec<Pair> {
        let mut labels = encode(&identity(), "docker", "{}");
        labels.retain(|(name, _)| name != key);
        labels.push((key.to_owned(), value.to_owned()));
        labels
    }

    #[test]
    fn the_labels_of_the_seed_and_of_mngrs_own_provider_are_always_written() {
        let labels = encode(&identity(), "docker", "{}");
        let keys: Vec<_> = labels.iter().map(|(key, _)| key.as_str()).collect();
        let expected = [
            "host-id",
            "host-name",
            "agent-id",
            "agent-name",
            "agent-type",
            "tags",
            "parent-id",
            "created-at",
            "provider",
            "spec",
        ];
        assert_eq!(keys, expected.map(|name| format!("com.imbue.mngr.{name}")));
        assert_eq!(value(&labels, TAGS), Some(r#"{"a":"\"1\"","team":"red"}"#));
        assert_eq!(decode(&labels), Ok(identity()));
    }

    #[test]
    fn a_label_that_does_not_decode_is_named_with_the_reason() {
        for (label, bad) in [
            (TAGS, "[]"),
            (TAGS, "{\"a\":1}"),
            (TAGS, "nonsense"),
            (CREATED_AT, "yesterday"),
            (AGENT_ID, ""),
            (AGENT_NAME, "a\nb"),
        ] {
            let fault = decode(&with(label, bad)).expect_err(bad);
            assert_eq!(fault.label, label);
            assert!(fault.to_string().contains(label), "{fault}");
        }
    }

    #[test]
    fn times_are_read_in_any_zone_and_given_in_utc() {
        let decoded = decode(&with(CREATED_AT, "2026-01-31T10:30:00+01:00")).expect("a time");
        assert_eq!(decoded.created_at, "2026-01-31T09:30:00Z");
    }

    #[test]
    fn near_miss_prefixes_and_other_providers_are_not_ours() {
        assert!(owned_by(&with("x", "y"), "docker"));
        assert!(!owned_by(&with(PROVIDER, "other"), "docker"));
        let near = vec![("com.imbue.mngrx.agent-id".to_owned(), "a".to_owned())];
        assert!(!owned_by(&near, "docker"));
    }

    proptest! {
        #[test]
        fn any_tags_come_back_as_they_were(tags in proptest::collection::btree_map(".*", ".*", 0..8)) {
            prop_assert_eq!(decode_tags(&encode_tags(&tags)), Ok(tags));
        }
    }
}
