//! What an installation does not do unless it is agreed to, each with the flag that agrees.

use mngr_contract::error::denied;
use mngr_contract::{ProviderError, Result};

use super::{LockedVersion, PluginName};

/// What was agreed to. Nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consent {
    /// A version that imports more of the contract than the one in use (`--allow-wider`).
    pub wider: bool,
    /// Another component under the number of an installed version (`--accept-changed`).
    pub changed: bool,
    /// A version that was withdrawn (`--accept-yanked`).
    pub yanked: bool,
    /// A version older than the one in use (`--allow-downgrade`).
    pub downgrade: bool,
    /// A native library, which is run outside the sandbox to be asked who it is (`--allow-native`). Where a source has one for
    /// this machine, it is taken and not the component.
    pub native: bool,
}

impl Consent {
    /// Whether a version may take the place of the one in use.
    pub(super) fn to_switch(self, name: &PluginName, from: &LockedVersion, to: &LockedVersion) -> Result<()> {
        let (old, new) = (&from.version, &to.version);
        if new < old && !self.downgrade {
            return Err(denied(
                "plugin.downgrade",
                format!("{name} {new} is older than {old}, which is in use"),
                "to go back to an installed version use `mngr-docker plugin rollback`; to take this one all the same \
                 pass --allow-downgrade",
            ));
        }
        let wider: Vec<_> = to
            .interfaces
            .iter()
            .filter(|wanted| !from.interfaces.contains(wanted))
            .collect();
        if !wider.is_empty() && !self.wider {
            let wider: Vec<_> = wider.into_iter().map(String::as_str).collect();
            return Err(denied(
                "plugin.wider",
                format!("{name} {new} imports {}, which {old} does not", wider.join(", ")),
                "find out what it needs that for, then pass --allow-wider",
            ));
        }
        Ok(())
    }

    /// Whether another component may take the number of an installed one.
    pub(super) fn to_change(self, name: &PluginName, from: &LockedVersion, to: &LockedVersion) -> Result<()> {
        if from.sha256 == to.sha256 || self.changed {
            return Ok(());
        }
        Err(denied(
            "plugin.changed",
            format!(
                "{name} {} is locked with the SHA-256 {}, and {} has {}",
                to.version, from.sha256, to.source, to.sha256
            ),
            "a version that was published does not change: ask who did it, then pass --accept-changed",
        ))
    }

    /// Whether a native library may be taken.
    pub(super) fn to_native(self, name: &PluginName, origin: &str) -> Result<()> {
        if self.native {
            return Ok(());
        }
        Err(denied(
            "plugin.native",
            format!("{origin} has {name} as a native library, which runs outside the sandbox"),
            "take its component; or, where you trust its author with all that you may do, pass --allow-native",
        ))
    }

    /// Whether a withdrawn version may be taken.
    pub(super) fn to_yanked(self, name: &PluginName, version: &str, reason: &str) -> Result<()> {
        if self.yanked {
            return Ok(());
        }
        Err(yanked(name, version, reason))
    }
}

fn yanked(name: &PluginName, version: &str, reason: &str) -> ProviderError {
    let why = match reason.trim() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    denied(
        "plugin.yanked",
        format!("{name} {version} was withdrawn{why}"),
        "take another version, or pass --accept-yanked",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::tests::locked;

    fn name() -> PluginName {
        "x".parse().expect("a name")
    }

    fn rule(outcome: Result<()>) -> String {
        match outcome {
            Err(ProviderError::Denied(denied)) => denied.rule,
            other => panic!("not denied: {other:?}"),
        }
    }

    #[test]
    fn each_refusal_has_its_rule_and_the_flag_that_agrees() {
        let (old, new) = (locked("0.1.0"), locked("0.1.1"));
        let none = Consent::default();
        none.to_switch(&name(), &old, &new).expect("newer and no wider");
        let wider = LockedVersion {
            interfaces: vec!["docker".to_owned(), "ssh".to_owned(), "system".to_owned()],
            ..new.clone()
        };
        let changed = LockedVersion {
            sha256: "cd".repeat(32),
            ..old.clone()
        };
        let refusals = [
            (
                "plugin.downgrade",
                "--allow-downgrade",
                none.to_switch(&name(), &new, &old),
            ),
            ("plugin.wider", "--allow-wider", none.to_switch(&name(), &old, &wider)),
            (
                "plugin.changed",
                "--accept-changed",
                none.to_change(&name(), &old, &changed),
            ),
            (
                "plugin.yanked",
                "--accept-yanked",
                none.to_yanked(&name(), "0.1.0", "loses data\n"),
            ),
            ("plugin.native", "--allow-native", none.to_native(&name(), "/srv/x.so")),
        ];
        for (expected, flag, outcome) in refusals {
            let remedy = outcome.as_ref().expect_err("refused").remedy().to_owned();
            assert!(remedy.contains(flag), "{remedy}");
            assert_eq!(rule(outcome), expected);
        }
        let all = Consent {
            wider: true,
            changed: true,
            yanked: true,
            downgrade: true,
            native: true,
        };
        all.to_switch(&name(), &new, &old).expect("agreed");
        all.to_switch(&name(), &old, &wider).expect("agreed");
        all.to_change(&name(), &old, &changed).expect("agreed");
        all.to_yanked(&name(), "0.1.0", "").expect("agreed");
        all.to_native(&name(), "/srv/x.so").expect("agreed");
    }

    #[test]
    fn a_refusal_names_what_is_wider_and_why_a_version_was_withdrawn() {
        let wider = LockedVersion {
            interfaces: vec!["docker".to_owned(), "gpu".to_owned(), "ssh".to_owned()],
            ..locked("0.2.0")
        };
        let error = Consent::default()
            .to_switch(&name(), &locked("0.1.0"), &wider)
            .expect_err("wider");
        assert!(
            error.message().contains("imports gpu, ssh, which 0.1.0 does not"),
            "{}",
            error.message()
        );
        let error = Consent::default()
            .to_yanked(&name(), "0.1.0", "loses data\n")
            .expect_err("yanked");
        assert!(
            error.message().ends_with("was withdrawn: loses data"),
            "{}",
            error.message()
        );
    }
}
