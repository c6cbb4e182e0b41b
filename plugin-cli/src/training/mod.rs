//! What `impasto train` reads and writes beside the network: pictures, checkpoints, the report.

mod files;
mod pictures;
mod report;

pub(crate) use files::{Beside, read_if_there, remove, write};
pub(crate) use pictures::{Pictures, read_contents, read_style};
pub(crate) use report::{Report, sheet};
