//! What a provider says of itself.

use std::collections::BTreeSet;

use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::backend::SettingType;
use mngr_host_shim::contract::instance::{
    DocumentFilter, ForkRequest, GcRequest, PushRequest, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest,
};
use mngr_host_shim::contract::types::Limits;
use mngr_host_shim::streams::Archive;
use serde_json::Value;

use crate::fixture::{Fixture, argv};
use crate::rule::{Stop, ensure, rules};

/// The functions of `instance`.
const FUNCTIONS: &[&str] = &[
    "create",
    "discover",
    "get",
    "start",
    "stop",
    "pause",
    "resume",
    "destroy",
    "rename",
    "exec",
    "copy-in",
    "copy-out",
    "logs",
    "resources",
    "update-limits",
    "stats",
    "port",
    "snapshot-check",
    "snapshot-create",
    "snapshot-list",
    "snapshot-delete",
    "changes",
    "snapshot-diff",
    "fork",
    "documents",
    "document-write",
    "snapshot-push",
    "snapshot-pull",
    "snapshot-save",
    "snapshot-load",
    "migrate-out",
    "migrate-in",
    "volumes",
    "volume-delete",
    "gpus",
    "gc",
    "reconcile",
    "watch",
];

/// What a setting's default must be.
pub(super) fn fits(kind: SettingType, value: &Value) -> bool {
    match kind {
        SettingType::Text => value.is_string(),
        SettingType::Integer => value.is_i64() || value.is_u64(),
        SettingType::Number => value.is_number(),
        SettingType::Boolean => value.is_boolean(),
        SettingType::TextList => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        SettingType::TextTable => value.is_object(),
    }
}

/// Whether a function answers that it is not there, where it is called with nothing that could be meant.
async fn is_unsupported(fixture: &Fixture, function: &str) -> Option<bool> {
    let (provider, nobody) = (&fixture.provider, "nobody");
    let empty = || Archive::Tar(Box::pin(futures::stream::empty()));
    fn is_refused<T>(result: Result<T>) -> Option<bool> {
        Some(matches!(result, Err(error) if error.kind() == "unsupported"))
    }
    match function {
        "create" => is_refused(provider.create(fixture.new_agent("", &[])).await),
        "discover" => is_refused(provider.discover(Default::default()).await),
        "get" => is_refused(provider.get(nobody).await),
        "start" => is_refused(provider.start(nobody, StartRequest::default()).await),
        "stop" => is_refused(provider.stop(nobody, StopRequest::default()).await),
        "pause" => is_refused(provider.pause(nobody).await),
        "resume" => is_refused(provider.resume(nobody).await),
        "destroy" => is_refused(provider.destroy(nobody, Default::default()).await),
        "rename" => is_refused(provider.rename(nobody, "other").await),
        "exec" => is_refused(provider.exec(nobody, argv(&["true"])).await),
        "copy-in" => is_refused(provider.copy_in(nobody, "/", empty(), false).await),
        "copy-out" => is_refused(provider.copy_out(nobody, "/").await),
        "logs" => is_refused(provider.logs(nobody, Default::default()).await),
        "resources" => is_refused(provider.resources(nobody).await),
        "update-limits" => is_refused(provider.update_limits(nobody, Limits::default()).await),
        "stats" => is_refused(provider.stats(nobody).await),
        "port" => is_refused(provider.port(nobody, 22).await),
        "snapshot-check" => is_refused(provider.snapshot_check(nobody, false).await),
        "snapshot-create" => is_refused(provider.snapshot_create(nobody, SnapshotRequest::default()).await),
        "snapshot-list" => is_refused(provider.snapshot_list(SnapshotFilter::default()).await),
        "snapshot-delete" => is_refused(provider.snapshot_delete(None, nobody).await),
        "changes" => is_refused(provider.changes(nobody).await),
        "snapshot-diff" => is_refused(provider.snapshot_diff(nobody, nobody).await),
        "fork" => {
            let names = vec!["other".to_owned()];
            let request = ForkRequest {
                names,
                ..ForkRequest::default()
            };
            is_refused(provider.fork(nobody, request).await)
        }
        "documents" => is_refused(provider.documents(DocumentFilter { agent_id: None }).await),
        "document-write" => is_refused(provider.document_write(super::documents::change("", "", None)).await),
        "snapshot-push" => {
            let (snapshot, reference) = (nobody.to_owned(), "registry.test/a".to_owned());
            let include_env = false;
            is_refused(
                provider
                    .snapshot_push(PushRequest {
                        snapshot,
                        reference,
                        include_env,
                    })
                    .await,
            )
        }
        "snapshot-pull" => is_refused(provider.snapshot_pull("").await),
        "snapshot-save" => is_refused(provider.snapshot_save(nobody).await),
        "snapshot-load" => is_refused(provider.snapshot_load(empty()).await),
        "migrate-out" => is_refused(provider.migrate_out(nobody, Default::default()).await),
        "volumes" => is_refused(provider.volumes().await),
        "volume-delete" => is_refused(provider.volume_delete("mngr-nothing").await),
        "gpus" => is_refused(provider.gpus().await),
        "gc" => is_refused(
            provider
                .gc(GcRequest {
                    dry_run: true,
                    snapshots: false,
                })
                .await,
        ),
        "watch" => is_refused(provider.watch(0, 0).await),
        // The host alone calls `reconcile`, and `migrate-in` with what `migrate-out` gave.
        _ => None,
    }
}

rules! {
    "describe.name-is-a-word" of "backend.describe", [], "The backend has a name that configurations can spell: letters, digits, `-` and `_`", |fixture| {
        let name = &fixture.description.name;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        ensure!(!name.is_empty() && name.chars().all(is_word), "the name is `{name}`");
    }

    "describe.version-is-semver" of "backend.describe", [], "The plugin's version is a semantic version", |fixture| {
        let version = &fixture.description.version;
        let parsed = semver::Version::parse(version);
        ensure!(parsed.is_ok(), "`{version}` is no semantic version: {parsed:?}");
    }

    "describe.capabilities-are-functions" of "backend.describe", [], "Each capability is the name of a function of the contract, and is told once", |fixture| {
        let mut seen = BTreeSet::new();
        for capability in &fixture.description.capabilities {
            let function = capability.strip_prefix("instance.").unwrap_or_default();
            ensure!(FUNCTIONS.contains(&function), "the contract has no function `{capability}`");
            ensure!(seen.insert(function), "the capability `{capability}` is told twice");
        }
    }

    "describe.capabilities-are-all-that-works" of "backend.describe", [], "A function that is no capability answers `unsupported`, and one that is does not", |fixture| {
        for function in FUNCTIONS {
            let is_claimed = fixture.description.capabilities.iter().any(|known| known.strip_prefix("instance.") == Some(*function));
            let Some(is_unsupported) = is_unsupported(fixture, function).await else { continue };
            ensure!(is_claimed || is_unsupported, "`instance.{function}` is no capability, and does not answer `unsupported`");
            ensure!(!is_claimed || !is_unsupported, "`instance.{function}` is a capability, and answers `unsupported`");
        }
    }

    "describe.settings-are-whole" of "backend.setting", [], "Each setting has a key of its own, a word of help, and a default of its type or none", |fixture| {
        let mut seen = BTreeSet::new();
        for setting in &fixture.description.settings {
            ensure!(!setting.key.is_empty() && seen.insert(&setting.key), "the setting `{}` is told twice", setting.key);
            ensure!(!setting.help.is_empty(), "the setting `{}` has no help", setting.key);
            let Some(default) = &setting.default else { continue };
            let value: Value = serde_json::from_str(default)
                .map_err(|error| Stop::Failed(format!("the default of `{}` is no JSON: {error}", setting.key)))?;
            ensure!(fits(setting.kind, &value), "the default of `{}` is {default} and its type {:?}", setting.key, setting.kind);
        }
    }

    "describe.arguments-are-flags" of "backend.argument", [], "Each argument is a flag of its own, as it is written, with a word of help", |fixture| {
        for arguments in [&fixture.description.start_arguments, &fixture.description.build_arguments] {
            let (mut flags, mut letters) = (BTreeSet::new(), BTreeSet::new());
            for argument in arguments {
                let flag = &argument.flag;
                ensure!(flag.starts_with("--") && flag.len() > 2, "`{flag}` is no flag");
                ensure!(flags.insert(flag), "the flag `{flag}` is told twice");
                ensure!(argument.short.is_none_or(|letter| letters.insert(letter)), "the letter of `{flag}` is another's too");
                ensure!(!argument.help.is_empty(), "the flag `{flag}` has no help");
            }
        }
    }
}
