//! Answers that are longer than anybody should take, and a server that gives nothing else.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

/// An answer: what it begins with, and then a piece so many times. It ends early where nobody reads it any more.
#[derive(Debug, Clone)]
pub struct Flood {
    begins: Vec<u8>,
    piece: Vec<u8>,
    times: usize,
}

impl Flood {
    /// A success whose body begins so and goes on with that piece, for a gigabyte.
    pub fn body(begins: &str, piece: &str) -> Self {
        Self::of(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
            begins,
            piece,
        )
    }

    /// The same behind this head, which ends with the empty line where it is to end.
    pub fn of(head: &str, begins: &str, piece: &str) -> Self {
        // In large pieces, so that the time goes into reading them.
        let repeated = piece.repeat(((64 << 10) / piece.len().max(1)).max(1));
        Self {
            begins: format!("{head}{begins}").into_bytes(),
            times: (1 << 30) / repeated.len().max(1),
            piece: repeated.into_bytes(),
        }
    }

    /// One that has an end.
    pub fn whole(answer: impl Into<Vec<u8>>) -> Self {
        Self {
            begins: answer.into(),
            piece: Vec::new(),
            times: 0,
        }
    }

    /// With so many bytes of it and no more.
    pub fn up_to(self, bytes: usize) -> Self {
        Self {
            times: bytes / self.piece.len().max(1),
            ..self
        }
    }

    pub(crate) fn pour(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(&self.begins)?;
        (0..self.times).try_for_each(|_| to.write_all(&self.piece))?;
        to.flush()
    }
}

/// A server on a port of the loopback that answers each request, `METHOD /path?query`, with what `answer` has for it, and closes the
/// connection. It goes on until the process ends.
///
/// # Panics
/// Where there is no port to be had.
pub fn flood_server(answer: impl Fn(SocketAddr, &str) -> Flood + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let answer = answer.clone();
            // A connection that breaks is what its other end is to see.
            std::thread::spawn(move || drop(serve(client, |request| answer(address, request))));
        }
    });
    address
}

fn serve(client: TcpStream, answer: impl Fn(&str) -> Flood) -> io::Result<()> {
    let mut request = String::new();
    let mut lines = BufReader::new(&client);
    lines.read_line(&mut request)?;
    let mut line = String::new();
    while lines.read_line(&mut line)? > 2 {
        line.clear();
    }
    let request = request.rsplit_once(' ').map_or("", |(request, _)| request);
    answer(request).pour(&client)?;
    client.shutdown(Shutdown::Both)
}
