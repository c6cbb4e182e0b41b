//! Whether a file is the one that an action asks for.

use impasto_types::{Expected, Output, WrongResult};

use crate::{AssetError, Header, Limits, read_header};

/// Why a file is not the result that an action asks for.
#[derive(Debug, thiserror::Error)]
pub enum BadResult {
    #[error(transparent)]
    File(#[from] AssetError),
    #[error(transparent)]
    Wrong(#[from] WrongResult),
    /// The file is not what its sender said it was.
    #[error("{} has {} x {} pixels, but was announced with {} x {}",
        announced.part, size.0, size.1, announced.width, announced.height)]
    Announced { announced: Output, size: (u32, u32) },
}

/// Checks a result's file by its header: its format, size, depth and alpha, and that it is what
/// its sender said it was.
///
/// # Errors
/// What is wrong with it.
pub fn check_result(
    header: &Header,
    output: &Output,
    expected: &Expected,
) -> Result<(), BadResult> {
    expected.check(header.format, header.picture())?;
    check_announced(header, output)
}

/// Checks that a file has the size that its sender announced.
///
/// # Errors
/// [`BadResult::Announced`].
pub fn check_announced(header: &Header, output: &Output) -> Result<(), BadResult> {
    let size = (header.width, header.height);
    if size == (output.width, output.height) {
        Ok(())
    } else {
        Err(BadResult::Announced { announced: *output, size })
    }
}

/// The header of the file of `output`, by its bytes.
///
/// # Errors
/// If it is no picture, or beyond the limits.
pub fn result_header(bytes: &[u8], output: &Output) -> Result<Header, BadResult> {
    // A name without an extension: the format is compared with the action's.
    Ok(read_header(bytes, &output_name(output), &Limits::default())?)
}

/// What errors call the file of an output.
pub fn output_name(output: &Output) -> String {
    format!("the {} output", output.part)
}
