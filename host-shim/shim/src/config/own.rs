//! Which files the settings of a provider make its own.

use std::path::PathBuf;

use mngr_contract::environment::Environment;
use mngr_contract::paths::plain;
use mngr_guard::policy::{AuditChoice, AuditLog, Belongings};
use mngr_registry::PluginChoice;

use super::ProviderConfig;
use super::find::expanded;

/// Options of ssh_config(5) whose values are files that decide who is let in where.
const SSH_FILES: [&str; 2] = ["CertificateFile", "IdentityAgent"];

impl ProviderConfig {
    /// What no agent of the provider is given: the user's own files for this program, what the settings name besides, and the
    /// program itself.
    pub fn belongings(&self, environment: &Environment) -> Belongings {
        let named = self.named_files(environment).into_iter();
        let named = named.chain(self.settings_files.iter().cloned());
        Belongings {
            sockets: self.sockets.clone(),
            ..Belongings::of_user(environment, named.chain(std::env::current_exe()))
        }
    }

    /// The socket of this provider's engine, where the settings name one of this machine.
    pub(super) fn socket(&self) -> Option<String> {
        let host = self.host.as_deref()?;
        host.strip_prefix("unix://").map(plain)
    }

    /// The files that the settings of this provider name. An agent of another one that had them could do as this one does.
    pub(super) fn named_files(&self, environment: &Environment) -> Vec<PathBuf> {
        let ssh = &self.ssh;
        let plugin = match &self.plugin {
            Some(PluginChoice::File(path)) => Some(path),
            Some(PluginChoice::Installed(_)) | None => None,
        };
        let named = [
            ssh.config_file.as_ref(),
            ssh.identity_file.as_ref(),
            ssh.known_hosts_file.as_ref(),
            self.tls_directory.as_ref(),
            plugin,
            self.ledger.as_ref(),
        ];
        let log = match &self.audit_log {
            AuditChoice::File(path) => AuditLog::at(path).files(),
            AuditChoice::OfUser | AuditChoice::Off => Vec::new(),
        };
        let options = ssh
            .options
            .iter()
            .filter(|(name, _)| SSH_FILES.iter().any(|known| known.eq_ignore_ascii_case(name)));
        let by_option = options.map(|(_, value)| expanded(value, environment.home()));
        let by_option = by_option.filter(|path| path.is_absolute());
        let named = named.into_iter().flatten().cloned();
        named.chain(log).chain(by_option).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_file_that_a_setting_names_is_the_providers_own() {
        let mut config = ProviderConfig::named("docker");
        config.settings_files = vec!["/data/settings.toml".into()];
        config.ssh.config_file = Some("/data/ssh_config".into());
        config.ssh.identity_file = Some("/data/key".into());
        config.ssh.known_hosts_file = Some("/data/known".into());
        config.ssh.options = BTreeMap::from([
            ("certificatefile".to_owned(), "~/work/cert".to_owned()),
            ("IdentityAgent".to_owned(), "SSH_AUTH_SOCK".to_owned()),
            ("HostName".to_owned(), "/data/no-file".to_owned()),
        ]);
        config.tls_directory = Some("/data/tls".into());
        config.plugin = Some(PluginChoice::File("/data/plugin.wasm".into()));
        config.ledger = Some("/data/ledger".into());
        config.audit_log = AuditChoice::File("/data/audit".into());
        let own = config.belongings(&Environment::new([("HOME", "/home/me")], "/")).own;
        for path in [
            "/data/settings.toml",
            "/data/ssh_config",
            "/data/key",
            "/data/known",
            "/home/me/work/cert",
            "/data/tls",
            "/data/plugin.wasm",
            "/data/ledger",
            "/data/audit",
            "/data/audit.3",
        ] {
            assert!(own.iter().any(|own| own == path), "{path}: {own:?}");
        }
        assert!(!own.iter().any(|own| own == "/data/no-file"));
    }
}
