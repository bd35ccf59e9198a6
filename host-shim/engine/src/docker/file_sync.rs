//! The files of a build's context, one after the other, as BuildKit asks for them: the protocol of
//! <https://github.com/tonistiigi/fsutil>. We tell what there is, in the order of the paths; the other side asks by number for the
//! content of what it does not have yet.

use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSync;
use futures::Stream;
use rustix::fs::{major, minor};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use super::tarball::Opened;
use crate::build::Files;

/// Which of the directories is asked for, and which paths in it.
const DIRECTORY: &str = "dir-name";
const PATHS: &str = "followpaths";
/// The two that there are.
const CONTEXT: &str = "context";
const DOCKERFILE: &str = "dockerfile";
/// How the names of files with rules end. BuildKit asks for them first, and by themselves.
const RULES: &str = ".dockerignore";
/// Packets that wait to be sent.
const WAITING: usize = 32;
/// Bytes of content in one packet.
const PIECE: usize = 32 << 10;

/// Kinds and bits of a mode, as the `os.FileMode` of Go has them.
const MODE_DIRECTORY: u32 = 1 << 31;
const MODE_LINK: u32 = 1 << 27;
const MODE_DEVICE: u32 = 1 << 26;
const MODE_PIPE: u32 = 1 << 25;
const MODE_SET_USER: u32 = 1 << 23;
const MODE_SET_GROUP: u32 = 1 << 22;
const MODE_CHARACTER_DEVICE: u32 = 1 << 21;
const MODE_STICKY: u32 = 1 << 20;

type Answer = std::result::Result<Packet, Status>;
type Packets = Pin<Box<dyn Stream<Item = Answer> + Send>>;

/// What answers with the files of a context.
#[derive(Clone)]
pub(super) struct FileServer(pub(super) Option<Files>);

#[tonic::async_trait]
impl FileSync for FileServer {
    type DiffCopyStream = Packets;
    type TarStreamStream = Packets;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> std::result::Result<Response<Packets>, Status> {
        let values = |key: &str| -> Vec<String> {
            let all = request.metadata().get_all(key);
            all.iter()
                .filter_map(|value| value.to_str().ok())
                .map(str::to_owned)
                .collect()
        };
        let (directory, paths) = (values(DIRECTORY), values(PATHS));
        let of = match directory.first().map(String::as_str) {
            Some(CONTEXT) if !paths.is_empty() && paths.iter().all(|path| path.ends_with(RULES)) => Of::Only(paths),
            Some(CONTEXT) => Of::Context,
            Some(DOCKERFILE) => Of::Dockerfile,
            _ => return Err(Status::not_found("no such directory was given to the build")),
        };
        let files = self
            .0
            .clone()
            .ok_or_else(|| Status::not_found("no directory was given to the build"))?;
        let (to, sent) = mpsc::channel(WAITING);
        let (wanted, asked) = mpsc::unbounded_channel();
        let sender = Arc::new(Sender {
            files,
            of,
            to,
            contents: Mutex::default(),
        });
        let (listing, sending) = (sender.clone(), sender.clone());
        tokio::task::spawn_blocking(move || listing.list());
        tokio::task::spawn_blocking(move || sending.send_all(asked));
        let mut questions = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(packet)) = questions.message().await {
                match packet.r#type() {
                    PacketType::PacketReq => drop(wanted.send(packet.id)),
                    PacketType::PacketFin => {
                        let _ = sender.to.send(Ok(of_type(PacketType::PacketFin))).await;
                        return;
                    }
                    PacketType::PacketErr => return,
                    PacketType::PacketStat | PacketType::PacketData => {}
                }
            }
        });
        let packets = futures::stream::unfold(sent, async |mut sent| Some((sent.recv().await?, sent)));
        Ok(Response::new(Box::pin(packets)))
    }

    async fn tar_stream(&self, _: Request<Streaming<Packet>>) -> std::result::Result<Response<Packets>, Status> {
        Err(Status::unimplemented("ask for DiffCopy"))
    }
}

/// What is asked for.
enum Of {
    /// The files of the context…
    Context,
    /// …of which only these are looked at.
    Only(Vec<String>),
    /// The Dockerfile alone.
    Dockerfile,
}

/// What the content of a file is read from.
#[derive(Clone)]
enum Content {
    /// It has none.
    None,
    /// A path of the context.
    At(PathBuf),
    Dockerfile,
}

struct Sender {
    files: Files,
    of: Of,
    to: mpsc::Sender<Answer>,
    /// Of each file that was told, in that order.
    contents: Mutex<Vec<Content>>,
}

impl Sender {
    /// Tells what there is.
    fn list(&self) {
        let listed = match &self.of {
            Of::Context => self.files.each(|path, source| self.tell(path, source)),
            Of::Only(paths) => paths.iter().try_for_each(|path| self.tell_one(Path::new(path))),
            Of::Dockerfile => self.tell_dockerfile(),
        };
        let ended = listed.and_then(|()| self.packet(of_type(PacketType::PacketStat)));
        self.unless_failed(ended);
    }

    /// Sends content as it is asked for.
    fn send_all(&self, mut asked: mpsc::UnboundedReceiver<u32>) {
        while let Some(id) = asked.blocking_recv() {
            if self.unless_failed(self.send(id)).is_none() {
                return;
            }
        }
    }

    fn send(&self, id: u32) -> io::Result<()> {
        let content = {
            let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
            contents.get(id as usize).cloned().unwrap_or(Content::None)
        };
        match content {
            Content::None => {}
            Content::Dockerfile => self.pieces(id, self.files.dockerfile().1)?,
            Content::At(path) => self.pieces(id, self.files.open(&path)?.content()?)?,
        }
        self.packet(Packet {
            id,
            ..of_type(PacketType::PacketData)
        })
    }

    fn pieces(&self, id: u32, mut content: impl Read) -> io::Result<()> {
        loop {
            let mut data = vec![0; PIECE];
            let length = content.read(&mut data)?;
            if length == 0 {
                return Ok(());
            }
            data.truncate(length);
            self.packet(Packet {
                id,
                data,
                ..of_type(PacketType::PacketData)
            })?;
        }
    }

    fn tell(&self, path: &Path, source: &Opened) -> io::Result<()> {
        let Some(mut stat) = stat(source)? else {
            return Ok(());
        };
        stat.path = text(path)?;
        let content = match source.metadata().is_file() {
            true => Content::At(path.to_owned()),
            false => Content::None,
        };
        self.told(stat, content)
    }

    fn tell_one(&self, path: &Path) -> io::Result<()> {
        match self.files.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(source) if self.files.is_sent(path) => self.tell(path, &source),
            Ok(_) => Ok(()),
        }
    }

    /// The Dockerfile in the directories of its path.
    fn tell_dockerfile(&self) -> io::Result<()> {
        let (name, content) = self.files.dockerfile();
        let above: Vec<_> = Path::new(name).ancestors().skip(1).collect();
        for directory in above.into_iter().rev().filter(|path| !path.as_os_str().is_empty()) {
            let stat = Stat {
                path: text(directory)?,
                mode: MODE_DIRECTORY | 0o755,
                ..Stat::default()
            };
            self.told(stat, Content::None)?;
        }
        let stat = Stat {
            path: name.to_owned(),
            mode: 0o644,
            size: content.len().try_into().unwrap_or(i64::MAX),
            ..Stat::default()
        };
        self.told(stat, Content::Dockerfile)
    }

    fn told(&self, stat: Stat, content: Content) -> io::Result<()> {
        self.contents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(content);
        self.packet(Packet {
            stat: Some(stat),
            ..of_type(PacketType::PacketStat)
        })
    }

    /// # Errors
    /// Of the kind of a broken pipe where nobody takes it any more.
    fn packet(&self, packet: Packet) -> io::Result<()> {
        self.to
            .blocking_send(Ok(packet))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// None after an error of a file, which both sides are told.
    fn unless_failed(&self, done: io::Result<()>) -> Option<()> {
        match done {
            Ok(()) => return Some(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => {
                self.files.failed(&error);
                let packet = Packet {
                    data: error.to_string().into_bytes(),
                    ..of_type(PacketType::PacketErr)
                };
                let _ = self.packet(packet);
            }
        }
        None
    }
}

fn of_type(kind: PacketType) -> Packet {
    Packet {
        r#type: kind.into(),
        ..Packet::default()
    }
}

/// What a file is, but for its path; none for a socket, which is nothing without the process that listens on it. As the Docker CLI
/// has it, everything in a context is root's.
fn stat(source: &Opened) -> io::Result<Option<Stat>> {
    let metadata = source.metadata();
    let kind = metadata.file_type();
    let mut stat = Stat {
        mode: bits(metadata.mode()),
        mod_time: metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec()),
        ..Stat::default()
    };
    if kind.is_socket() {
        return Ok(None);
    } else if kind.is_symlink() {
        stat.mode |= MODE_LINK;
        stat.linkname = text(&source.target()?).map_err(|error| source.blame(&error))?;
    } else if kind.is_dir() {
        stat.mode |= MODE_DIRECTORY;
    } else if kind.is_fifo() {
        stat.mode |= MODE_PIPE;
    } else if kind.is_file() {
        // Asked for before the other side waits for it: an error now names the file, and nothing was sent in vain.
        source.content()?;
        stat.size = metadata.len().try_into().unwrap_or(i64::MAX);
    } else {
        let character = if kind.is_char_device() {
            MODE_CHARACTER_DEVICE
        } else {
            0
        };
        stat.mode |= MODE_DEVICE | character;
        stat.devmajor = major(metadata.rdev()).into();
        stat.devminor = minor(metadata.rdev()).into();
    }
    Ok(Some(stat))
}

fn bits(mode: u32) -> u32 {
    let special = [(0o4000, MODE_SET_USER), (0o2000, MODE_SET_GROUP), (0o1000, MODE_STICKY)];
    let special = special.into_iter().filter(|(bit, _)| mode & bit != 0);
    special.fold(mode & 0o777, |mode, (_, bit)| mode | bit)
}

fn text(path: &Path) -> io::Result<String> {
    let unsent = || io::Error::other(format!("{}: BuildKit takes no name that is not UTF-8", path.display()));
    path.to_str().map(str::to_owned).ok_or_else(unsent)
}
