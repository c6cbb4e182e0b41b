//! Names that editors, browsers and copying programs give to unfinished files.

const SUFFIXES: [&str; 9] =
    ["~", ".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp"];

/// Whether files and folders of this name are ignored, because they are hidden or temporary.
pub(crate) fn is_passed_over(name: &str) -> bool {
    let ends_with = |suffix: &str| {
        let start = name.len().checked_sub(suffix.len());
        start.is_some_and(|start| name.as_bytes()[start..].eq_ignore_ascii_case(suffix.as_bytes()))
    };
    // Hidden names are version control, caches and incomplete files; `~$` is an office lock; vim
    // tests folders with a file `4913`.
    name.starts_with(['.', '~'])
        || name == "4913"
        || (name.len() > 1 && name.starts_with('#') && name.ends_with('#'))
        || SUFFIXES.iter().any(|suffix| ends_with(suffix))
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
