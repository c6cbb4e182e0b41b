//! A disk of a few megabytes, which can be filled.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Process;
use crate::skipped::skipped;

/// A file system in memory over a folder. Only programs that are started [on it](Self::command) see
/// it there; the test finds it at [`Self::dir`]. It ends with this value.
///
/// A process holds it in a mount namespace of its own, so no privileges are needed where users may
/// make namespaces.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Process,
    folder: PathBuf,
}

/// The file that takes all the room.
const FILLER: &str = "filler";

impl SmallDisk {
    /// Mounts a disk of this size over `folder`, which is made. `None` if this system cannot, which
    /// is printed with `check`.
    pub fn over(folder: &Path, mebibytes: u32, check: &str) -> Option<Self> {
        fs::create_dir_all(folder).expect("it is made");
        let mount = format!("mount -t tmpfs -o size={mebibytes}m tmpfs \"$0\"");
        let shell = |script: &str| {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(folder);
            command
        };
        let can = shell(&mount).output().is_ok_and(|output| output.status.success())
            && Command::new("nsenter").arg("--version").output().is_ok();
        if !can {
            skipped(check, "small disks need Linux and the right to make namespaces");
            return None;
        }
        let hold = format!("{mount} && echo mounted && exec sleep 100000");
        let mut holder = Process::start(&mut shell(&hold));
        holder.until_out("the disk", |line| (line == "mounted").then_some(()));
        Some(Self { holder, folder: folder.to_owned() })
    }

    /// The same program, with the disk at its folder.
    pub fn command(&self, program: &Command) -> Command {
        let mut command = Command::new("nsenter");
        let id = self.holder.id().to_string();
        command.args(["--preserve-credentials", "--user", "--mount", "--target", &id]);
        // A namespace is entered at its root.
        let folder = program.get_current_dir().unwrap_or(Path::new("/"));
        command.args(["sh", "-c", "cd \"$0\" && exec \"$@\""]).arg(folder);
        command.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// The disk's folder, as the test sees it.
    pub fn dir(&self) -> PathBuf {
        let inside = self.folder.strip_prefix("/").expect("it is an absolute path");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside)
    }

    /// Takes all the room there is.
    pub fn fill(&self) {
        let mut filler = File::options()
            .create(true)
            .append(true)
            .open(self.dir().join(FILLER))
            .expect("it is made");
        // In pages, so that nothing is left.
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    /// Gives the room back.
    pub fn make_room(&self) {
        fs::remove_file(self.dir().join(FILLER)).expect("it was full");
    }

    /// Makes it read-only, as systems do after an error of the disk, or writable again.
    #[track_caller]
    pub fn set_read_only(&self, read_only: bool) {
        let how = if read_only { "remount,ro" } else { "remount,rw" };
        let mut remount = Command::new("mount");
        remount.args(["-o", how]).arg(&self.folder);
        let done = self.command(&remount).output().expect("there is a `mount`");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_fills_up_for_programs_on_it() {
        let outside = tempfile::tempdir().expect("a folder");
        let folder = outside.path().join("disk");
        let Some(disk) = SmallDisk::over(&folder, 1, "small disks") else { return };
        // Each time another file: one that is written again gives back its own room first.
        let write = |disk: &SmallDisk, name: &str| {
            let mut write = Command::new("sh");
            write.args(["-c", "echo room > \"disk/$NAME\""]).current_dir(outside.path());
            write.env("NAME", name);
            disk.command(&write).output().expect("it runs").status.success()
        };
        assert!(write(&disk, "first"));
        assert_eq!(fs::read_to_string(disk.dir().join("first")).expect("it is there"), "room\n");
        assert!(!folder.join("first").exists(), "it is another disk");
        disk.fill();
        assert!(!write(&disk, "second"));
        disk.make_room();
        assert!(write(&disk, "third"));
    }
}
