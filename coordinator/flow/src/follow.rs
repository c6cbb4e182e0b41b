//! Follows a job to its end, even if the coordinator restarts.

use std::time::Duration;

use impasto_models::ModelStore;
use impasto_types::{Attempt, Digest, JobId, JobNews, TaskEvent, TaskIndex};
use tokio::time::Instant;

use crate::account::Account;
use crate::error::BuildError;
use crate::event::{Event, Origin};
use crate::farm::{Farm, FarmError, Watch};
use crate::fetch::Fetches;
use crate::patience::{IfLost, Patience};
use crate::supply::supply_again;

/// How long to wait for a canceled job to end. A user who presses Ctrl-C expects seconds.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// A submitted job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    /// Its idempotency key.
    pub(crate) key: String,
    /// The actions of the job's tasks, in their order.
    pub(crate) actions: Vec<Digest>,
    /// Whether this project's folder submitted it, and not another checkout.
    pub(crate) is_ours: bool,
}

/// The state in which a job was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Left {
    /// It has ended, or the coordinator has canceled it.
    Ended,
    /// The coordinator could not be told to cancel it, or it is another's: the next build finds it.
    Running,
}

/// Follows the job until it has ended, or has been canceled. Inputs that the farm has lost are sent
/// again.
pub(crate) async fn follow<F: Farm>(
    account: &mut Account<'_>,
    fetches: &mut Fetches<F>,
    farm: &F,
    job: &Job,
    models: &ModelStore,
    if_lost: IfLost,
) -> Result<Left, BuildError> {
    let (observer, cancel) = (account.observer, account.cancel.clone());
    let mut patience = Patience::new(if_lost.patience(), observer, &cancel);
    loop {
        let seen = tokio::select! {
            seen = see(account, fetches, farm, job, Some((&mut patience, models))) => seen,
            () = cancel.cancelled() => {
                observer.event(Event::Canceling);
                return give_up(account, fetches, farm, job).await;
            }
        };
        match seen {
            Ok(()) => return Ok(Left::Ended),
            Err(error) => match patience.wait(error, Instant::now()).await {
                Ok(()) => {}
                // The build was canceled, and no coordinator answers that could cancel the job.
                Err(_) if cancel.is_cancelled() => return Ok(Left::Running),
                Err(error) => return Err(error.into()),
            },
        }
    }
}

/// Watches until the job has ended and its results are delivered.
async fn see<F: Farm>(
    account: &mut Account<'_>,
    fetches: &mut Fetches<F>,
    farm: &F,
    job: &Job,
    mut attended: Option<(&mut Patience<'_>, &ModelStore)>,
) -> Result<(), FarmError> {
    let mut watch = farm.watch(job.id).await?;
    let (mut ended, mut closed) = (false, false);
    while !(closed && fetches.is_empty()) {
        let may_watch = !closed && fetches.has_room();
        tokio::select! {
            Some(fetched) = fetches.next(), if !fetches.is_empty() => account.settle(fetched)?,
            news = watch.next(), if may_watch => {
                let news = news?;
                if let Some((patience, models)) = &mut attended {
                    patience.answered();
                    if let Some(JobNews::Task { event, .. }) = &news
                        && let TaskEvent::Ready { missing, .. } = event
                    {
                        supply_again(farm, &account.survey, models, missing).await?;
                    }
                }
                match news {
                    None => closed = true,
                    Some(JobNews::CaughtUp) => {}
                    // A farm that was begun anew may have given the number to another job.
                    Some(JobNews::Job(summary)) if summary.key != job.key => {
                        return Err(FarmError::NoSuchJob { job: job.id });
                    }
                    Some(JobNews::Job(summary)) => ended = summary.state.has_ended(),
                    Some(JobNews::Task { task, event, .. }) => {
                        take(account, fetches, job, task, event);
                    }
                }
            }
            // The last fetch did not finish.
            else => {}
        }
    }
    if ended { Ok(()) } else { Err(FarmError::Away("the coordinator ended the stream".into())) }
}

/// Handles one event of a task.
fn take<F: Farm>(
    account: &mut Account<'_>,
    fetches: &mut Fetches<F>,
    job: &Job,
    task: TaskIndex,
    event: TaskEvent,
) {
    // A job of an earlier build may have tasks that are done or no longer needed.
    let action = usize::try_from(task.0).ok().and_then(|index| job.actions.get(index));
    let Some(&action) = action else { return };
    // A part of a training run stands for the whole until its last one ends.
    let (action, is_part) = match account.is_open(action) {
        true => (action, false),
        false => match account.follower(action) {
            Some(follower) => (follower, true),
            None => return,
        },
    };
    let observer = account.observer;
    let Some(target) = account.target(action) else { return };
    match event {
        TaskEvent::Blocked
        | TaskEvent::Ready { attempts: Attempt(0), .. }
        | TaskEvent::Canceled => {}
        TaskEvent::Ready { attempts: Attempt(attempts), message, .. } => {
            observer.event(Event::Waiting { target, attempts, message: &message });
        }
        TaskEvent::Leased { worker, attempt: Attempt(attempt), progress } => {
            let worker = worker.as_str();
            observer.event(Event::Started { target, worker, attempt });
            if let Some(progress) = progress {
                observer.event(Event::Progress { target, progress });
            }
        }
        TaskEvent::Progress(progress) => observer.event(Event::Progress { target, progress }),
        TaskEvent::Failed { message, .. } => account.fail(action, &message),
        TaskEvent::Succeeded { .. } if is_part => {}
        TaskEvent::Succeeded { result, worker, .. } => {
            let origin = if worker.is_some() { Origin::Painted } else { Origin::Cached };
            fetches.start(account.order(action, result, origin));
        }
    }
}

/// Cancels the job, unless others wait for it, and delivers the results that exist by then.
async fn give_up<F: Farm>(
    account: &mut Account<'_>,
    fetches: &mut Fetches<F>,
    farm: &F,
    job: &Job,
) -> Result<Left, BuildError> {
    if !job.is_ours {
        return Ok(Left::Running);
    }
    let ending = async {
        farm.cancel(job.id).await?;
        see(account, fetches, farm, job, None).await
    };
    match tokio::time::timeout(CANCEL_TIMEOUT, ending).await {
        Ok(Ok(())) => Ok(Left::Ended),
        Ok(Err(error)) if !error.is_away() => Err(error.into()),
        // The coordinator does not answer. Results that it still gets go into its cache.
        Ok(Err(_)) | Err(_) => Ok(Left::Running),
    }
}
