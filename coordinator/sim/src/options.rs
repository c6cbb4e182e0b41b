//! Options of a simulation.

/// The size of a run. Together with the seed it decides every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Options {
    /// Events with faults; afterwards the faults stop and everything has to end
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    pub steps: u64,
    /// Workers on the farm
    #[arg(long, default_value_t = 6, value_name = "N", value_parser =
        clap::value_parser!(u32).range(1..))]
    pub workers: u32,
    /// Tasks over all jobs
    #[arg(long, default_value_t = 120, value_name = "N")]
    pub tasks: u32,
    /// A bug to plant, to see that it is found
    #[arg(long, value_name = "BUG")]
    pub plant: Option<Plant>,
}

/// Bugs that the simulation has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Plant {
    /// The driver carries out effects before the facts they follow from are appended
    EffectsFirst,
    /// The driver reports a grant that it could not send as a failed attempt, so that the worker's
    /// credit does not come back
    LostCredit,
    /// The driver reports orders that wait when a connection ends as failed attempts
    LostOrders,
    /// The scheduler rounds the memory that tasks need up to powers of two, to have fewer classes
    CoarseNeeds,
    /// The driver passes the core the wall clock's time
    WallClock,
    /// The driver charges a worker's own trouble to its task
    BlamedTasks,
}

impl Default for Options {
    fn default() -> Self {
        Self { steps: 5_000, workers: 6, tasks: 120, plant: None }
    }
}
