//! What a snapshot does not hold, as people are told.

use mngr_host_shim::contract::instance::SnapshotFilter;
use mngr_host_shim::contract::types::{Finding, Severity};
use mngr_host_shim::provider::Provider;

use super::context::Context;
use super::json::{finding_kind, severity_name};
use super::output::{Output, Table, clean, style};

/// One row a finding; [`reasons`] go under it.
pub fn table(findings: &[Finding]) -> Table {
    let mut table = Table::with_header(&["SEVERITY", "KIND", "PATH", "SOURCE", "ACCESS"]);
    let or_dash = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), clean);
    for finding in findings {
        let style = match finding.severity {
            Severity::Block => style::ERROR,
            Severity::Warn => style::WARNING,
            Severity::Ignore => anstyle::Style::new(),
        };
        table.row(&[
            format!("{style}{}{style:#}", severity_name(finding.severity)),
            finding_kind(finding.kind).to_owned(),
            or_dash(finding.path.as_deref()),
            or_dash(finding.source.as_deref()),
            match finding.path {
                Some(_) if finding.read_only => "read-only".to_owned(),
                Some(_) => "writable".to_owned(),
                None => "-".to_owned(),
            },
        ]);
    }
    table
}

/// Why each is lost, and what to do instead.
pub fn reasons(findings: &[Finding]) -> Vec<String> {
    let help = style::HELP;
    let lines = |finding: &Finding| {
        let place = finding.path.as_deref().or(finding.source.as_deref()).unwrap_or("-");
        [
            String::new(),
            format!("{}: {}", clean(place), clean(&finding.reason)),
            format!("  {help}help:{help:#} {}", clean(&finding.remedy)),
        ]
    };
    findings.iter().flat_map(lines).collect()
}

/// A warning for each finding.
pub fn warn(output: &Output, findings: &[Finding]) {
    for finding in findings {
        let place = finding
            .path
            .as_ref()
            .or(finding.source.as_ref())
            .map(|place| format!("{place}: "));
        let text = format!("{}{}; {}", place.unwrap_or_default(), finding.reason, finding.remedy);
        output.warn(&clean(&text));
    }
}

/// Says which environment variables did not go along.
pub fn left_out(output: &Output, names: &[String]) {
    if !names.is_empty() {
        let names = names.join(", ");
        output.warn(&clean(&format!(
            "{names}: left out, as `secret_env` says; give them anew where they are needed, for example with `exec -e`"
        )));
    }
}

/// Repeats the findings of the snapshot that an agent was just made from. One that is gone has nothing to say, and a list
/// that fails is no failure of what was done.
pub async fn repeat(context: &Context, provider: &Provider, snapshot_id: Option<&str>) {
    let (Some(id), false) = (snapshot_id, context.output.json) else {
        return;
    };
    let listed = provider.snapshot_list(SnapshotFilter { agent: None }).await;
    let found = listed
        .ok()
        .and_then(|all| all.into_iter().find(|snapshot| snapshot.id == id));
    if let Some(snapshot) = found.filter(|snapshot| !snapshot.findings.is_empty()) {
        context
            .output
            .note(&format!("The snapshot {} does not hold everything:", clean(id)));
        warn(&context.output, &snapshot.findings);
    }
}

#[cfg(test)]
mod tests {
    use mngr_host_shim::contract::types::FindingKind;

    use super::*;

    #[test]
    fn the_table_says_what_where_why_and_what_to_do() {
        let finding = |kind, path: Option<&str>, severity| Finding {
            kind,
            path: path.map(str::to_owned),
            source: Some("/srv".to_owned()),
            read_only: false,
            size_bytes: None,
            severity,
            reason: "it is lost".to_owned(),
            remedy: "copy it".to_owned(),
        };
        let findings = [
            finding(FindingKind::BindMount, Some("/root"), Severity::Block),
            finding(FindingKind::Environment, None, Severity::Warn),
        ];
        let text = table(&findings).render().expect("text");
        let text = format!("{text}{}", reasons(&findings).join("\n"));
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r"
        SEVERITY   KIND          PATH    SOURCE   ACCESS
        block      bind_mount    /root   /srv     writable
        warn       environment   -       /srv     -

        /root: it is lost
          help: copy it

        /srv: it is lost
          help: copy it
        ");
    }
}
