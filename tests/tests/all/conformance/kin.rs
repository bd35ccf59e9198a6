//! What the fault of a rule breaks of its group as well, where several rules are about one behaviour from several sides.

/// Each such rule, and the others that its fault breaks, in the rules' order.
pub const KIN: &[(&str, &[&str])] = &[
    (
        "check-config.unknown-key-is-an-error",
        &[
            "check-config.unknown-key-names-the-nearest",
            "check-config.all-errors-are-told",
        ],
    ),
    (
        "check-config.wrong-type-is-an-error",
        &["check-config.element-is-named"],
    ),
    ("create.ids-are-unique", &["create.from-a-snapshot-is-another-agent"]),
    (
        "create.long-value-is-shortened",
        &["create.unknown-start-argument-is-invalid-argument"],
    ),
    ("create.all-or-nothing", &["create.name-is-free-after-an-error"]),
    ("create.name-is-free-after-an-error", &["create.all-or-nothing"]),
    ("discover.nothing-is-an-empty-list", &["discover.all-tags-must-match"]),
    ("get.by-unique-prefix", &["get.ambiguous-lists-the-candidates"]),
    ("errors.not-found-everywhere", &["errors.name-their-subject"]),
    ("start.of-stopped-starts", &["start.restores-the-same-agent"]),
    (
        "start.restores-the-same-agent",
        &["start.restores-the-files", "start.brings-back-a-destroyed-agent"],
    ),
    (
        "stop.takes-the-snapshot-first",
        &["stop.without-its-snapshot-stops-nothing"],
    ),
    ("resume.thaws", &["resume.of-running-succeeds"]),
    (
        "rename.is-seen-everywhere",
        &["rename.id-stays", "rename.taken-is-already-exists"],
    ),
    (
        "exec.streams-are-apart",
        &[
            "exec.environment-is-as-asked",
            "exec.directory-is-as-asked",
            "exec.arguments-are-no-shell-words",
        ],
    ),
    (
        "exec.arguments-are-no-shell-words",
        &["exec.nothing-to-run-is-invalid-argument"],
    ),
    (
        "copy-in.goes-into-a-directory",
        &[
            "copy-in.gets-the-name-of-a-new-path",
            "copy-in.contents-only-leaves-out-the-top",
        ],
    ),
    ("logs.have-both-outputs", &["logs.only-the-outputs-asked-for"]),
    ("resources.are-the-engines", &["resources.read-back-what-was-asked"]),
    ("update-limits.changes-the-engines", &["update-limits.of-stopped"]),
    (
        "update-limits.others-stay",
        &["update-limits.nothing-given-changes-nothing"],
    ),
    (
        "snapshot-check.finds-memory",
        &["snapshot-check.finds-volumes-with-their-source"],
    ),
    (
        "snapshot-check.finds-volumes-with-their-source",
        &["snapshot-check.tells-environment-by-name"],
    ),
    (
        "snapshot-create.the-agent-runs-on",
        &["snapshot-create.pause-is-the-callers"],
    ),
    ("snapshot-diff.is-from-older-to-newer", &["snapshot-diff.takes-agents"]),
    (
        "snapshot-diff.takes-agents",
        &["snapshot-diff.either-kind-is-ambiguous"],
    ),
    (
        "snapshot-pull.is-this-providers-then",
        &["snapshot-pull.again-succeeds"],
    ),
    ("gpus.missing-are-refused", &["gpus.are-told-with-their-holders"]),
    ("gc.keeps-snapshots-unless-asked", &["gc.tells-what-is-kept"]),
    ("gc.removes-snapshots-where-asked", &["gc.dry-run-changes-nothing"]),
    ("reconcile.rolls-back-a-create", &["reconcile.settles-once"]),
    ("reconcile.settles-once", &["reconcile.spares-the-others"]),
    (
        "watch.words-are-the-contracts",
        &["watch.no-event-is-lost", "watch.names-the-agent"],
    ),
    ("watch.names-the-agent", &["watch.providers-do-not-hear-each-other"]),
    ("watch.providers-do-not-hear-each-other", &["watch.names-the-agent"]),
];
