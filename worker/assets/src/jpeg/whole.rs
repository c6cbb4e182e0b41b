//! Whether a JPEG file delivers all of its picture.
//!
//! Decoders fill what is missing with grey or with zeros and report nothing, so a file that was cut
//! and closed by an end marker looks like any other. Here each scan's codes are counted: every
//! block has to be there, and of a progressive file every coefficient to its last bit. Values are
//! skipped, not computed.

use super::frame::{Component, Frame, damaged, not_supported};
use super::huffman::{Bits, Stop, Table};
use super::segments::{
    END_OF_IMAGE, HUFFMAN_TABLES, RESTART_INTERVAL, START_OF_SCAN, Segment, segments,
};
use crate::AssetErrorKind;

/// As the first decoder limits them: a small file may hold many scans of a large picture.
const MAX_SCANS: usize = 100;

/// How a file's scans divide its components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scans {
    /// Whether some scan of a sequential file has fewer than all components.
    pub apart: bool,
    /// Whether some scan has a single component although the file has several.
    pub single: [bool; 4],
}

/// Follows all scans.
///
/// # Errors
/// If a part of the picture is missing, or a code is wrong.
pub(super) fn check_whole(bytes: &[u8], frame: &Frame) -> Result<Scans, AssetErrorKind> {
    let mut file = File::new(frame);
    let mut count = 0;
    for Segment { marker, payload, rest } in segments(bytes) {
        match marker {
            HUFFMAN_TABLES => file.define_tables(payload),
            RESTART_INTERVAL => {
                file.interval = payload.first_chunk().map_or(0, |&units| u16::from_be_bytes(units));
            }
            START_OF_SCAN if count == MAX_SCANS => {
                return Err(not_supported(format!("more than {MAX_SCANS} scans")));
            }
            START_OF_SCAN => {
                count += 1;
                file.scan(payload, rest)?;
            }
            END_OF_IMAGE => return file.finish(),
            _ => {}
        }
    }
    Err(AssetErrorKind::Truncated)
}

/// What is known between two scans.
#[derive(Debug)]
struct File<'a> {
    frame: &'a Frame,
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// Units from one restart marker to the next; 0 means that there are none.
    interval: u16,
    /// Per component and coefficient, how many bits are still to come.
    missing: Vec<[Missing; 64]>,
    /// Per component and block of a progressive file, which coefficients are not zero.
    nonzero: Vec<Vec<u64>>,
    scans: Scans,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Everything,
    /// As many of the lowest bits.
    Bits(u8),
}

/// One scan's components and its part of the coefficients.
#[derive(Debug)]
struct Scan {
    /// Indices of components.
    components: Vec<Channel>,
    first: u8,
    last: u8,
    /// Whether the coefficients' higher bits came before.
    refines: bool,
}

#[derive(Debug)]
struct Channel {
    index: usize,
    dc: usize,
    ac: usize,
}

impl<'a> File<'a> {
    fn new(frame: &'a Frame) -> Self {
        let (across, down) = frame.units();
        let blocks = |component: &Component| {
            across * down * usize::from(component.across) * usize::from(component.down)
        };
        let nonzero = if frame.progressive {
            frame.components.iter().map(|component| vec![0; blocks(component)]).collect()
        } else {
            vec![]
        };
        Self {
            frame,
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            interval: 0,
            missing: vec![[Missing::Everything; 64]; frame.components.len()],
            nonzero,
            scans: Scans::default(),
        }
    }

    /// Remembers the tables of a segment. One that cannot be read is forgotten.
    fn define_tables(&mut self, mut payload: &[u8]) {
        while let [place, rest @ ..] = payload
            && let Some((counts, symbols)) = rest.split_first_chunk::<16>()
        {
            let table = Table::new(counts, symbols);
            let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
            payload = symbols.get(total..).unwrap_or_default();
            let tables = if place >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            if let Some(slot) = tables.get_mut(usize::from(place & 15)) {
                *slot = table;
            }
        }
    }

    fn scan(&mut self, payload: &[u8], pixels: &[u8]) -> Result<(), AssetErrorKind> {
        let scan = self.header(payload).ok_or_else(|| damaged("a scan's header is wrong"))?;
        self.scans.apart |= scan.components.len() < self.frame.components.len();
        if let [only] = &scan.components[..] {
            self.scans.single[only.index] = true;
        }
        let mut bits = Bits::new(pixels);
        self.walk(&scan, &mut bits).map_err(|stop| match stop {
            Stop::NoBits if bits.restarts() => damaged("pixels are missing before a restart"),
            Stop::NoBits => AssetErrorKind::Truncated,
            Stop::NoCode => damaged("its pixels have an unknown code"),
        })
    }

    /// Reads a scan's header and notes which bits it brings. `None` if it is wrong.
    fn header(&mut self, payload: &[u8]) -> Option<Scan> {
        let (&count, rest) = payload.split_first()?;
        let (components, rest) = rest.split_at_checked(usize::from(count) * 2)?;
        let &[first, last, bits] = rest else { return None };
        let components: Vec<Channel> = components
            .as_chunks::<2>()
            .0
            .iter()
            .map(|&[id, tables]| {
                let index = self.frame.components.iter().position(|one| one.id == id)?;
                let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
                (dc < 4 && ac < 4).then_some(Channel { index, dc, ac })
            })
            .collect::<Option<_>>()?;
        let (first, last, refines, missing) = match self.frame.progressive {
            true => (first, last, bits >> 4 > 0, bits & 15),
            false => (0, 63, false, 0),
        };
        let dc_alone = first == 0 && last == 0;
        let one_band = first > 0 && components.len() == 1;
        if components.is_empty()
            || first > last
            || last > 63
            || (self.frame.progressive && !dc_alone && !one_band)
        {
            return None;
        }
        for channel in &components {
            let band = usize::from(first)..=usize::from(last);
            self.missing[channel.index][band].fill(Missing::Bits(missing));
        }
        Some(Scan { components, first, last, refines })
    }

    fn walk(&mut self, scan: &Scan, bits: &mut Bits<'_>) -> Result<(), Stop> {
        let frame = self.frame;
        let alone = scan.components.len() == 1;
        let (across, down) = match &scan.components[..] {
            [only] => frame.blocks(frame.components[only.index]),
            _ => frame.units(),
        };
        let mut until_restart = self.interval;
        let mut empty_blocks = 0;
        for (row, column) in (0..down).flat_map(|row| (0..across).map(move |column| (row, column)))
        {
            if self.interval > 0 {
                if until_restart == 0 {
                    bits.restart()?;
                    (until_restart, empty_blocks) = (self.interval, 0);
                }
                until_restart -= 1;
            }
            for channel in &scan.components {
                let Component { across, down, .. } = frame.components[channel.index];
                let (across, down) =
                    if alone { (1, 1) } else { (usize::from(across), usize::from(down)) };
                for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
                    if frame.progressive {
                        let place = (row * down + y, column * across + x);
                        self.progressive_block(scan, channel, place, &mut empty_blocks, bits)?;
                    } else {
                        self.sequential_block(channel, bits)?;
                    }
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn sequential_block(&self, channel: &Channel, bits: &mut Bits<'_>) -> Result<(), Stop> {
        // What the decoder says of a missing table is better.
        let (Some(dc), Some(ac)) = (&self.dc[channel.dc], &self.ac[channel.ac]) else {
            return Ok(());
        };
        bits.symbol_of_value(dc)?;
        let mut at = 1;
        while at < 64 {
            let symbol = bits.symbol_of_value(ac)?;
            let (run, size) = (symbol >> 4, symbol & 15);
            if size == 0 && run < 15 {
                break;
            }
            at += run + 1;
        }
        Ok(())
    }

    fn progressive_block(
        &mut self,
        scan: &Scan,
        channel: &Channel,
        (row, column): (usize, usize),
        empty_blocks: &mut u32,
        bits: &mut Bits<'_>,
    ) -> Result<(), Stop> {
        if scan.first == 0 {
            if scan.refines {
                bits.number(1)?;
            } else if let Some(dc) = &self.dc[channel.dc] {
                bits.symbol_of_value(dc)?;
            }
            return Ok(());
        }
        let Some(ac) = &self.ac[channel.ac] else { return Ok(()) };
        let stride =
            self.frame.units().0 * usize::from(self.frame.components[channel.index].across);
        let nonzero = &mut self.nonzero[channel.index][row * stride + column];
        let band = (scan.first, scan.last);
        if scan.refines {
            refine(ac, nonzero, band, empty_blocks, bits)
        } else {
            begin(ac, nonzero, band, empty_blocks, bits)
        }
    }

    /// After the last scan.
    fn finish(self) -> Result<Scans, AssetErrorKind> {
        let complete = self.missing.iter().flatten().all(|&missing| missing == Missing::Bits(0));
        if complete { Ok(self.scans) } else { Err(AssetErrorKind::Truncated) }
    }
}

/// The first scan of a band of a block's coefficients.
fn begin(
    ac: &Table,
    nonzero: &mut u64,
    (first, last): (u8, u8),
    empty_blocks: &mut u32,
    bits: &mut Bits<'_>,
) -> Result<(), Stop> {
    if *empty_blocks > 0 {
        *empty_blocks -= 1;
        return Ok(());
    }
    let mut at = first;
    while at <= last {
        let symbol = bits.symbol_of_value(ac)?;
        let (run, size) = (symbol >> 4, symbol & 15);
        match (run, size) {
            (15, 0) => at += 16,
            (_, 0) => {
                // This block is the first of them.
                *empty_blocks = (1 << run) - 1 + bits.number(u32::from(run))?;
                break;
            }
            _ => {
                at += run;
                *nonzero |= 1_u64.checked_shl(u32::from(at)).unwrap_or(0);
                at += 1;
            }
        }
    }
    Ok(())
}

/// A further scan: one bit for each coefficient that is not zero, and new ones between them.
fn refine(
    ac: &Table,
    nonzero: &mut u64,
    (first, last): (u8, u8),
    empty_blocks: &mut u32,
    bits: &mut Bits<'_>,
) -> Result<(), Stop> {
    let mut at = first;
    while *empty_blocks == 0 && at <= last {
        let symbol = bits.symbol(ac)?;
        let (mut run, size) = (symbol >> 4, symbol & 15);
        match (run, size) {
            (15, 0) => {}
            (_, 0) => {
                *empty_blocks = (1 << run) + bits.number(u32::from(run))?;
                break;
            }
            // The sign.
            _ => {
                bits.number(1)?;
            }
        }
        while at <= last {
            if *nonzero >> at & 1 == 1 {
                bits.number(1)?;
            } else if run == 0 {
                break;
            } else {
                run -= 1;
            }
            at += 1;
        }
        if size > 0 && at <= last {
            *nonzero |= 1 << at;
        }
        at += 1;
    }
    if *empty_blocks > 0 {
        *empty_blocks -= 1;
        for at in at..=last {
            if *nonzero >> at & 1 == 1 {
                bits.number(1)?;
            }
        }
    }
    Ok(())
}
