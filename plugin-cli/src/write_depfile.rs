//! Writes the depfile that the flags ask for.

use std::path::{Path, PathBuf};

use impasto_project::replace_file;

use crate::depfile::{self, Depfile};
use crate::flags::DepfileFlag;
use crate::{Failure, Screen};

impl DepfileFlag {
    /// Writes the depfile, if one is asked for. Without a target of its own it is about `outputs`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write<'a>(
        &'a self,
        outputs: impl IntoIterator<Item = &'a Path>,
        inputs: impl IntoIterator<Item = &'a Path>,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let Some(file) = &self.depfile else { return Ok(()) };
        let named = self.depfile_target.iter().map(PathBuf::as_path);
        let targets: Vec<&Path> = match self.depfile_target.is_empty() {
            true => outputs.into_iter().collect(),
            false => named.collect(),
        };
        let Depfile { text, unreadable } = depfile::render(targets, inputs);
        if let Some(first) = unreadable.first() {
            let more = match unreadable.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            screen.warning(format_args!(
                "{}{more}: left out of the depfile, because Ninja and Make cannot read the name",
                first.display()
            ));
        }
        replace_file(file, text.as_bytes()).map(drop).map_err(Failure::here)
    }
}
