//! What a file system's event means for a watcher.

use std::path::PathBuf;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind};

/// The part of an event that a watcher needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// Something may have changed at these paths; a rename names both.
    Paths(Vec<PathBuf>),
    /// Events were lost: anything may have changed.
    Rescan,
    /// Events stopped, or are missing for some files.
    Failed(String),
    Nothing,
}

pub(super) fn hint(event: notify::Result<Event>) -> Hint {
    let event = match event {
        Ok(event) => event,
        Err(error) => return Hint::Failed(why_not(&error)),
    };
    // Checked first, since it may come without a path.
    if event.need_rescan() {
        return Hint::Rescan;
    }
    match event.kind {
        // A closed writer may have changed the file; readers have not.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Hint::Paths(event.paths),
        EventKind::Access(_) => Hint::Nothing,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => Hint::Paths(event.paths),
    }
}

/// Why the system cannot watch, and what helps.
pub(super) fn why_not(error: &notify::Error) -> String {
    let limit = match &error.kind {
        notify::ErrorKind::MaxFilesWatch => true,
        // ENOSPC: inotify has no watches left. This is not about disk space.
        notify::ErrorKind::Io(error) => {
            cfg!(target_os = "linux") && error.raw_os_error() == Some(28)
        }
        _ => false,
    };
    if limit {
        "the system's limit on watched folders is reached; \
         `sudo sysctl fs.inotify.max_user_watches=524288` raises it"
            .to_owned()
    } else {
        format!("the system cannot watch the folder: {error}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, Flag, MetadataKind, ModifyKind, RenameMode};

    #[test]
    fn events_become_hints() {
        let at = |kind| hint(Ok(Event::new(kind).add_path("a.png".into())));
        let here = || Hint::Paths(vec!["a.png".into()]);
        assert_eq!(at(EventKind::Create(CreateKind::File)), here());
        assert_eq!(at(EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any))), here());
        assert_eq!(at(EventKind::Access(AccessKind::Close(AccessMode::Write))), here());
        assert_eq!(at(EventKind::Access(AccessKind::Open(AccessMode::Read))), Hint::Nothing);
        let rename = Event::new(EventKind::Modify(ModifyKind::Name(RenameMode::Both)))
            .add_path("a.tmp".into())
            .add_path("a.png".into());
        assert_eq!(hint(Ok(rename)), Hint::Paths(vec!["a.tmp".into(), "a.png".into()]));
        assert_eq!(hint(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan))), Hint::Rescan);
    }

    #[test]
    fn the_watch_limit_is_distinguished_from_other_errors() {
        assert!(why_not(&notify::Error::new(notify::ErrorKind::MaxFilesWatch)).contains("sysctl"));
        assert!(why_not(&notify::Error::generic("odd")).contains("odd"));
        #[cfg(target_os = "linux")]
        assert!(
            why_not(&notify::Error::io(std::io::Error::from_raw_os_error(28))).contains("sysctl")
        );
    }
}
