//! Services that are no coordinator, at a port of this machine.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

/// What answers at the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// The system accepts connections, no program does: it has stopped.
    Stopped,
    /// A load balancer without a backend.
    Closes,
    /// A load balancer that waits for a backend.
    Silent,
    /// It sends these bytes first.
    Greets(&'static [u8]),
    /// It answers whatever arrives first with these bytes, and closes.
    Answers(&'static [u8]),
    /// It speaks HTTP/2, and answers every request with this status.
    Http2 { status: &'static [u8; 3] },
    /// It speaks gRPC, and has none of the services.
    OtherGrpc,
    /// It answers as a coordinator without jobs does, but only once.
    AnswersOnce,
}

impl Stranger {
    /// Starts it on any free port, and returns its URL. It ends with the process.
    pub fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        thread::spawn(move || {
            if self == Self::Stopped {
                loop {
                    thread::park();
                }
            }
            for stream in listener.incoming().flatten() {
                // The client may be gone at any time.
                thread::spawn(move || self.serve(stream));
            }
        });
        url
    }

    fn serve(self, mut stream: TcpStream) -> io::Result<()> {
        match self {
            Self::Stopped => unreachable!("it accepts nothing"),
            Self::Closes => stream.shutdown(Shutdown::Both),
            Self::Silent => drain(stream),
            Self::Greets(bytes) => {
                stream.write_all(bytes)?;
                drain(stream)
            }
            Self::Answers(bytes) => {
                stream.read_exact(&mut [0])?;
                stream.write_all(bytes)
            }
            Self::Http2 { status } => serve_http2(stream, |stream, id| {
                frame(stream, HEADERS, END_HEADERS | END_STREAM, id, &status_block(status))
            }),
            Self::OtherGrpc => serve_http2(stream, |stream, id| {
                let mut block = status_block(b"200");
                block.extend(header("content-type", "application/grpc"));
                block.extend(header("grpc-status", "12"));
                frame(stream, HEADERS, END_HEADERS | END_STREAM, id, &block)
            }),
            Self::AnswersOnce => {
                let mut answered = false;
                serve_http2(stream, |stream, id| {
                    if std::mem::replace(&mut answered, true) {
                        return Ok(());
                    }
                    let mut block = status_block(b"200");
                    block.extend(header("content-type", "application/grpc"));
                    frame(stream, HEADERS, END_HEADERS, id, &block)?;
                    // An empty message: not compressed, of length 0.
                    frame(stream, DATA, 0, id, &[0; 5])?;
                    let trailers = header("grpc-status", "0");
                    frame(stream, HEADERS, END_HEADERS | END_STREAM, id, &trailers)
                })
            }
        }
    }
}

/// Reads until the client closes.
fn drain(mut stream: TcpStream) -> io::Result<()> {
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The client's preface of HTTP/2, `PRI * HTTP/2.0` and so on.
const PREFACE_BYTES: usize = 24;

/// Serves HTTP/2 as far as a client needs it: `answer` is called with the id of each request.
fn serve_http2(
    mut stream: TcpStream,
    mut answer: impl FnMut(&mut TcpStream, [u8; 4]) -> io::Result<()>,
) -> io::Result<()> {
    stream.read_exact(&mut [0; PREFACE_BYTES])?;
    frame(&mut stream, SETTINGS, 0, [0; 4], &[])?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload)?;
        match kind {
            SETTINGS if flags & ACK == 0 => frame(&mut stream, SETTINGS, ACK, [0; 4], &[])?,
            PING if flags & ACK == 0 => frame(&mut stream, PING, ACK, [0; 4], &payload)?,
            HEADERS => answer(&mut stream, id)?,
            _ => {}
        }
    }
}

fn frame(
    stream: &mut TcpStream,
    kind: u8,
    flags: u8,
    id: [u8; 4],
    payload: &[u8],
) -> io::Result<()> {
    let [_, length @ ..] = u32::try_from(payload.len()).expect("it is short").to_be_bytes();
    let mut bytes = length.to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(id);
    bytes.extend(payload);
    stream.write_all(&bytes)
}

/// `:status`, whose name is the eighth of the static table.
fn status_block(status: &[u8; 3]) -> Vec<u8> {
    let mut block = vec![0x08, 3];
    block.extend(status);
    block
}

/// A header as literals, without Huffman codes.
fn header(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0];
    for text in [name, value] {
        block.push(u8::try_from(text.len()).expect("it is short"));
        block.extend(text.as_bytes());
    }
    block
}
