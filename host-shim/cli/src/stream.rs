//! The output of a command or a log on its way to stdout and stderr, or as JSON lines.

use std::borrow::Cow;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mngr_host_shim::streams::{Channel, Output};
use serde_json::json;
use tokio::io::{AsyncWriteExt, Stderr, Stdout};

use super::output::raw;

/// A line of more bytes than this is printed in pieces, so that one without an end does not fill the memory.
const LONGEST_LINE: usize = 64 << 10;

/// Where output goes.
pub enum Printer {
    /// As it came, each channel to its own stream.
    Raw { stdout: Stdout, stderr: Stderr },
    /// `{"channel": …, "text": …}` for each line. With `"partial": true` the next of its channel goes on with the same line. Where the
    /// bytes are no UTF-8, `base64` has them, and the text has replacements.
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
            let (line, ended) = match piece.strip_suffix(b"\n") {
                Some(line) => (line, true),
                None => (piece, false),
            };
            pending.extend_from_slice(line);
            while pending.len() > LONGEST_LINE {
                let end = whole_characters(&pending[..LONGEST_LINE]);
                text.push_str(&json_line(*channel, &pending[..end], true));
                pending.drain(..end);
            }
            if ended {
                text.push_str(&json_line(*channel, pending, false));
                pending.clear();
            }
        }
        text
    }

    fn rest(&mut self) -> String {
        let mut text = String::new();
        for (channel, pending) in [(Channel::Stdout, &mut self.stdout), (Channel::Stderr, &mut self.stderr)] {
            if !pending.is_empty() {
                text.push_str(&json_line(channel, &std::mem::take(pending), false));
            }
        }
        text
    }
}

/// How many of the bytes end where a character does. What is no UTF-8 has no characters to keep whole.
fn whole_characters(bytes: &[u8]) -> usize {
    let end = bytes.len();
    let start = bytes.iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000);
    match start.map(|start| (start, std::str::from_utf8(&bytes[start..]))) {
        // It could go on in what comes next.
        Some((start, Err(error))) if error.error_len().is_none() && start > 0 => start,
        _ => end,
    }
}

fn json_line(channel: Channel, line: &[u8], partial: bool) -> String {
    let channel = match channel {
        Channel::Stdout => "stdout",
        Channel::Stderr => "stderr",
    };
    let text = String::from_utf8_lossy(line);
    let mut object = json!({"channel": channel, "text": text});
    if matches!(text, Cow::Owned(_)) {
        object["base64"] = STANDARD.encode(line).into();
    }
    if partial {
        object["partial"] = true.into();
    }
    format!("{object}\n")
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

    /// What is printed of bytes that come in pieces of that size.
    fn printed(bytes: &[u8], size: usize) -> Vec<serde_json::Value> {
        let mut lines = Lines::default();
        let mut text = String::new();
        for bytes in bytes.chunks(size) {
            text.push_str(&lines.push(&Output {
                channel: Channel::Stdout,
                bytes: Bytes::copy_from_slice(bytes),
            }));
        }
        text.push_str(&lines.rest());
        let values = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        values.collect()
    }

    #[test]
    fn a_long_line_is_printed_in_pieces_that_say_so_and_cut_no_character() {
        // Three bytes each, so that no piece could end after 64 KiB.
        let line = "\u{20ac}".repeat(50_000);
        let bytes = format!("{line}\nnext\n").into_bytes();
        for size in [1000, LONGEST_LINE, LONGEST_LINE + 1, bytes.len()] {
            let values = printed(&bytes, size);
            let (next, pieces) = values.split_last().expect("lines");
            assert_eq!(*next, json!({"channel": "stdout", "text": "next"}));
            let partial: Vec<_> = pieces
                .iter()
                .map(|piece| piece.get("partial") == Some(&true.into()))
                .collect();
            assert_eq!(partial, [true, true, false], "in pieces of {size}");
            assert!(pieces.iter().all(|piece| piece.get("base64").is_none()));
            let text: String = pieces.iter().filter_map(|piece| piece["text"].as_str()).collect();
            assert_eq!(text, line);
        }
        let whole = "x".repeat(LONGEST_LINE);
        assert_eq!(
            printed(whole.as_bytes(), 7),
            [json!({"channel": "stdout", "text": whole})]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_all_there() {
        let values = printed(b"a\xffb\nplain\n", 64);
        assert_eq!(
            values,
            [
                json!({"channel": "stdout", "text": "a\u{fffd}b", "base64": "Yf9i"}),
                json!({"channel": "stdout", "text": "plain"}),
            ]
        );
        for byte in [b"\x80", b"\xc3", b"\xff"] {
            let bytes = byte.repeat(LONGEST_LINE + 10);
            let decoded: Vec<u8> = printed(&bytes, 999)
                .iter()
                .flat_map(|value| {
                    STANDARD
                        .decode(value["base64"].as_str().expect("bytes"))
                        .expect("base64")
                })
                .collect();
            assert_eq!(decoded, bytes);
        }
    }
}
