//! A wire that can be cut: a port of this machine that leads to another, at a distance, until it is held or cut.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Bytes that are on their way at once.
const WINDOW: usize = 1024;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    is_held: bool,
    /// How often it was cut.
    cuts: u64,
}

/// Leads to a port until it is dropped.
pub struct Wire {
    port: u16,
    state: watch::Sender<State>,
}

impl Wire {
    /// To that port of this machine, with a delay each way.
    ///
    /// # Panics
    /// Where there is no port to be had.
    pub async fn to(port: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let own = listener.local_addr().expect("an address").port();
        let state = watch::Sender::new(State::default());
        let watching = state.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, port, delay, watching.subscribe()));
            }
        });
        Self { port: own, state }
    }

    /// The port that leads there.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection at once, as a router that restarts does. New ones can be made.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Lets nothing through any more, in silence, as a firewall that drops packets does; or lets it through again.
    pub fn hold(&self, is_held: bool) {
        self.state.send_modify(|state| state.is_held = is_held);
    }
}

async fn carry(near: TcpStream, port: u16, delay: Duration, mut state: watch::Receiver<State>) {
    let cuts = state.borrow().cuts;
    let held = state.clone();
    let carried = async {
        let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (near_in, near_out) = near.into_split();
        let (far_in, far_out) = far.into_split();
        let there = pass(near_in, far_out, delay, held.clone());
        let back = pass(far_in, near_out, delay, held);
        tokio::try_join!(there, back).map(drop)
    };
    tokio::select! {
        _ = carried => {}
        _ = state.wait_for(|state| state.cuts > cuts) => {}
    }
}

/// One direction. What is read is written when its time has come, so that a delay costs no throughput.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Duration,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Bytes)>(WINDOW);
    let read = async move {
        let mut piece = vec![0; 64 * 1024];
        loop {
            let length = from.read(&mut piece).await?;
            if length == 0 {
                return Ok::<_, io::Error>(());
            }
            let bytes = Bytes::copy_from_slice(&piece[..length]);
            if sender.send((Instant::now() + delay, bytes)).await.is_err() {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            let _ = state.wait_for(|state| !state.is_held).await;
            to.write_all(&bytes).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(drop)
}
