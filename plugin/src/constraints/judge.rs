//! How bad each finding is.
//!
//! Where the setting `snapshot_findings` names a kind, it decides. Where it does not, storage that is writable and holds the
//! agent's own files blocks: it is mounted at the working directory, at the user's home, or above either, so a snapshot
//! would leave out the very work it is taken for. Everything else warns.

use std::collections::BTreeMap;

use crate::contract::docker::Container;
use crate::contract::types::{Finding, FindingKind, Severity};
use crate::findings::{kind, severity};

/// Says how bad a finding is for one container.
pub(super) struct Judge<'a> {
    settings: &'a BTreeMap<String, String>,
    /// Directories that the agent works in.
    own: [String; 2],
}

impl<'a> Judge<'a> {
    pub(super) fn new(settings: &'a BTreeMap<String, String>, container: &Container) -> Self {
        let user = container.user.split(':').next().unwrap_or_default();
        let home = match user {
            "" | "0" | "root" => "/root".to_owned(),
            name => format!("/home/{name}"),
        };
        let working_dir = match container.working_dir.as_str() {
            "" => "/".to_owned(),
            given => given.to_owned(),
        };
        Self {
            settings,
            own: [working_dir, home],
        }
    }

    pub(super) fn severity(&self, finding: &Finding) -> Severity {
        if finding.covered {
            return Severity::Ignore;
        }
        let configured = self
            .settings
            .iter()
            .find(|(name, _)| kind(name) == Some(finding.kind))
            .and_then(|(_, given)| severity(given));
        let storage = matches!(
            finding.kind,
            FindingKind::BindMount
                | FindingKind::NamedVolume
                | FindingKind::AnonymousVolume
                | FindingKind::SharedVolume
                | FindingKind::Tmpfs
                | FindingKind::NetworkStorage
        );
        let own = || finding.path.as_deref().is_some_and(|path| self.is_own(path));
        configured.unwrap_or_else(|| match storage && !finding.read_only && own() {
            true => Severity::Block,
            false => Severity::Warn,
        })
    }

    /// Whether what is mounted there covers a directory that the agent works in.
    fn is_own(&self, destination: &str) -> bool {
        let destination = destination.trim_end_matches('/');
        self.own.iter().any(|own| {
            own.trim_end_matches('/')
                .strip_prefix(destination)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding;
    use crate::testing::{BUSYBOX, fixtures};

    fn judged(user: &str, working_dir: &str, path: &str, read_only: bool, settings: &[(&str, &str)]) -> Severity {
        let image = fixtures::image("sha256:i", BUSYBOX, Vec::new());
        let container = Container {
            user: user.to_owned(),
            working_dir: working_dir.to_owned(),
            ..fixtures::made("c".to_owned(), &image, &crate::start_args::Draft::new().spec)
        };
        let settings = settings
            .iter()
            .map(|(kind, severity)| ((*kind).to_owned(), (*severity).to_owned()))
            .collect();
        let finding = Finding {
            path: Some(path.to_owned()),
            read_only,
            ..finding(FindingKind::BindMount, "r", "m")
        };
        Judge::new(&settings, &container).severity(&finding)
    }

    #[test]
    fn writable_storage_over_the_agents_own_files_blocks_and_the_rest_warns() {
        for (user, working_dir, path, expected) in [
            ("", "/srv/tree", "/srv/tree", Severity::Block),
            ("", "/srv/tree", "/srv", Severity::Block),
            ("", "/srv/tree", "/srv/", Severity::Block),
            ("", "/srv", "/workshop", Severity::Warn),
            ("", "/srv", "/srv/cache", Severity::Warn),
            ("", "", "/root", Severity::Block),
            ("me:staff", "/", "/home/me", Severity::Block),
            ("me", "/", "/home", Severity::Block),
            ("me", "/", "/root", Severity::Warn),
            ("", "", "/data", Severity::Warn),
        ] {
            let found = judged(user, working_dir, path, false, &[]);
            assert!(found == expected, "{user} {working_dir} {path}");
        }
        assert!(judged("", "/srv", "/srv", true, &[]) == Severity::Warn);
    }

    #[test]
    fn the_setting_decides_where_it_names_the_kind() {
        for (spelling, severity, expected) in [
            ("bind_mount", "ignore", Severity::Ignore),
            ("bind-mount", "block", Severity::Block),
            ("tmpfs", "ignore", Severity::Warn),
        ] {
            assert!(
                judged("", "", "/data", false, &[(spelling, severity)]) == expected,
                "{spelling}"
            );
        }
    }
}
