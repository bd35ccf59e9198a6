//! What a snapshot does not hold, as people are told.

use mngr_host_shim::contract::instance::SnapshotFilter;
use mngr_host_shim::contract::types::{Finding, Severity};
use mngr_host_shim::json::{finding_kind, severity_name};
use mngr_host_shim::provider::Provider;

use super::context::Context;
use super::output::{Output, Shown, Table, cells, shown, style};
use super::progress::Spinner;
use super::units::size;

/// How fast an archive goes into an image: a volume of 315 MB took 4.7 s on a local disk with two cores.
const BYTES_PER_SECOND: u64 = 60_000_000;

/// One row a finding; [`reasons`] go under it.
pub fn table(findings: &[Finding]) -> Table {
    let mut table = Table::with_header(&["SEVERITY", "KIND", "PATH", "SOURCE", "ACCESS", "SIZE"]);
    for finding in findings {
        let style = match finding.severity {
            Severity::Block => style::ERROR,
            Severity::Warn => style::WARNING,
            Severity::Ignore => style::PLAIN,
        };
        table.row(&cells![
            match finding.covered {
                true => shown!("covered"),
                false => style.on(severity_name(finding.severity)),
            },
            finding_kind(finding.kind),
            Shown::or_dash(finding.path.as_ref()),
            Shown::or_dash(finding.source.as_ref()),
            match finding.path {
                Some(_) if finding.read_only => "read-only",
                Some(_) => "writable",
                None => "-",
            },
            Shown::or_dash(finding.size_bytes.map(size)),
        ]);
    }
    table
}

/// Says on stderr what will be taken along, how much it is, and how long it may take. Where it can not be asked, the snapshot
/// itself will say why. Nothing to programs.
pub async fn announce(context: &Context, spinner: &Spinner, provider: &Provider, agent: &str) {
    if context.output.json {
        return;
    }
    let Ok(found) = provider.snapshot_check(agent, true).await else {
        return;
    };
    let lines = costs(agent, &found);
    spinner.suspend(|| lines.iter().for_each(|line| context.output.note(line)));
}

/// A line for each volume that is taken along, and their sum.
fn costs(agent: &str, findings: &[Finding]) -> Vec<Shown> {
    let covered: Vec<_> = findings.iter().filter(|finding| finding.covered).collect();
    let line = |finding: &&Finding| {
        let path = finding.path.as_deref().unwrap_or("-");
        let source = finding.source.as_ref().map(|source| shown!(" (volume {})", source));
        let bytes = finding.size_bytes.map_or_else(|| "size unknown".to_owned(), size);
        shown!(
            "taking along {} of {}{}: {}",
            path,
            agent,
            source.unwrap_or_default(),
            bytes
        )
    };
    let mut lines: Vec<_> = covered.iter().map(line).collect();
    let total: u64 = covered.iter().filter_map(|finding| finding.size_bytes).sum();
    let at_least = match covered.iter().any(|finding| finding.size_bytes.is_none()) {
        true => " at least",
        false => "",
    };
    lines.push(match covered.len() {
        0 => shown!("{} has no volume of its own to take along.", agent),
        _ => shown!(
            "{} in all{}, about {}",
            size(total),
            at_least,
            seconds(total.div_ceil(BYTES_PER_SECOND))
        ),
    });
    lines
}

fn seconds(seconds: u64) -> String {
    match seconds {
        0..=1 => "1 second".to_owned(),
        2..=119 => format!("{seconds} seconds"),
        longer => format!("{} minutes", longer.div_ceil(60)),
    }
}

/// Why each that is lost is, and what to do instead.
pub fn reasons(findings: &[Finding]) -> Vec<Shown> {
    let lines = |finding: &Finding| {
        let place = finding.path.as_deref().or(finding.source.as_deref()).unwrap_or("-");
        [
            Shown::default(),
            shown!("{}: {}", place, &finding.reason),
            shown!("  {} {}", style::HELP.on("help:"), &finding.remedy),
        ]
    };
    let lost = findings.iter().filter(|finding| !finding.covered);
    lost.flat_map(lines).collect()
}

/// A warning for each finding.
pub fn warn(output: &Output, findings: &[Finding]) {
    for finding in findings {
        let place = finding
            .path
            .as_ref()
            .or(finding.source.as_ref())
            .map(|place| shown!("{}: ", place));
        output.warn(shown!(
            "{}{}; {}",
            place.unwrap_or_default(),
            &finding.reason,
            &finding.remedy
        ));
    }
}

/// Says which environment variables did not go along.
pub fn left_out(output: &Output, names: &[String]) {
    if !names.is_empty() {
        output.warn(shown!(
            "{}: left out, as `secret_env` says; give them anew where they are needed, for example with `exec -e`",
            Shown::join(names, ", ")
        ));
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
            .note(shown!("The snapshot {} does not hold everything:", id));
        warn(&context.output, &snapshot.findings);
    }
}

#[cfg(test)]
mod tests {
    use mngr_host_shim::contract::types::FindingKind;

    use super::*;

    #[test]
    fn what_is_taken_along_is_told_with_its_size_and_the_time_it_may_take() {
        let volume = |path: &str, size_bytes, covered| Finding {
            kind: FindingKind::NamedVolume,
            path: Some(path.to_owned()),
            source: Some("v".to_owned()),
            read_only: false,
            size_bytes,
            covered,
            severity: Severity::Ignore,
            reason: String::new(),
            remedy: String::new(),
        };
        let found = [
            volume("/a", Some(6_000_000_000), true),
            volume("/b", None, true),
            volume("/c", Some(1), false),
        ];
        insta::assert_snapshot!(Shown::join(costs("alice", &found), "\n").plain(), @r"
        taking along /a of alice (volume v): 6GB
        taking along /b of alice (volume v): size unknown
        6GB in all at least, about 100 seconds
        ");
        assert_eq!(
            costs("alice", &found[2..]),
            [Shown::from("alice has no volume of its own to take along.")]
        );
    }

    #[test]
    fn the_table_says_what_where_why_and_what_to_do() {
        let finding = |kind, path: Option<&str>, severity| Finding {
            kind,
            path: path.map(str::to_owned),
            source: Some("/srv".to_owned()),
            read_only: false,
            size_bytes: path.map(|_| 1000),
            covered: false,
            severity,
            reason: "it is lost".to_owned(),
            remedy: "copy it".to_owned(),
        };
        let findings = [
            finding(FindingKind::BindMount, Some("/root"), Severity::Block),
            finding(FindingKind::Environment, None, Severity::Warn),
        ];
        let text = table(&findings).render().expect("text");
        let text = shown!("{}{}", text, Shown::join(reasons(&findings), "\n"));
        insta::assert_snapshot!(text.plain(), @r"
        SEVERITY   KIND          PATH    SOURCE   ACCESS     SIZE
        block      bind_mount    /root   /srv     writable   1kB
        warn       environment   -       /srv     -          -

        /root: it is lost
          help: copy it

        /srv: it is lost
          help: copy it
        ");
    }
}
