//! Lists of globs over paths in a project.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A list of globs with the same meaning on every system: `*` and `?` stay within a folder, `**`
/// spans folders, case does not matter, `\` is not an escape.
#[derive(Debug, Clone, Default)]
pub(crate) struct PathGlobs {
    patterns: Vec<String>,
    set: GlobSet,
}

impl PathGlobs {
    /// # Errors
    /// The first glob that is invalid or would leave the folder, and why.
    pub(crate) fn new(patterns: Vec<String>) -> Result<Self, (String, String)> {
        let mut set = GlobSetBuilder::new();
        for pattern in &patterns {
            set.add(compile(pattern).map_err(|reason| (pattern.clone(), reason))?);
        }
        // Each glob compiles by itself, so the only error left is that together they are too large.
        let set = set.build().map_err(|error| (patterns.join(", "), error.kind().to_string()))?;
        Ok(Self { patterns, set })
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        self.set.is_match(path)
    }

    pub(crate) fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

fn compile(pattern: &str) -> Result<globset::Glob, String> {
    let refusal = match pattern {
        "" => Some("is empty"),
        _ if pattern.starts_with('/') => {
            Some("is absolute; give it relative to the folder of assets")
        }
        _ if pattern.contains('\\') => Some("has a backslash; write `/` on every system"),
        _ if pattern.contains(':') => {
            Some("has a `:`; give it relative to the folder of assets, without a drive")
        }
        _ if pattern.split('/').any(|component| component == "..") => {
            Some("has a `..`; it has to stay inside the project's folder")
        }
        _ if pattern.ends_with('/') => {
            Some("ends in `/`; write `/**` for all files below a folder")
        }
        _ => None,
    };
    if let Some(refusal) = refusal {
        return Err(refusal.to_owned());
    }
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(false)
        .case_insensitive(true)
        .empty_alternates(true)
        .build()
        .map_err(|error| format!("is not a glob: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_mean_the_same_on_every_system() {
        for (pattern, path, expected) in [
            ("walls/**/*.png", "walls/a.png", true),
            ("walls/**/*.png", "walls/old/deep/a.PNG", true),
            ("walls/*.png", "walls/old/a.png", false),
            ("**/*_n.*", "brick_n.tga", true),
            ("walls/**", "walls/a.png", true),
            ("*.{png,jpg}", "a.jpg", true),
            ("./a.png", "a.png", true),
            ("[[]x].png", "[x].png", true),
        ] {
            let globs = PathGlobs::new(vec![pattern.to_owned()]).expect("it is a glob");
            assert_eq!(globs.matches(path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn invalid_globs_and_globs_that_leave_the_folder_are_refused() {
        for bad in ["", "/a", "../*.png", "a/../../b", "a\\*.png", "C:/x", "textures/", "a[", "{a"]
        {
            assert!(
                PathGlobs::new(vec!["ok.png".to_owned(), bad.to_owned()])
                    .is_err_and(|(pattern, _)| pattern == bad),
                "{bad}"
            );
        }
    }
}
