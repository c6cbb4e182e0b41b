//! A TCP connection's way through a network that fails: it can be cut, swallow everything in one
//! direction or both, be slow, and flip a bit.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// A direction of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the coordinator.
    Up,
    Down,
}

/// What the network does to the bytes of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Weather {
    /// Nothing arrives. Like a real network, it loses no bytes in the middle of a connection: they
    /// arrive when it heals, unless the connection is cut by then.
    swallows: bool,
    /// Each piece arrives this much later.
    delay: Duration,
    flip: Flip,
}

/// The next bit that flips.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Flip {
    #[default]
    None,
    /// One in the middle of the first large piece.
    Middle,
    /// The lowest one of the byte after the first occurrence of these.
    After(&'static [u8]),
}

/// A proxy between one program and the coordinator.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The coordinator's address; it changes when the coordinator restarts.
    target: SocketAddr,
    /// New connections are closed at once.
    refuses: bool,
    up: Weather,
    down: Weather,
    /// Both ends of every connection.
    sockets: Vec<TcpStream>,
    closed: bool,
}

/// A piece that is large enough to be part of a picture or of a task, not only of the protocol.
const LARGE_BYTES: usize = 300;

impl Link {
    /// Listens on any free port.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let state = State {
            target,
            refuses: false,
            up: Weather::default(),
            down: Weather::default(),
            sockets: Vec::new(),
            closed: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.state().closed {
                    return;
                }
                accepting.open(client);
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends new connections elsewhere.
    pub(super) fn retarget(&self, target: SocketAddr) {
        self.shared.state().target = target;
    }

    /// Breaks all connections.
    pub(super) fn cut(&self) {
        self.shared.state().cut();
    }

    /// Breaks all connections and refuses new ones.
    pub(super) fn refuse(&self) {
        let mut state = self.shared.state();
        state.refuses = true;
        state.cut();
    }

    /// Lets nothing through in this direction.
    pub(super) fn swallow(&self, way: Way) {
        self.shared.state().weather(way).swallows = true;
    }

    /// Lets each piece through later, in both directions.
    pub(super) fn slow_down(&self, delay: Duration) {
        let mut state = self.shared.state();
        (state.up.delay, state.down.delay) = (delay, delay);
    }

    /// Flips a bit of the next large piece.
    pub(super) fn flip_a_bit(&self, way: Way) {
        self.shared.state().weather(way).flip = Flip::Middle;
    }

    /// Flips the lowest bit of the byte after the first occurrence of `bytes`.
    pub fn flip_after(&self, way: Way, bytes: &'static [u8]) {
        self.shared.state().weather(way).flip = Flip::After(bytes);
    }

    /// Whether no bit waits to be flipped.
    pub fn has_flipped(&self) -> bool {
        let state = self.shared.state();
        [state.up.flip, state.down.flip] == [Flip::None; 2]
    }

    /// The weather is fine again.
    pub(super) fn heal(&self) {
        let mut state = self.shared.state();
        state.refuses = false;
        (state.up, state.down) = (Weather::default(), Weather::default());
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Flip {
    /// The byte of this piece that it hits.
    fn place(self, piece: &[u8]) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Middle => (piece.len() >= LARGE_BYTES).then_some(piece.len() / 2),
            Self::After(bytes) => {
                let found = piece.windows(bytes.len()).position(|window| window == bytes)?;
                let after = found + bytes.len();
                (after < piece.len()).then_some(after)
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.closed = true;
        state.cut();
        drop(state);
        self.heal();
        // The thread that accepts sees the end with the next connection.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn weather(&mut self, way: Way) -> &mut Weather {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }

    fn cut(&mut self) {
        for socket in self.sockets.drain(..) {
            // It may be closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with the state")
    }

    /// Begins to pass on a client's connection, unless this fails like a connection in a network.
    fn open(self: &Arc<Self>, client: TcpStream) {
        let mut state = self.state();
        if state.refuses {
            return;
        }
        let Ok(server) = TcpStream::connect(state.target) else { return };
        let ends = || Some([client.try_clone().ok()?, server.try_clone().ok()?]);
        let (Some(kept), Some(up), Some(down)) = (ends(), ends(), ends()) else { return };
        state.sockets.extend(kept);
        drop(state);
        let [from_client, to_server] = up;
        let [to_client, from_server] = down;
        for (way, from, to) in
            [(Way::Up, from_client, to_server), (Way::Down, from_server, to_client)]
        {
            let _ = (from.set_nodelay(true), to.set_nodelay(true));
            let shared = Arc::clone(self);
            thread::spawn(move || shared.pass_on(way, from, to));
        }
    }

    /// Passes one direction's bytes on until either end closes.
    fn pass_on(&self, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let piece = &mut buffer[..length];
            let delay = self.await_passage(way, piece);
            if !delay.is_zero() {
                thread::park_timeout(delay);
            }
            if to.write_all(piece).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    /// Waits until this direction is open, flips a bit if one is due, and returns the delay.
    fn await_passage(&self, way: Way, piece: &mut [u8]) -> Duration {
        let mut state = self.state();
        while state.weather(way).swallows {
            state = self.changed.wait(state).expect("no thread panics with the state");
        }
        let weather = state.weather(way);
        if let Some(at) = weather.flip.place(piece) {
            weather.flip = Flip::None;
            piece[at] ^= 1;
        }
        weather.delay
    }
}
