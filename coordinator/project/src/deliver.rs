//! Putting a result into a project.

use impasto_types::AssetPath;

use crate::project::Project;
use crate::replace::{Delivered, ReplaceError, replace_file};

/// Gives the output at `output` the content `bytes`, at once or not at all. Folders above it are
/// made.
///
/// # Errors
/// The path is a link or leads through one, or the file cannot be written; it is then as it was.
pub fn deliver(
    project: &Project,
    output: &AssetPath,
    bytes: &[u8],
) -> Result<Delivered, ReplaceError> {
    let target = project.resolve(output)?;
    // Behind a link may lie another output, or the very asset that the output was painted from.
    if target != project.resolved(output) {
        return Err(ReplaceError::Linked { output: output.clone(), target });
    }
    replace_file(&target, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::{TestProject, path};

    #[test]
    fn outputs_are_made_where_the_manifest_says() {
        let test = TestProject::new();
        let output = path("stylized/walls/a.png");
        assert_eq!(
            deliver(test.project(), &output, b"new").expect("it is delivered"),
            Delivered::Written
        );
        assert_eq!(
            deliver(test.project(), &output, b"new").expect("it is compared"),
            Delivered::Unchanged
        );
        assert_eq!(std::fs::read(test.project().path_of(&output)).expect("it is there"), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_an_asset_does_not_cost_the_asset() {
        let test = TestProject::new();
        let asset = test.dir().join("a.png");
        std::fs::write(&asset, b"precious").expect("it is written");
        std::fs::create_dir(test.dir().join("stylized")).expect("it is made");
        std::os::unix::fs::symlink("../a.png", test.dir().join("stylized/a.png"))
            .expect("it is linked");
        let error = deliver(test.project(), &path("stylized/a.png"), b"new")
            .expect_err("it would overwrite")
            .to_string();
        assert!(error.starts_with("`stylized/a.png` is a link to "), "{error}");
        assert_eq!(std::fs::read(asset).expect("it is there"), b"precious");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_project_is_not_followed() {
        let outside = tempfile::tempdir().expect("a folder");
        let test = TestProject::new();
        std::os::unix::fs::symlink(outside.path(), test.dir().join("stylized"))
            .expect("it is linked");
        let error = deliver(test.project(), &path("stylized/a.png"), b"new")
            .expect_err("it would leave")
            .to_string();
        assert_eq!(error, "`stylized/a.png` is a link out of the project, or leads through one");
        assert_eq!(std::fs::read_dir(outside.path()).expect("it can be listed").count(), 0);
    }
}
