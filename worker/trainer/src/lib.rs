//! Trains networks that stylise in one pass (Johnson, Alahi and Fei-Fei, "Perceptual Losses for
//! Real-Time Style Transfer and Super-Resolution", 2016), one style or several (Dumoulin, Shlens
//! and Kudlur, "A Learned Representation for Artistic Style", 2017), or any (Huang and Belongie,
//! "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", 2017).
//!
//! Pictures and settings in, a network out. This crate knows no files, reads no clock and prints
//! nothing: its caller reads pictures, keeps checkpoints and draws progress.
//!
//! A [`Trainer`] takes one step at a time: it paints crops of training pictures, has the frozen VGG
//! compare them with the style and with what they were, and moves the network's parameters by Adam.
//! What a step does follows from the settings, the pictures and the step's number alone, so a run
//! that goes on from a [`State`] ends with the same bytes as one that was never interrupted, and so
//! does one on another number of threads.

mod adam;
mod any_style;
mod chance;
mod corpus;
mod error;
mod initial;
mod learned;
mod learner;
mod loss;
pub mod network;
mod state;
mod trainer;

pub use corpus::{Corpus, CorpusError, Fit, LEAST_PHOTOS, Photo};
pub use error::TrainError;
pub use impasto_engine::Image;
pub use impasto_engine::optimize::device::Terms;
pub use impasto_kernels::networks::{DecoderLayout, FeedForwardLayout};
pub use impasto_types::Training as Settings;
pub use state::{Held, State, StateError};
pub use trainer::{Kind, Sample, Step, Trainer, Verdict};
