//! The output of a command or a log on its way to stdout and stderr, or as JSON lines.

use std::io;

use mngr_host_shim::streams::{Channel, Output};
use serde_json::json;
use tokio::io::{AsyncWriteExt, Stderr, Stdout};

use super::output::raw;

/// A line that is longer than this is printed in pieces, so that one without an end does not fill the memory.
const LONGEST_LINE: usize = 64 << 10;

/// Where output goes.
pub enum Printer {
    /// As it came, each channel to its own stream.
    Raw { stdout: Stdout, stderr: Stderr },
    /// `{"channel": …, "text": …}` for each line; bytes that are no UTF-8 are replaced.
    Json { stdout: Stdout, lines: Lines },
}

impl Printer {
    /// For people, or for programs.
    pub fn new(json: bool) -> Self {
        let stdout = raw::stdout();
        match json {
            true => Self::Json {
                stdout,
                lines: Lines::default(),
            },
            false => Self::Raw {
                stdout,
                stderr: raw::stderr(),
            },
        }
    }

    /// Prints a piece.
    pub async fn print(&mut self, output: &Output) -> io::Result<()> {
        match (self, output.channel) {
            (Self::Raw { stdout, .. }, Channel::Stdout) => {
                stdout.write_all(&output.bytes).await?;
                stdout.flush().await
            }
            (Self::Raw { stderr, .. }, Channel::Stderr) => {
                stderr.write_all(&output.bytes).await?;
                stderr.flush().await
            }
            (Self::Json { stdout, lines }, _) => {
                let text = lines.push(output);
                stdout.write_all(text.as_bytes()).await?;
                stdout.flush().await
            }
        }
    }

    /// Prints what is left of lines that did not end, and then, for programs only, one more value.
    pub async fn finish(&mut self, last: Option<serde_json::Value>) -> io::Result<()> {
        if let Self::Json { stdout, lines } = self {
            let mut text = lines.rest();
            if let Some(last) = last {
                text.push_str(&format!("{last}\n"));
            }
            stdout.write_all(text.as_bytes()).await?;
            stdout.flush().await?;
        }
        Ok(())
    }
}

/// What came of lines that have not ended.
#[derive(Debug, Default)]
pub struct Lines {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Lines {
    /// Takes a piece, gives the JSON lines that it completes.
    fn push(&mut self, Output { channel, bytes }: &Output) -> String {
        let pending = match channel {
            Channel::Stdout => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
        };
        let mut text = String::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            pending.extend_from_slice(piece);
            if let Some(line) = pending.strip_suffix(b"\n") {
                text.push_str(&json_line(*channel, line));
            } else if pending.len() > LONGEST_LINE {
                text.push_str(&json_line(*channel, pending));
            } else {
                continue;
            }
            pending.clear();
        }
        text
    }

    fn rest(&mut self) -> String {
        let mut text = String::new();
        for (channel, pending) in [(Channel::Stdout, &mut self.stdout), (Channel::Stderr, &mut self.stderr)] {
            if !pending.is_empty() {
                text.push_str(&json_line(channel, &std::mem::take(pending)));
            }
        }
        text
    }
}

fn json_line(channel: Channel, line: &[u8]) -> String {
    let channel = match channel {
        Channel::Stdout => "stdout",
        Channel::Stderr => "stderr",
    };
    format!(
        "{}\n",
        json!({"channel": channel, "text": String::from_utf8_lossy(line)})
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn piece(channel: Channel, bytes: &'static [u8]) -> Output {
        Output {
            channel,
            bytes: Bytes::from_static(bytes),
        }
    }

    #[test]
    fn lines_are_put_together_whatever_pieces_they_come_in() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(&piece(Channel::Stdout, b"a\xc3")), "");
        assert_eq!(
            lines.push(&piece(Channel::Stderr, b"e\n")),
            "{\"channel\":\"stderr\",\"text\":\"e\"}\n"
        );
        assert_eq!(
            lines.push(&piece(Channel::Stdout, b"\xa4b\n\nc")),
            "{\"channel\":\"stdout\",\"text\":\"a\u{e4}b\"}\n{\"channel\":\"stdout\",\"text\":\"\"}\n"
        );
        assert_eq!(lines.rest(), "{\"channel\":\"stdout\",\"text\":\"c\"}\n");
        assert_eq!(lines.rest(), "");
    }

    #[test]
    fn a_line_without_an_end_is_printed_in_pieces() {
        let mut lines = Lines::default();
        let long = Output {
            channel: Channel::Stdout,
            bytes: Bytes::from(vec![b'x'; LONGEST_LINE + 1]),
        };
        assert!(lines.push(&long).starts_with("{\"channel\":\"stdout\",\"text\":\"xxx"));
        assert_eq!(lines.rest(), "");
    }
}
