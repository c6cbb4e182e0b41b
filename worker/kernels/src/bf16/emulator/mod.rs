//! AMX in software, for tests on machines that lack it: a SIGILL handler that executes the tile instructions.
