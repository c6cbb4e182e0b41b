//! Names that editors, browsers and copying programs give to unfinished files.

const SUFFIXES: [&str; 9] =
    ["~", ".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp"];

/// Whether files and folders of this name are ignored, because they are hidden or temporary.
pub(crate) fn is_passed_over(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    // Hidden names are version control, caches and incomplete files; `~$` is an office lock; vim
    // tests folders with a file `4913`.
    lower.starts_with(['.', '~'])
        || lower == "4913"
        || (lower.len() > 1 && lower.starts_with('#') && lower.ends_with('#'))
        || SUFFIXES.iter().any(|suffix| lower.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_and_temporary_names_are_ignored() {
        for name in [
            ".git",
            ".a.png.Xy12",
            ".~lock.a.png#",
            "a.png~",
            "a.png.TMP",
            "a.part",
            "a.png.crdownload",
            "#a.png#",
            "4913",
            "~$a.png",
        ] {
            assert!(is_passed_over(name), "{name}");
        }
        for name in ["a.png", "part.png", "4913.png", "#1.png", "#", "temp", "a~b.png", "tmp.png"] {
            assert!(!is_passed_over(name), "{name}");
        }
    }
}
