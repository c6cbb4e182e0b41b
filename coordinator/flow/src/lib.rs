//! A project's build, from its manifest to its outputs: survey, restore from the cache, supply,
//! submit, follow, deliver.
//!
//! This crate prints nothing: it reports events to an [`Observer`], which the command line draws
//! and a server logs. It schedules nothing and starts no farm: it uses the trait [`Farm`],
//! implemented by the gRPC client and by a coordinator in the same process. The folder is not
//! called `build`, since many ignore files hide that name.

mod account;
mod batch;
mod build;
mod cache;
mod clean;
mod client;
mod dependencies;
mod error;
mod event;
#[cfg(test)]
mod fake_farm;
mod farm;
mod fetch;
mod follow;
mod glance;
mod handing;
mod held;
mod open_tasks;
mod outcome;
mod passed;
mod patience;
mod pending;
mod preview;
mod result_files;
mod submit;
mod supply;
mod survey;
#[cfg(test)]
mod test_project;
#[cfg(test)]
mod tests;

pub use build::Build;
pub use cache::ResultCache;
pub use clean::{Cleaned, Orphan, clean, orphans};
pub use dependencies::Folders;
pub use error::BuildError;
pub use event::{Event, ModelStep, Observer, Origin, Target};
pub use farm::{Farm, FarmError, NewJob, Watch};
pub use glance::Glance;
pub use held::Busy;
pub use outcome::{Failed, Made, Outcome};
pub use patience::IfLost;
pub use submit::{Submitted, submit};
pub use survey::{Survey, SurveyError, SurveyRequest, open, survey};
