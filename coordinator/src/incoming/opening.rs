//! What a peer sends before its first request: the preface of HTTP/2, then frames that ask nothing,
//! such as settings.

/// The length of the preface.
const PREFACE_BYTES: usize = 24;

/// A frame begins with three bytes of length and one of type.
const HEAD_BYTES: usize = 9;

/// The type of the frame that begins a request.
const HEADERS: u8 = 1;

/// Finds the first request in a peer's bytes. What is malformed is left to the server.
#[derive(Debug)]
pub(super) struct Opening {
    /// How much of the preface, or of the present frame, is still to come.
    skip: usize,
    head: [u8; HEAD_BYTES],
    /// How much of the next frame's head has arrived.
    filled: usize,
}

impl Default for Opening {
    fn default() -> Self {
        Self { skip: PREFACE_BYTES, head: [0; HEAD_BYTES], filled: 0 }
    }
}

impl Opening {
    /// Whether a request begins in these bytes, the next ones of the peer.
    pub(super) fn has_request(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEAD_BYTES - self.filled).min(bytes.len());
            self.head[self.filled..][..taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled < HEAD_BYTES {
                return false;
            }
            let [high, middle, low, kind, ..] = self.head;
            if kind == HEADERS {
                return true;
            }
            self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            self.filled = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFACE: &[u8; PREFACE_BYTES] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: u8 = 4;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let [.., high, middle, low] = length.to_be_bytes();
        // The content looks like heads of requests.
        [vec![high, middle, low, kind, 0, 0, 0, 0, 0], vec![HEADERS; length]].concat()
    }

    /// Checks after how many of the bytes a request has begun, in whatever pieces they arrive.
    fn check(sent: &[u8], expected: Option<usize>) {
        for piece in 1..=sent.len() {
            let mut opening = Opening::default();
            let found = sent.chunks(piece).position(|bytes| opening.has_request(bytes));
            let piece_of = |place: usize| (place - 1) / piece;
            assert_eq!(found, expected.map(piece_of), "in pieces of {piece}");
        }
    }

    #[test]
    fn a_request_begins_with_its_headers() {
        let [settings, window] = [frame(SETTINGS, 18), frame(WINDOW_UPDATE, 4)];
        let asks_nothing = [&PREFACE[..], &settings, &window, &frame(SETTINGS, 0)].concat();
        check(PREFACE, None);
        check(&asks_nothing, None);
        check(&[&PREFACE[..], &frame(SETTINGS, 70_000)].concat(), None);
        let asks = [&asks_nothing[..], &frame(HEADERS, 40)].concat();
        check(&asks, Some(asks_nothing.len() + HEAD_BYTES));
        check(&[&PREFACE[..], &frame(HEADERS, 0)].concat(), Some(PREFACE_BYTES + HEAD_BYTES));
    }
}
