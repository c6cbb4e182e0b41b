//! Which page of a TIFF file is painted.

use std::collections::HashSet;
use std::io::{Read, Seek};

use impasto_types::ContainerFormat;

use super::directory::{Directory, File, damaged, tag};
use crate::AssetErrorKind;

/// A file with more pages is a film or damaged, and is refused in either case.
const MAX_PAGES: usize = 4096;

/// How many pages are searched for subdirectories, and how many subdirectories of each.
const MAX_SEARCHED: usize = 16;

/// The only page in full resolution. Reduced copies (thumbnails, the levels of a pyramid) and
/// transparency masks do not count.
///
/// A file whose pages are all reduced copies keeps the full picture in a subdirectory, as raw files
/// of cameras do; if there is none, the largest page is painted.
///
/// # Errors
/// If several pages are full pictures, or a directory is damaged.
pub(super) fn painted<R: Read + Seek>(file: &mut File<R>) -> Result<Directory, AssetErrorKind> {
    let mut seen = HashSet::new();
    let mut reduced = Vec::new();
    let mut full = Vec::new();
    let mut next = file.first;
    while next != 0 {
        if !seen.insert(next) || seen.len() > MAX_PAGES {
            return Err(damaged("the pages have no end"));
        }
        let page = file.directory(next)?;
        let pages = if is_full(file, &page)? { &mut full } else { &mut reduced };
        pages.push(next);
        next = page.next;
    }
    match full[..] {
        [one] => file.directory(one),
        [] => in_subdirectory(file, &reduced)?.map_or_else(|| largest(file, &reduced), Ok),
        _ => Err(AssetErrorKind::SeveralFrames {
            format: ContainerFormat::Tiff,
            frames: full.len() as u32,
        }),
    }
}

fn is_full<R: Read + Seek>(file: &mut File<R>, page: &Directory) -> Result<bool, AssetErrorKind> {
    const REDUCED: u64 = 1;
    const MASK: u64 = 4;
    const OLD_REDUCED: u64 = 2;
    Ok(match file.first(page, tag::NEW_SUBFILE_TYPE)? {
        Some(kinds) => kinds & (REDUCED | MASK) == 0,
        None => file.first(page, tag::SUBFILE_TYPE)? != Some(OLD_REDUCED),
    })
}

fn in_subdirectory<R: Read + Seek>(
    file: &mut File<R>,
    pages: &[u64],
) -> Result<Option<Directory>, AssetErrorKind> {
    for &at in pages.iter().take(MAX_SEARCHED) {
        let page = file.directory(at)?;
        for at in file.numbers(&page, tag::SUB_DIRECTORIES)?.into_iter().take(MAX_SEARCHED) {
            let below = file.directory(at)?;
            if is_full(file, &below)? {
                return Ok(Some(below));
            }
        }
    }
    Ok(None)
}

fn largest<R: Read + Seek>(file: &mut File<R>, pages: &[u64]) -> Result<Directory, AssetErrorKind> {
    let mut largest = None;
    for &at in pages {
        let page = file.directory(at)?;
        let width = file.first(&page, tag::WIDTH)?.unwrap_or(0);
        let pixels = width.saturating_mul(file.first(&page, tag::HEIGHT)?.unwrap_or(0));
        if largest.as_ref().is_none_or(|(most, _)| pixels > *most) {
            largest = Some((pixels, page));
        }
    }
    largest.map(|(_, page)| page).ok_or_else(|| damaged("there is no page"))
}
