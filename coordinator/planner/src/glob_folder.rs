//! The folder that a glob begins in.

/// The folder, as `glob` spells it, below which everything lies that the glob matches: its leading
/// components without wildcards. Empty for the folder that globs are relative to.
pub(crate) fn glob_folder(glob: &str) -> String {
    let glob = glob.strip_prefix("./").unwrap_or(glob);
    let folders = glob.rsplit_once('/').map_or("", |(folders, _)| folders);
    let is_plain = |component: &&str| !component.contains(['*', '?', '[', ']', '{', '}']);
    folders.split('/').take_while(is_plain).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        for (glob, folder) in [
            ("textures/**", "textures"),
            ("textures/walls/*.png", "textures/walls"),
            ("textures/brick.png", "textures"),
            ("./textures/**", "textures"),
            ("textures/*/walls/a.png", "textures"),
            ("{a,b}/c.png", ""),
            ("[wip] walls/**", ""),
            ("**/*.png", ""),
            ("*.png", ""),
            ("a.png", ""),
        ] {
            assert_eq!(glob_folder(glob), folder, "{glob}");
        }
    }
}
