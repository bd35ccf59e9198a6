//! From words to arguments: variables, substitutions, field splitting and file names.

use futures::future::BoxFuture;

use super::super::filesystem::Filesystem;
use super::super::locked;
use super::Shell;
use super::parse::{Part, Word};
use super::run::Jump;

/// A field being made: each character, and whether it was quoted.
type Field = Vec<(char, bool)>;

impl Shell {
    /// The arguments that words stand for.
    pub async fn expand(&mut self, words: &[Word]) -> Result<Vec<String>, Jump> {
        let mut arguments = Vec::new();
        for word in words {
            for field in self.fields(word).await? {
                let text: String = field.iter().map(|(c, _)| *c).collect();
                let is_pattern = field.iter().any(|(c, quoted)| !quoted && matches!(c, '*' | '?'));
                let names = if is_pattern {
                    file_names(&self.files, &self.cwd, &text)
                } else {
                    Vec::new()
                };
                if names.is_empty() {
                    arguments.push(text);
                } else {
                    arguments.extend(names);
                }
            }
        }
        Ok(arguments)
    }

    /// The one string that a word stands for where nothing is split.
    pub async fn text(&mut self, word: &Word) -> Result<String, Jump> {
        let mut text = String::new();
        for part in word {
            text.push_str(&self.part(part).await?);
        }
        Ok(text)
    }

    async fn fields(&mut self, word: &Word) -> Result<Vec<Field>, Jump> {
        let mut fields: Vec<Field> = Vec::new();
        // Whether the last field may still grow.
        let mut open = false;
        for part in word {
            if let Part::Variable { name, quoted: true, .. } = part
                && name == "@"
            {
                for (index, argument) in self.arguments.iter().skip(1).enumerate() {
                    let characters = argument.chars().map(|c| (c, true));
                    match fields.last_mut().filter(|_| open && index == 0) {
                        Some(field) => field.extend(characters),
                        None => fields.push(characters.collect()),
                    }
                    open = true;
                }
                continue;
            }
            let (quoted, split) = match part {
                Part::Text { quoted, .. } => (*quoted, false),
                Part::Variable { quoted, .. } | Part::Command { quoted, .. } => (*quoted, !*quoted),
            };
            if quoted && !open {
                fields.push(Field::new());
                open = true;
            }
            for c in self.part(part).await?.chars() {
                if split && c.is_whitespace() {
                    open = false;
                    continue;
                }
                if !open {
                    fields.push(Field::new());
                    open = true;
                }
                if let Some(field) = fields.last_mut() {
                    field.push((c, quoted));
                }
            }
        }
        Ok(fields)
    }

    fn part<'a>(&'a mut self, part: &'a Part) -> BoxFuture<'a, Result<String, Jump>> {
        Box::pin(async move {
            match part {
                Part::Text { text, .. } => Ok(text.clone()),
                Part::Variable { name, default, .. } => match (self.variable(name), default) {
                    (Some(value), None) => Ok(value),
                    (Some(value), Some(_)) if !value.is_empty() => Ok(value),
                    (_, Some(default)) => self.text(default).await,
                    (None, None) => Ok(String::new()),
                },
                Part::Command { script, .. } => {
                    let (mut shell, collected) = self.captured();
                    self.status = shell.subshell(script).await;
                    let collected = std::mem::take(&mut *locked(&collected));
                    let text = String::from_utf8_lossy(&collected).into_owned();
                    Ok(text.trim_end_matches('\n').to_owned())
                }
            }
        })
    }

    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "$" => Some(self.pid.to_string()),
            "!" => self.jobs.last().map(|job| job.pid.to_string()),
            "#" => Some((self.arguments.len().saturating_sub(1)).to_string()),
            "@" | "*" => Some(self.arguments.get(1..).unwrap_or_default().join(" ")),
            _ => match name.parse::<usize>() {
                Ok(index) => self.arguments.get(index).cloned(),
                Err(_) => self.get(name).map(str::to_owned),
            },
        }
    }
}

/// Names of files that fit a pattern, sorted.
fn file_names(files: &Filesystem, cwd: &str, pattern: &str) -> Vec<String> {
    let absolute = pattern.starts_with('/');
    let mut found = vec![String::new()];
    for component in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for before in found {
            let prefix = match (before.as_str(), absolute) {
                ("", true) => "/".to_owned(),
                ("", false) => String::new(),
                (before, _) => format!("{before}/"),
            };
            let directory = if prefix.is_empty() { "." } else { &prefix };
            for name in files.list(cwd, directory).unwrap_or_default() {
                let hidden = name.starts_with('.') && !component.starts_with('.');
                if !hidden && fits(component, &name) {
                    next.push(format!("{prefix}{name}"));
                }
            }
        }
        found = next;
    }
    found
}

/// Whether a name fits a pattern of `*` and `?`.
pub fn fits(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('*') => {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| fits(rest.as_str(), &name[at..]))
        }
        Some(wanted) => {
            let mut characters = name.chars();
            match characters.next() {
                Some(c) if wanted == '?' || wanted == c => fits(rest.as_str(), characters.as_str()),
                _ => false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_any_text_and_question_marks_for_one_character() {
        assert!(fits("*.txt", "a.txt"));
        assert!(fits("a?c*", "abc"));
        assert!(!fits("a?c", "ac"));
        assert!(!fits("*.txt", "a.text"));
    }
}
