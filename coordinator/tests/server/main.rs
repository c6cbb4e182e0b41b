//! Tests of the coordinator over the network, with a real disk.

mod blobs;
mod expiry;
mod jobs;
mod restart;
mod results;
mod start;
mod support;
mod troubles;
mod watched;
mod workers;
