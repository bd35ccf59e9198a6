//! What each kind of finding is called, and how bad it is.
//!
//! Where the setting `snapshot_findings` names a kind, it decides. Where it does not, storage that is writable and holds the
//! agent's own files blocks: it is mounted at the working directory, at the user's home, or above either, so a snapshot
//! would leave out the very work it is taken for. Everything else warns.

use std::collections::BTreeMap;

use mngr_docker_grammar::words::{did_you_mean, nearest, shown};

use crate::contract::docker::Container;
use crate::contract::types::{Finding, FindingKind, Severity};

/// Every kind and its name in settings, labels and `--json`.
pub const KINDS: [(FindingKind, &str); 11] = [
    (FindingKind::BindMount, "bind_mount"),
    (FindingKind::NamedVolume, "named_volume"),
    (FindingKind::AnonymousVolume, "anonymous_volume"),
    (FindingKind::SharedVolume, "shared_volume"),
    (FindingKind::Tmpfs, "tmpfs"),
    (FindingKind::NetworkStorage, "network_storage"),
    (FindingKind::Gpu, "gpu"),
    (FindingKind::Device, "device"),
    (FindingKind::Environment, "environment"),
    (FindingKind::LayerLimit, "layer_limit"),
    (FindingKind::FreeSpace, "free_space"),
];

/// Every severity and its name.
const SEVERITIES: [(Severity, &str); 3] = [
    (Severity::Ignore, "ignore"),
    (Severity::Warn, "warn"),
    (Severity::Block, "block"),
];

/// The name of a kind.
pub(crate) fn kind_name(kind: FindingKind) -> &'static str {
    KINDS
        .iter()
        .find(|(each, _)| *each == kind)
        .map_or("", |(_, name)| name)
}

/// The kind of that name, also with dashes.
pub(crate) fn kind(name: &str) -> Option<FindingKind> {
    let name = name.replace('-', "_");
    KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
}

/// The name of a severity.
pub(super) fn severity_name(severity: Severity) -> &'static str {
    SEVERITIES
        .iter()
        .find(|(each, _)| *each == severity)
        .map_or("", |(_, name)| name)
}

/// The severity of that name.
pub(super) fn severity(name: &str) -> Option<Severity> {
    SEVERITIES
        .iter()
        .find(|(_, known)| *known == name)
        .map(|(severity, _)| *severity)
}

/// What is wrong with one line of the setting `snapshot_findings`, and the remedy.
pub fn check_setting(kind_given: &str, severity_given: &str) -> Option<(String, String)> {
    if kind(kind_given).is_none() {
        let names = KINDS.map(|(_, name)| name);
        let near = did_you_mean(&nearest(kind_given, names));
        return Some((
            format!("`{}` is not a kind of finding", shown(kind_given)),
            format!("{near}use one of: {}", names.join(", ")),
        ));
    }
    if severity(severity_given).is_none() {
        let names = SEVERITIES.map(|(_, name)| name);
        let near = did_you_mean(&nearest(severity_given, names));
        return Some((
            format!("`{}` for {kind_given} is not a severity", shown(severity_given)),
            format!("{near}use one of: {}", names.join(", ")),
        ));
    }
    None
}

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
            ..super::super::finding(FindingKind::BindMount, "r", "m")
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

    #[test]
    fn a_misspelt_kind_or_severity_is_answered_with_the_nearest() {
        let (_, remedy) = check_setting("bind_mont", "warn").expect("wrong");
        assert!(remedy.contains("did you mean `bind_mount`"), "{remedy}");
        let (_, remedy) = check_setting("bind_mount", "blok").expect("wrong");
        assert!(remedy.contains("did you mean `block`"), "{remedy}");
        assert!(check_setting("gpu", "ignore").is_none());
    }
}
