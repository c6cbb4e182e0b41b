//! Progress and outcomes, for people and for programs.

mod build;
mod json;
mod line;
mod model_bar;
mod outcome;
mod paint_bar;
mod plan;
mod step_bar;
mod style;
mod train_bar;

pub(crate) use build::BuildView;
pub(crate) use json::JsonLines;
pub(crate) use model_bar::ModelBar;
pub(crate) use outcome::{exit, line};
pub(crate) use paint_bar::PaintBar;
pub(crate) use plan::{pace, plan, stale_time, summary};
pub(crate) use train_bar::TrainBar;
