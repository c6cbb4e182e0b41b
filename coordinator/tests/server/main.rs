//! The coordinator as clients and workers meet it: over the network, on a real disk.

mod blobs;
mod expiry;
mod jobs;
mod restart;
mod start;
mod support;
mod watched;
mod workers;
