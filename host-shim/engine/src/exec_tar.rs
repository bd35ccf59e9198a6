//! Tar archives through a command in a container: what only the container itself can see, a tmpfs for one, goes that way.

use std::ffi::OsStr;
use std::io;

use futures::StreamExt;
use mngr_contract::error::invalid;
use mngr_contract::streams::{Archive, Channel, ExecControl, ExecSession};
use mngr_contract::{ProviderError, Result};
use tokio::io::AsyncWriteExt;

use super::docker::tarball;

/// Bytes of a command's stderr that an error repeats.
const WORDS: usize = 400;

/// What a command prints, as an archive. Its stream fails at its end where the command's status is not 0.
pub fn archive(session: ExecSession) -> Archive {
    let bytes = futures::stream::unfold(Some((session, Vec::new())), |state| async {
        let (mut session, mut words) = state?;
        loop {
            match session.output.next().await {
                Some(Ok(piece)) if piece.channel == Channel::Stdout => {
                    return Some((Ok(piece.bytes), Some((session, words))));
                }
                Some(Ok(piece)) => keep(&mut words, &piece.bytes),
                Some(Err(error)) => return Some((Err(io::Error::other(error.message())), None)),
                None => {
                    let failure = ended(&*session.control, &words).await.err()?;
                    return Some((Err(failure), None));
                }
            }
        }
    });
    Archive::Tar(bytes.boxed())
}

/// Gives a command an archive on its stdin, its topmost entry called `root_name`, and waits until it has ended.
///
/// # Errors
/// `invalid-argument` where its status is not 0, and where the archive can not be read to its end.
pub async fn unpack(mut session: ExecSession, archive: Archive, root_name: &str) -> Result<()> {
    let mut bytes = tarball::bytes(archive, Some(OsStr::new(root_name)))?;
    let stdin = session.stdin.take();
    let feed = async {
        let Some(mut stdin) = stdin else { return Ok(()) };
        while let Some(piece) = bytes.next().await {
            let piece = piece.map_err(|error| tarball::unreadable(&error))?;
            // A command that ends before its input does says why with its status.
            if stdin.write_all(&piece).await.is_err() {
                return Ok(());
            }
        }
        let _ = stdin.shutdown().await;
        Ok::<(), ProviderError>(())
    };
    let listen = async {
        let mut words = Vec::new();
        while let Some(piece) = session.output.next().await {
            keep(&mut words, &piece?.bytes);
        }
        Ok::<_, ProviderError>(words)
    };
    let (fed, words) = tokio::join!(feed, listen);
    fed?;
    ended(&*session.control, &words?).await.map_err(|error| {
        invalid(
            "archive",
            "",
            error.to_string(),
            "see what the command needs: run it yourself in the container",
        )
    })
}

fn keep(words: &mut Vec<u8>, more: &[u8]) {
    let room = WORDS.saturating_sub(words.len()).min(more.len());
    words.extend_from_slice(&more[..room]);
}

/// An error where the command did not end well, with its own words.
async fn ended(control: &dyn ExecControl, words: &[u8]) -> io::Result<()> {
    match control
        .wait()
        .await
        .map_err(|error| io::Error::other(error.message()))?
    {
        0 => Ok(()),
        status @ (126 | 127) => Err(io::Error::other(format!(
            "the command is not there, or can not be run (status {status})"
        ))),
        status => {
            let words = String::from_utf8_lossy(words);
            let said = match words.trim() {
                "" => String::new(),
                words => format!(": {words}"),
            };
            Err(io::Error::other(format!(
                "the command ended with status {status}{said}"
            )))
        }
    }
}
