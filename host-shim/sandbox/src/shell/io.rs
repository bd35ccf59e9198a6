//! Where a process's bytes come from and go to.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt};
use tokio::sync::{Mutex, mpsc};

/// Where output goes. Output ends when every clone is dropped.
#[derive(Clone)]
pub struct Sink(Arc<dyn Fn(Bytes) + Send + Sync>);

impl Sink {
    pub fn new(write: impl Fn(Bytes) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    pub fn write(&self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            (self.0)(bytes);
        }
    }

    pub fn line(&self, text: &str) {
        self.write(format!("{text}\n"));
    }
}

/// Where input comes from. Clones take from the same stream.
#[derive(Clone)]
pub struct Input(Arc<Mutex<Source>>);

struct Source {
    pending: BytesMut,
    stream: BoxStream<'static, Bytes>,
}

impl Input {
    pub fn new(stream: BoxStream<'static, Bytes>) -> Self {
        Self(Arc::new(Mutex::new(Source {
            pending: BytesMut::new(),
            stream,
        })))
    }

    pub fn empty() -> Self {
        Self::of(Bytes::new())
    }

    /// Input that never comes and never ends, as a stdin held open.
    pub fn silent() -> Self {
        Self::new(futures::stream::pending().boxed())
    }

    pub fn of(bytes: Bytes) -> Self {
        Self::new(futures::stream::once(async { bytes }).boxed())
    }

    /// The next bytes; none at the end.
    pub async fn read(&self) -> Option<Bytes> {
        let mut source = self.0.lock().await;
        if !source.pending.is_empty() {
            return Some(source.pending.split().freeze());
        }
        loop {
            let bytes = source.stream.next().await?;
            if !bytes.is_empty() {
                return Some(bytes);
            }
        }
    }

    /// One line without its end; what comes last may lack one.
    pub async fn line(&self) -> Option<String> {
        let mut source = self.0.lock().await;
        loop {
            if let Some(end) = source.pending.iter().position(|b| matches!(b, b'\n' | b'\r')) {
                let line = source.pending.split_to(end);
                source.pending.advance(1);
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            match source.stream.next().await {
                Some(bytes) => source.pending.extend_from_slice(&bytes),
                None if source.pending.is_empty() => return None,
                None => return Some(String::from_utf8_lossy(&source.pending.split()).into_owned()),
            }
        }
    }

    /// All there is.
    pub async fn all(&self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(bytes) = self.read().await {
            all.extend_from_slice(&bytes);
        }
        all
    }
}

/// A pipe between two processes.
pub fn pipe() -> (Sink, Input) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let sink = Sink::new(move |bytes| {
        // A reader that has gone is no fault of the writer's.
        let _ = sender.send(bytes);
    });
    let stream = futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|bytes| (bytes, receiver))
    });
    (sink, Input::new(stream.boxed()))
}

/// A process's three descriptors.
#[derive(Clone)]
pub struct Io {
    pub stdin: Input,
    pub stdout: Sink,
    pub stderr: Sink,
}
