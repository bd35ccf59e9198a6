//! Exit statuses, all in one place: the table of the README and of `--help`.

use mngr_host_shim::contract::ProviderError;

/// The process's exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    pub const OK: Self = Self(0);
    pub const INTERNAL: Self = Self(1);
    pub const USAGE: Self = Self(2);
    pub const NOT_FOUND: Self = Self(3);
    pub const CONFLICT: Self = Self(4);
    pub const DENIED: Self = Self(5);
    pub const UNAVAILABLE: Self = Self(6);
    pub const TIMEOUT: Self = Self(7);
    pub const EXHAUSTED: Self = Self(8);
    pub const SNAPSHOT_BLOCKED: Self = Self(9);
    pub const PARTIAL: Self = Self(10);
    pub const EXEC_FAILED: Self = Self(125);
    pub const HUNG_UP: Self = Self(129);
    pub const INTERRUPTED: Self = Self(130);
    pub const TERMINATED: Self = Self(143);
}

/// Each status and what it means.
const TABLE: &[(Exit, &str)] = &[
    (Exit::OK, "it worked"),
    (
        Exit::INTERNAL,
        "a fault of the plugin or of mngr-docker; or `doctor` or `check` found one",
    ),
    (Exit::USAGE, "wrong usage, argument or configuration"),
    (Exit::NOT_FOUND, "no such agent, snapshot, image or path"),
    (
        Exit::CONFLICT,
        "it exists already, fits more than one, or its state does not allow it",
    ),
    (Exit::DENIED, "refused by the policy, or not supported"),
    (Exit::UNAVAILABLE, "the engine or its machine can not be reached"),
    (Exit::TIMEOUT, "a deadline passed"),
    (Exit::EXHAUSTED, "disk, memory or another supply has run out"),
    (
        Exit::SNAPSHOT_BLOCKED,
        "a snapshot would lose data, or give an environment away",
    ),
    (
        Exit::PARTIAL,
        "some of the providers asked did not answer; the others' agents are listed",
    ),
    (
        Exit::EXEC_FAILED,
        "`exec` could not run the command; else its status is the command's own",
    ),
    (
        Exit::INTERRUPTED,
        "Ctrl-C; 143 where it was SIGTERM, 129 where it was SIGHUP",
    ),
];

/// The table as `--help` shows it.
pub fn table() -> String {
    let mut text = String::from("Exit status:\n");
    for (Exit(status), meaning) in TABLE {
        text.push_str(&format!("  {status:>3}  {meaning}\n"));
    }
    text
}

impl From<&ProviderError> for Exit {
    fn from(error: &ProviderError) -> Self {
        match error {
            ProviderError::InvalidArgument(_) => Self::USAGE,
            ProviderError::NotFound(_) => Self::NOT_FOUND,
            ProviderError::AlreadyExists(_) | ProviderError::Ambiguous(_) | ProviderError::Conflict(_) => {
                Self::CONFLICT
            }
            ProviderError::Unsupported(_) | ProviderError::Denied(_) => Self::DENIED,
            ProviderError::Unavailable(_) => Self::UNAVAILABLE,
            ProviderError::Timeout(_) => Self::TIMEOUT,
            ProviderError::ResourceExhausted(_) => Self::EXHAUSTED,
            ProviderError::SnapshotBlocked(_) => Self::SNAPSHOT_BLOCKED,
            ProviderError::Internal(_) => Self::INTERNAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use mngr_host_shim::error;

    use super::*;

    #[test]
    fn errors_that_a_script_must_tell_apart_have_statuses_of_their_own() {
        let status = |error: ProviderError| Exit::from(&error).0;
        assert_eq!(status(error::invalid("name", "", "is empty", "give one")), 2);
        assert_eq!(status(error::not_found("a", "is not there", "")), 3);
        assert_eq!(status(error::conflict("a", "paused", "can not", "")), 4);
        assert_eq!(status(error::denied("privileged", "no", "")), 5);
        assert_eq!(status(error::unavailable("engine", "is down", "")), 6);
        assert_eq!(
            status(error::timeout("engine", std::time::Duration::ZERO, false, "")),
            7
        );
        assert_eq!(status(error::exhausted("disk", "is full", "")), 8);
        assert_eq!(status(ProviderError::SnapshotBlocked(Vec::new())), 9);
        assert_eq!(status(error::internal("plugin", "trapped", "")), 1);
    }

    #[test]
    fn the_table_is_sorted_and_names_each_status_once() {
        assert!(TABLE.is_sorted_by(|(Exit(a), _), (Exit(b), _)| a < b));
    }
}
