//! Output of a process without a terminal: both streams in one, cut into frames that each say which one they are of.

use std::io;

use bytes::{Buf, BytesMut};
use mngr_contract::streams::{Channel, Output};
use tokio_util::codec::Decoder;

/// Stream, three zeros, length.
const HEADER: usize = 8;

/// Takes frames apart. Part of a frame is handed on as soon as it is there.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// What is still to come of the frame in hand.
    open: Option<(Channel, usize)>,
}

impl Decoder for Frames {
    type Item = Output;
    type Error = io::Error;

    fn decode(&mut self, source: &mut BytesMut) -> io::Result<Option<Output>> {
        loop {
            let Some((channel, left)) = self.open.filter(|(_, left)| *left > 0) else {
                if source.len() < HEADER {
                    return Ok(None);
                }
                let channel = match source[0] {
                    0 | 1 => Channel::Stdout,
                    // 3 is the engine's own word about what went wrong.
                    2 | 3 => Channel::Stderr,
                    other => return Err(io::Error::other(format!("the engine sent a frame of the kind {other}"))),
                };
                let length = u32::from_be_bytes([source[4], source[5], source[6], source[7]]);
                source.advance(HEADER);
                self.open = Some((channel, length as usize));
                continue;
            };
            if source.is_empty() {
                return Ok(None);
            }
            let bytes = source.split_to(left.min(source.len())).freeze();
            self.open = Some((channel, left - bytes.len()));
            return Ok(Some(Output { channel, bytes }));
        }
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> io::Result<Option<Output>> {
        if let Some(output) = self.decode(source)? {
            return Ok(Some(output));
        }
        if !source.is_empty() || self.open.is_some_and(|(_, left)| left > 0) {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the engine closed the connection in the midst of the output",
            ));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).expect("short");
        let mut frame = vec![kind, 0, 0, 0];
        frame.extend(length.to_be_bytes());
        frame.extend(text.as_bytes());
        frame
    }

    /// What comes out where the bytes arrive in pieces of `size`.
    fn decoded(bytes: &[u8], size: usize) -> io::Result<(String, String)> {
        let (mut frames, mut source) = (Frames::default(), BytesMut::new());
        let (mut out, mut err) = (String::new(), String::new());
        let mut take = |output: Output| {
            let to = if output.channel == Channel::Stdout {
                &mut out
            } else {
                &mut err
            };
            to.push_str(std::str::from_utf8(&output.bytes).expect("UTF-8"));
        };
        for piece in bytes.chunks(size) {
            source.extend_from_slice(piece);
            while let Some(output) = frames.decode(&mut source)? {
                take(output);
            }
        }
        while let Some(output) = frames.decode_eof(&mut source)? {
            take(output);
        }
        Ok((out, err))
    }

    #[test]
    fn frames_come_apart_however_they_arrive() {
        let bytes = [frame(1, "out"), frame(2, "err"), frame(1, ""), frame(1, "more")].concat();
        for size in [1, 3, 8, 11, 1000] {
            let (out, err) = decoded(&bytes, size).expect("frames");
            assert_eq!((out.as_str(), err.as_str()), ("outmore", "err"));
        }
    }

    #[test]
    fn output_that_is_cut_short_is_an_error_and_not_an_end() {
        let bytes = frame(1, "output");
        for length in [3, 8, 12] {
            let error = decoded(&bytes[..length], 1000).expect_err("cut short");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn what_are_no_frames_is_an_error() {
        assert!(decoded(b"plain text", 1000).is_err());
    }
}
