use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

use rustix::fs::{CWD, FileType, Mode};
use tar::{Builder, EntryType, Header};

use super::*;
use crate::docker::tarball::CONTENTS_ONLY;

const TIME: u64 = 1_600_000_000;

/// An entry to be: kind, path, link's target or content, mode.
type Row<'a> = (EntryType, &'a str, &'a str, u32);

/// Byte for byte: the builder would refuse or tidy some names.
fn archive(rows: &[Row<'_>]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (kind, path, text, mode) in rows {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_mtime(TIME);
        let is_link = kind.is_hard_link() || kind.is_symlink();
        let content = if is_link { "" } else { text };
        header.set_size(content.len() as u64);
        if is_link {
            header.set_link_name_literal(text).expect("a target");
        }
        header.as_gnu_mut().expect("a GNU header").name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, content.as_bytes()).expect("appended");
    }
    tar.into_inner().expect("an archive")
}

fn unpacked(rows: &[Row<'_>], to: &Path, name: &str) -> io::Result<()> {
    unpack(&archive(rows)[..], to, OsStr::new(name))
}

const TREE: &[Row<'static>] = &[
    (EntryType::Directory, "top/", "", 0o2755),
    (EntryType::Directory, "top/sealed/", "", 0o555),
    (EntryType::Regular, "top/sealed/file", "hi", 0o640),
    (EntryType::Regular, "top/tool", "run", 0o4755),
    (EntryType::Link, "top/again", "top/tool", 0o4755),
    (EntryType::Symlink, "top/link", "tool", 0o777),
    (EntryType::Fifo, "top/pipe", "", 0o622),
];

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn modes_times_pipes_and_links_are_kept_and_a_second_time_changes_nothing() {
    let temp = temp();
    for time in ["first", "second"] {
        unpacked(TREE, temp.path(), "new").expect(time);
        let at = |name: &str| temp.path().join("new").join(name);
        let look = |name: &str| fs::symlink_metadata(at(name)).expect(name);
        for (name, mode) in [
            ("", 0o2755),
            ("sealed", 0o555),
            ("sealed/file", 0o640),
            ("tool", 0o4755),
            ("pipe", 0o622),
        ] {
            let there = look(name);
            assert_eq!(there.permissions().mode() & 0o7777, mode, "{name} the {time} time");
            assert_eq!(
                there.mtime(),
                i64::try_from(TIME).expect("a time"),
                "{name} the {time} time"
            );
        }
        assert_eq!(look("tool").ino(), look("again").ino());
        assert_eq!(fs::read_link(at("link")).expect("a link"), Path::new("tool"));
        assert_eq!(look("link").mtime(), i64::try_from(TIME).expect("a time"));
        assert!(look("pipe").file_type().is_fifo());
        let names = fs::read_dir(at("")).expect("a directory").count();
        assert_eq!(names, 5, "nothing unfinished is left");
    }
}

#[test]
fn a_file_takes_the_place_of_a_file_or_a_link_and_what_they_were_elsewhere_stays() {
    let temp = temp();
    let at = |name: &str| temp.path().join(name);
    fs::write(at("kept"), "kept").expect("written");
    fs::hard_link(at("kept"), at("file")).expect("linked");
    symlink("kept", at("link")).expect("linked");
    for name in ["file", "link"] {
        unpacked(&[(EntryType::Regular, "f", "new", 0o600)], temp.path(), name).expect(name);
        assert_eq!(fs::read_to_string(at(name)).expect(name), "new");
        assert!(!at(name).is_symlink());
    }
    assert_eq!(fs::read_to_string(at("kept")).expect("a file"), "kept");
}

#[test]
fn what_is_of_another_kind_is_in_the_way_and_left_alone() {
    for (there, incoming) in [
        ("directory", EntryType::Regular),
        ("directory", EntryType::Symlink),
        ("directory", EntryType::Fifo),
        ("file", EntryType::Directory),
        ("link", EntryType::Directory),
        ("pipe", EntryType::Regular),
        ("pipe", EntryType::Symlink),
        ("pipe", EntryType::Directory),
        ("socket", EntryType::Regular),
    ] {
        let temp = temp();
        let at = |name: &str| temp.path().join(name);
        fs::create_dir(at("elsewhere")).expect("made");
        fs::create_dir(at("directory")).expect("made");
        fs::write(at("directory/inside"), "").expect("written");
        fs::write(at("file"), "before").expect("written");
        symlink("elsewhere", at("link")).expect("linked");
        rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
        let before = fs::symlink_metadata(at(there)).expect("there");
        let error = unpacked(&[(incoming, "x", "x", 0o644)], temp.path(), there).expect_err(there);
        assert_eq!(
            error.kind(),
            ErrorKind::AlreadyExists,
            "{incoming:?} onto a {there}: {error}"
        );
        assert!(error.to_string().contains(&at(there).display().to_string()), "{error}");
        let after = fs::symlink_metadata(at(there)).expect("still there");
        assert_eq!((before.ino(), before.mode()), (after.ino(), after.mode()), "{there}");
        assert!(at("directory/inside").exists());
    }
}

#[test]
fn an_archive_cannot_lead_out_of_its_directory() {
    for rows in [
        &[
            (EntryType::Symlink, "top/out", "../../outside", 0o777),
            (EntryType::Regular, "top/out/x", "hi", 0o644),
        ],
        &[
            (EntryType::Regular, "top/a", "hi", 0o644),
            (EntryType::Regular, "top/../../outside/x", "hi", 0o644),
        ],
        &[
            (EntryType::Symlink, "top/out", "../../outside", 0o777),
            (EntryType::Link, "top/x", "top/out/secret", 0o644),
        ],
        &[
            (EntryType::Regular, "top/a", "hi", 0o644),
            (EntryType::Link, "top/x", "../outside/secret", 0o644),
        ],
    ] {
        let temp = temp();
        let (inside, outside) = (temp.path().join("inside"), temp.path().join("outside"));
        fs::create_dir(&inside).expect("made");
        fs::create_dir(&outside).expect("made");
        fs::write(outside.join("secret"), "").expect("written");
        unpacked(rows, &inside, "top").expect_err("it leads out");
        assert!(!outside.join("x").exists() && !inside.join("top/x").exists());
    }
}

#[test]
fn a_directory_that_becomes_a_link_meanwhile_leads_nowhere() {
    let temp = temp();
    let (inside, outside) = (temp.path().join("inside"), temp.path().join("outside"));
    fs::create_dir_all(inside.join("top/d")).expect("made");
    fs::create_dir(&outside).expect("made");
    let rows = archive(&[
        (EntryType::Directory, "top/d/", "", 0o755),
        (EntryType::Regular, "top/a", "hi", 0o644),
        (EntryType::Regular, "top/d/x", "hi", 0o644),
    ]);
    // Another process changes the directory between two entries.
    let (first, rest) = rows.split_at(1024);
    let mut swapped = false;
    let swap = io::Read::chain(
        first,
        Hooked(|| {
            if !std::mem::replace(&mut swapped, true) {
                fs::remove_dir(inside.join("top/d")).expect("removed");
                symlink(&outside, inside.join("top/d")).expect("linked");
            }
        }),
    )
    .chain(rest);
    unpack(swap, &inside, OsStr::new("top")).expect_err("a link is in the way");
    assert!(!outside.join("x").exists());
}

/// An empty source that does something when it is read.
struct Hooked<F>(F);

impl<F: FnMut()> Read for Hooked<F> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        (self.0)();
        Ok(0)
    }
}

#[test]
fn devices_are_left_out_and_what_comes_after_them_is_not() {
    let temp = temp();
    let rows = [
        (EntryType::Directory, "top/", "", 0o755),
        (EntryType::Char, "top/device", "", 0o644),
        (EntryType::Regular, "top/file", "hi", 0o644),
    ];
    unpacked(&rows, temp.path(), CONTENTS_ONLY).expect("unpacked");
    assert!(!temp.path().join("device").exists());
    assert_eq!(fs::read_to_string(temp.path().join("file")).expect("a file"), "hi");
}

#[test]
fn an_archive_that_is_cut_short_is_an_error_and_leaves_what_was_there() {
    let temp = temp();
    fs::write(temp.path().join("f"), "before").expect("written");
    let tar = archive(&[(EntryType::Regular, "f", "new", 0o644)]);
    unpack(&tar[..513], temp.path(), OsStr::new("f")).expect_err("it is cut short");
    assert_eq!(fs::read_to_string(temp.path().join("f")).expect("a file"), "before");
    assert_eq!(fs::read_dir(temp.path()).expect("a directory").count(), 1);
}

#[test]
fn what_is_no_directory_does_not_get_a_directorys_name() {
    let temp = temp();
    let error = unpacked(&[(EntryType::Regular, "f", "hi", 0o644)], temp.path(), "new/").expect_err("no directory");
    assert_eq!(error.kind(), ErrorKind::NotADirectory, "{error}");
    unpacked(&[(EntryType::Directory, "d", "", 0o755)], temp.path(), "new/").expect("a directory");
    assert!(temp.path().join("new").is_dir());
}
