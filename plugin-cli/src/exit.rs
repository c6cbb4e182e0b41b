//! Exit codes.

/// The exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done,
    /// Some assets failed or are stale, or something failed on this machine.
    Unfinished,
    /// A flag, a manifest or a configuration is wrong.
    Usage,
    /// The farm cannot be reached, or was lost and did not return.
    Unreachable,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unfinished => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_as_documented() {
        let codes =
            [Exit::Done, Exit::Unfinished, Exit::Usage, Exit::Unreachable, Exit::Interrupted]
                .map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 130]);
    }
}
