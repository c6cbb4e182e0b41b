//! `@file` arguments: a file of arguments, one per line, for command lines longer than the system
//! allows.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// A file of arguments that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the arguments in {}", path.display())]
pub struct AtFileError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Replaces every `@FILE` with the lines of that file. Blank lines and lines that begin with `#`
/// are ignored; `@@x` is the argument `@x`. Lines are not expanded, so a file cannot name another.
/// After `--` nothing is replaced.
///
/// # Errors
/// If a file cannot be read or is not UTF-8.
pub fn expand(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, AtFileError> {
    let mut expanded = Vec::new();
    let mut literal = false;
    for argument in arguments {
        literal |= argument == "--";
        match argument.to_str().and_then(|text| text.strip_prefix('@')) {
            Some(rest) if !literal && rest.starts_with('@') => expanded.push(rest.into()),
            Some(file) if !literal && !file.is_empty() => {
                let text = std::fs::read_to_string(file)
                    .map_err(|source| AtFileError { path: file.into(), source })?;
                let lines = text
                    .lines()
                    .map(str::trim_end)
                    .filter(|line| !line.is_empty() && !line.starts_with('#'));
                expanded.extend(lines.map(OsString::from));
            }
            _ => expanded.push(argument),
        }
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_by_its_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("args");
        std::fs::write(&file, "# for the night build\n--style\nstyles/a b.jpg\n\n@not-a-file\r\n")
            .expect("it is written");
        let at = OsString::from(format!("@{}", file.display()));
        let given = ["impasto".into(), at, "@@x".into(), "@".into(), "--".into(), "@y".into()];
        let expanded = expand(given).expect("it is read");
        assert_eq!(
            expanded,
            ["impasto", "--style", "styles/a b.jpg", "@not-a-file", "@x", "@", "--", "@y"]
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = expand(["@no/such/file".into()]).expect_err("there is none");
        assert_eq!(error.to_string(), "cannot read the arguments in no/such/file");
    }
}
