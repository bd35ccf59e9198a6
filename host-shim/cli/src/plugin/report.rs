//! What `plugin test` prints for people.

use std::fmt::Write as _;
use std::io;

use mngr_conformance::{Outcome, Report, Rule, Verdict};
use serde::Serialize;

use crate::output::{Output, Table, clean, style};

#[derive(Serialize)]
struct RuleJson<'a> {
    id: &'a str,
    statement: &'a str,
    source: &'a str,
    needs: &'a [&'a str],
}

/// Every rule, and where the contract says so.
pub fn rules(output: &Output, rules: impl Iterator<Item = &'static Rule>) -> io::Result<()> {
    if output.json {
        let rules = rules.map(|rule| RuleJson {
            id: rule.id,
            statement: rule.statement,
            source: rule.source,
            needs: rule.needs,
        });
        return output.value(&rules.collect::<Vec<_>>());
    }
    let mut table = Table::with_header(&["RULE", "STATEMENT", "SOURCE"]);
    for rule in rules {
        table.row(&[
            rule.id,
            rule.statement,
            &format!("wit/{}, {}", rule.file(), rule.source),
        ]);
    }
    output.table(table)
}

/// All outcomes, group by group.
pub fn table(report: &Report) -> String {
    let (tested, header) = (&report.tested, style::HEADER);
    let mut text = format!(
        "{header}{} {}{header:#}, contract {}, sha256 {}, on {}\n",
        clean(&tested.name),
        clean(&tested.version),
        tested.contract,
        tested.sha256.get(..12).unwrap_or_default(),
        clean(&report.engine),
    );
    for group in report
        .outcomes
        .chunk_by(|one, next| one.rule.group() == next.rule.group())
    {
        let Some(first) = group.first() else { continue };
        let _ = writeln!(
            text,
            "\n{header}{}{header:#}  {}",
            first.rule.group(),
            counts(group.iter())
        );
        for outcome in group {
            line(&mut text, outcome);
        }
    }
    let _ = writeln!(
        text,
        "\n{header}{} rules{header:#}: {}",
        report.outcomes.len(),
        counts(report.outcomes.iter())
    );
    text
}

fn line(text: &mut String, outcome: &Outcome) {
    let rule = outcome.rule;
    let (good, bad, dim) = (style::GOOD, style::ERROR, style::DIM);
    let _ = match &outcome.verdict {
        Verdict::Passed => writeln!(text, "  {good}✓{good:#} {}", rule.id),
        Verdict::Skipped { reason } => writeln!(text, "  {dim}- {}: {}{dim:#}", rule.id, clean(reason)),
        Verdict::Failed { reason } => writeln!(
            text,
            "  {bad}✗ {}{bad:#}\n      {}\n      {bad}{}{bad:#}\n      {dim}wit/{}, {}{dim:#}",
            rule.id,
            rule.statement,
            clean(reason),
            rule.file(),
            rule.source
        ),
    };
}

/// `3 passed, 1 failed, 2 skipped`, of these what there is.
fn counts<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    let mut counted = [
        ("passed", 0, style::GOOD),
        ("failed", 0, style::ERROR),
        ("skipped", 0, style::DIM),
    ];
    for outcome in outcomes {
        let of_word = counted.iter_mut().filter(|(word, ..)| *word == outcome.verdict.word());
        of_word.for_each(|(_, count, _)| *count += 1);
    }
    let told = counted.iter().filter(|(_, count, _)| *count > 0);
    let told: Vec<_> = told
        .map(|(word, count, style)| format!("{style}{count} {word}{style:#}"))
        .collect();
    told.join(", ")
}
