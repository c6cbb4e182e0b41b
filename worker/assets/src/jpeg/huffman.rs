//! Codes and bits of a JPEG scan, without the values that they stand for.

/// Why coded pixels end too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// There are no more bits before the next marker, or in the file.
    NoBits,
    /// No code begins with these bits.
    NoCode,
}

/// Codes of at most 16 bits for symbols of 8.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// For each sequence of [`SHORT_BITS`] bits that begins with a code of no more bits, that
    /// code's length and symbol; otherwise a length of 0.
    short: Box<[(u8, u8); 1 << SHORT_BITS]>,
    /// For each length from 1 to 16: the first code that is longer, in 16 bits; what to add to a
    /// code's number for its symbol's index.
    long: [(u32, i32); 16],
    symbols: Vec<u8>,
}

/// Most codes are no longer; larger tables fall out of the first cache.
const SHORT_BITS: u32 = 10;

impl Table {
    /// A table of as many codes of each length as `counts` says, from one bit to sixteen. `None` if
    /// there are not as many symbols, or more codes than fit.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let total = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
        let symbols = symbols.get(..total)?.to_vec();
        let mut short = Box::new([(0, 0); 1 << SHORT_BITS]);
        let mut long = [(0, 0); 16];
        let (mut code, mut index) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            let offset = index as i32 - code as i32;
            for _ in 0..count {
                if length <= SHORT_BITS {
                    let first = (code as usize) << (SHORT_BITS - length);
                    let entries = short.get_mut(first..first + (1 << (SHORT_BITS - length)))?;
                    entries.fill((length as u8, symbols[index]));
                }
                code += 1;
                index += 1;
            }
            if code > 1 << length {
                return None;
            }
            long[length as usize - 1] = (code << (16 - length), offset);
            code <<= 1;
        }
        Some(Self { short, long, symbols })
    }
}

/// The bits of coded pixels, up to the next marker.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bits, from the highest.
    buffer: u64,
    /// How many bits the buffer holds.
    held: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, buffer: 0, held: 0 }
    }

    /// Holds at least 32 bits if there are as many.
    #[inline]
    fn refill(&mut self) {
        if let Some((four, rest)) = self.bytes.split_first_chunk::<4>()
            && self.held <= 32
            && !has_ff(u32::from_be_bytes(*four))
        {
            self.buffer |= u64::from(u32::from_be_bytes(*four)) << (32 - self.held);
            self.held += 32;
            self.bytes = rest;
        } else {
            self.refill_by_bytes();
        }
    }

    fn refill_by_bytes(&mut self) {
        while self.held <= 56 {
            let taken = match self.bytes {
                [0xff, 0, ..] => 2,
                // Padding may stand before a marker, or before the zero of a data byte.
                [0xff, rest @ ..] => {
                    let padding = rest.iter().take_while(|&&byte| byte == 0xff).count();
                    if rest.get(padding) != Some(&0) {
                        return;
                    }
                    padding + 2
                }
                [] => return,
                _ => 1,
            };
            self.buffer |= u64::from(self.bytes[0]) << (56 - self.held);
            self.held += 8;
            self.bytes = &self.bytes[taken..];
        }
    }

    /// Drops bits that are held.
    #[inline]
    fn drop(&mut self, count: u32) -> Result<(), Stop> {
        self.held = self.held.checked_sub(count).ok_or(Stop::NoBits)?;
        self.buffer <<= count;
        Ok(())
    }

    /// The next symbol.
    #[inline]
    pub(super) fn symbol(&mut self, table: &Table) -> Result<u8, Stop> {
        if self.held < 32 {
            self.refill();
        }
        let (length, symbol) = table.short[(self.buffer >> (64 - SHORT_BITS)) as usize];
        if length > 0 {
            self.drop(u32::from(length))?;
            return Ok(symbol);
        }
        self.long_symbol(table)
    }

    /// The next symbol, without the bits of its value: as many as its lower half says.
    #[inline]
    pub(super) fn symbol_of_value(&mut self, table: &Table) -> Result<u8, Stop> {
        if self.held < 32 {
            self.refill();
        }
        let (length, symbol) = table.short[(self.buffer >> (64 - SHORT_BITS)) as usize];
        if length > 0 {
            self.drop(u32::from(length) + u32::from(symbol & 15))?;
            return Ok(symbol);
        }
        let symbol = self.long_symbol(table)?;
        self.number(u32::from(symbol & 15))?;
        Ok(symbol)
    }

    /// A symbol whose code is not in the short table, from bits that are held.
    #[cold]
    fn long_symbol(&mut self, table: &Table) -> Result<u8, Stop> {
        let next = (self.buffer >> 48) as u32;
        for (length, (end, offset)) in (1..=16).zip(table.long) {
            if next < end {
                self.drop(length)?;
                let index = (next >> (16 - length)) as i32 + offset;
                return table.symbols.get(index as usize).copied().ok_or(Stop::NoCode);
            }
        }
        // Bits beyond the end count as zeros, so that a code may be incomplete.
        Err(if self.held < 16 { Stop::NoBits } else { Stop::NoCode })
    }

    /// At most 16 bits, as a number.
    #[inline]
    pub(super) fn number(&mut self, count: u32) -> Result<u32, Stop> {
        if self.held < 16 {
            self.refill();
        }
        let value = self.buffer.checked_shr(64 - count).unwrap_or(0) as u32;
        self.drop(count)?;
        Ok(value)
    }

    /// Goes to the bits after a restart marker, unless another marker is next.
    pub(super) fn restart(&mut self) -> Result<(), Stop> {
        let marker =
            self.bytes.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff));
        match marker.map(|at| (at, self.bytes[at + 1])) {
            Some((at, 0xd0..=0xd7)) => *self = Self::new(&self.bytes[at + 2..]),
            _ => return Err(Stop::NoBits),
        }
        Ok(())
    }

    /// Whether a restart marker is next.
    pub(super) fn restarts(&self) -> bool {
        let mut bytes = self.bytes.iter().skip_while(|&&byte| byte == 0xff);
        matches!(bytes.next(), Some(0xd0..=0xd7))
    }
}

/// Whether one of four bytes is 0xff.
fn has_ff(bytes: u32) -> bool {
    // A byte is 0xff if its complement is 0, from which alone the subtraction borrows.
    (!bytes).wrapping_sub(0x0101_0101) & bytes & 0x8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes 0, 10, 110 for 5, 6, 7, and one of twelve bits for 8.
    fn table() -> Table {
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[2], counts[11]) = (1, 1, 1, 1);
        Table::new(&counts, &[5, 6, 7, 8]).expect("it is a table")
    }

    #[test]
    fn symbols_and_numbers_alternate() {
        let table = table();
        // 10 | 0101 | 111000000000 | 110 | 0, then a marker.
        let mut bits = Bits::new(&[0b1001_0111, 0b1000_0000, 0b0011_0011, 0xff, 0xd9]);
        assert_eq!(bits.symbol(&table), Ok(6));
        assert_eq!(bits.number(4), Ok(5));
        assert_eq!(bits.symbol(&table), Ok(8));
        assert_eq!(bits.symbol(&table), Ok(7));
        assert_eq!(bits.symbol(&table), Ok(5));
        assert_eq!(bits.number(0), Ok(0));
        assert_eq!(bits.number(2), Ok(3));
        assert_eq!(bits.symbol(&table), Err(Stop::NoBits));
    }

    #[test]
    fn stuffed_bytes_markers_and_unknown_codes_are_told_apart() {
        let table = table();
        assert_eq!(Bits::new(&[0xff, 0, 0xff, 0]).symbol(&table), Err(Stop::NoCode));
        assert_eq!(Bits::new(&[0xff, 0xd0, 0]).symbol(&table), Err(Stop::NoBits));
        let mut bits = Bits::new(&[0x55, 0xff, 0xd0, 0x7f]);
        assert_eq!(bits.restart(), Ok(()));
        assert_eq!(bits.symbol(&table), Ok(5));
        assert_eq!(bits.restart(), Err(Stop::NoBits));
    }

    #[test]
    fn bytes_of_ones_are_found() {
        let check = |bytes: [u8; 4], expected| {
            assert_eq!(has_ff(u32::from_be_bytes(bytes)), expected, "{bytes:?}");
        };
        check([0, 0x7f, 0x80, 0xfe], false);
        check([0xff, 0, 0, 0], true);
        check([0, 0xff, 0x80, 0], true);
        check([0xfe, 0xfe, 0xfe, 0xff], true);
        check([0xff; 4], true);
    }

    #[test]
    fn tables_that_are_too_full_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Table::new(&counts, &[1, 2, 3]).is_none());
        counts[0] = 2;
        assert!(Table::new(&counts, &[1]).is_none());
        assert!(Table::new(&counts, &[1, 2]).is_some());
        counts = [0; 16];
        (counts[0], counts[15]) = (2, 1);
        assert!(Table::new(&counts, &[1, 2, 3]).is_none());
    }
}
