//! What `plugin test` prints for people.

use std::io;

use mngr_conformance::{Outcome, Report, Rule, Verdict};
use serde::Serialize;

use crate::output::{Output, Shown, Table, cells, shown, style};

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
        let source = shown!("wit/{}, {}", rule.file(), rule.source);
        table.row(&cells![rule.id, rule.statement, source]);
    }
    output.table(table)
}

/// All outcomes, group by group.
pub fn table(report: &Report) -> Shown {
    let tested = &report.tested;
    let mut text = shown!(
        "{}, contract {}, sha256 {}, on {}\n",
        style::HEADER.on(shown!("{} {}", &tested.name, &tested.version)),
        &tested.contract,
        tested.sha256.get(..12).unwrap_or_default(),
        &report.engine,
    );
    for group in report
        .outcomes
        .chunk_by(|one, next| one.rule.group() == next.rule.group())
    {
        let Some(first) = group.first() else { continue };
        let name = style::HEADER.on(first.rule.group());
        text.push(shown!("\n{}  {}\n", name, counts(group.iter())));
        for outcome in group {
            text.push(line(outcome));
        }
    }
    let rules = style::HEADER.on(shown!("{} rules", report.outcomes.len()));
    text.push(shown!("\n{}: {}\n", rules, counts(report.outcomes.iter())));
    text
}

fn line(outcome: &Outcome) -> Shown {
    let rule = outcome.rule;
    match &outcome.verdict {
        Verdict::Passed => shown!("  {} {}\n", style::GOOD.on("✓"), rule.id),
        Verdict::Skipped { reason } => shown!("  {}\n", style::DIM.on(shown!("- {}: {}", rule.id, reason))),
        Verdict::Failed { reason } => shown!(
            "  {}\n      {}\n      {}\n      {}\n",
            style::ERROR.on(shown!("✗ {}", rule.id)),
            rule.statement,
            style::ERROR.on(reason),
            style::DIM.on(shown!("wit/{}, {}", rule.file(), rule.source))
        ),
    }
}

/// `3 passed, 1 failed, 2 skipped`, of these what there is.
fn counts<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Shown {
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
    let told = told.map(|(word, count, style)| style.on(shown!("{} {}", count, word)));
    Shown::join(told, ", ")
}
