//! The entries of an archive, none of whose heads is longer than [`ARCHIVE_HEAD`]. The tar crate reads names, links and extended
//! attributes into memory, however long the archive says they are.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use mngr_contract::limits::{ARCHIVE_HEAD, Exceeded};
use tar::{Archive, Entry};

/// An archive that is read, of which at times only so much may be.
pub struct Bounded<R> {
    source: R,
    /// None while the content of an entry is read, which nobody holds.
    left: Rc<Cell<Option<u64>>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(to)?;
        if let Some(left) = self.left.get() {
            let left = left.checked_sub(length as u64).ok_or(Exceeded(ARCHIVE_HEAD))?;
            self.left.set(Some(left));
        }
        Ok(length)
    }
}

/// Visits each entry of an archive, but what is about the archive and not a file in it, and gives back what the archive was read
/// from.
///
/// # Errors
/// Those of `visit`, and where the archive can not be read or the head of an entry is too long.
pub fn each<R: Read>(source: R, mut visit: impl FnMut(&mut Entry<'_, Bounded<R>>) -> io::Result<()>) -> io::Result<R> {
    let left = Rc::new(Cell::new(None));
    let mut archive = Archive::new(Bounded {
        source,
        left: left.clone(),
    });
    let mut entries = archive.entries()?;
    // What is skipped on the way to the next head.
    let mut skipped = 0;
    loop {
        left.set(Some(ARCHIVE_HEAD.most.saturating_add(skipped)));
        let Some(entry) = entries.next() else { break };
        let mut entry = entry?;
        left.set(None);
        let kind = entry.header().entry_type();
        // The tar crate reads the content of such a one into memory.
        if !(kind.is_pax_global_extensions() || kind.is_pax_local_extensions()) {
            visit(&mut entry)?;
        }
        skipped = match kind.is_gnu_sparse() {
            // Its holes would be read too.
            true => entry.header().entry_size()?,
            false => {
                io::copy(&mut entry, &mut io::sink())?;
                0
            }
        };
    }
    Ok(archive.into_inner().source)
}

#[cfg(test)]
mod tests {
    use tar::{Builder, EntryType, Header};

    use super::*;

    /// The beginning of an entry of this kind that claims to be so long.
    fn claim(kind: EntryType, size: u64) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        header.as_bytes().to_vec()
    }

    #[test]
    fn a_name_link_or_attribute_without_end_is_an_error_that_names_the_limit() {
        for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
            let endless = io::Cursor::new(claim(kind, 8 << 30)).chain(io::repeat(b'x'));
            let error = each(endless, |_| Ok(())).expect_err("no such name");
            assert_eq!(Exceeded::of(&error), Some(Exceeded(ARCHIVE_HEAD)), "{kind:?}: {error}");
        }
    }

    #[test]
    fn what_is_said_of_the_whole_archive_is_passed_over_however_long_it_is() {
        let length = 3 * ARCHIVE_HEAD.most;
        let archive = io::Cursor::new(claim(EntryType::XGlobalHeader, length)).chain(io::repeat(0).take(length + 1024));
        each(archive, |_| panic!("no entry")).map(drop).expect("passed over");
    }

    #[test]
    fn contents_may_be_as_long_as_they_are_whether_they_are_read_or_not() {
        let mut tar = Builder::new(Vec::new());
        let content = vec![7; 3 << 20];
        for name in ["a".to_owned(), "b".repeat(5000), "c".to_owned()] {
            let mut header = Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, &content[..]).expect("appended");
        }
        let archive = tar.into_inner().expect("an archive");
        let mut names = Vec::new();
        let rest = each(&archive[..], |entry| {
            names.push(entry.path_bytes().len());
            match names.len() {
                1 => io::copy(entry, &mut io::sink()).map(drop),
                _ => Ok(()),
            }
        });
        assert!(rest.expect("read").len() < 2048);
        assert_eq!(names, [1, 5000, 1]);
    }
}
