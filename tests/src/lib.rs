//! End-to-end tests in separate processes, and checks of the architecture. Its library is what the tests share.
