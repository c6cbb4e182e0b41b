//! Following a job to its end, over restarts of the coordinator, and delivering each result as it
//! arrives.

use std::time::Duration;

use impasto_types::{Attempt, Digest, JobId, JobNews, TaskEvent, TaskIndex};
use tokio_util::sync::CancellationToken;

use super::delivery::Delivery;
use super::local_cache::LocalCache;
use super::patience::Patience;
use super::{BuildError, Event, Origin};
use crate::farm::{FarmClient, FarmError};

/// How long a canceled job may take to end: a worker stops between two steps, which take seconds on
/// a slow machine.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// A job, and who follows it.
pub(crate) struct Following<'a> {
    pub(crate) client: &'a FarmClient,
    pub(crate) job: JobId,
    /// The actions of the job's tasks, in their order.
    pub(crate) actions: &'a [Digest],
    pub(crate) keep: Option<&'a LocalCache>,
    pub(crate) cancel: &'a CancellationToken,
}

/// How a job was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has ended, or the coordinator knows that it is canceled.
    Ended,
    /// Nobody could be told that it is not wanted any more: the next build finds it.
    Running,
}

/// Follows the job until it has ended, or has been canceled.
pub(crate) async fn follow(
    following: Following<'_>,
    mut patience: Patience<'_>,
    delivery: &mut Delivery<'_>,
) -> Result<Left, BuildError> {
    loop {
        let seen = tokio::select! {
            seen = following.see(&mut patience, delivery) => seen,
            () = following.cancel.cancelled() => {
                delivery.observer().event(Event::Canceling);
                return following.give_up(delivery).await;
            }
        };
        match seen {
            Ok(()) => return Ok(Left::Ended),
            Err(error) => match patience.wait(error).await {
                Ok(()) => {}
                // Nobody waits any more, and there is nobody to cancel the job at.
                Err(_) if following.cancel.is_cancelled() => return Ok(Left::Running),
                Err(error) => return Err(error.into()),
            },
        }
    }
}

impl Following<'_> {
    /// Watches until the job has ended.
    async fn see(
        &self,
        patience: &mut Patience<'_>,
        delivery: &mut Delivery<'_>,
    ) -> Result<(), FarmError> {
        let mut watch = self.client.watch(self.job).await?;
        let mut ended = false;
        while let Some(news) = watch.next().await? {
            patience.answered();
            match news {
                JobNews::Job(job) => ended = job.state.has_ended(),
                JobNews::Task { task, event, .. } => self.take(task, event, delivery).await?,
                JobNews::CaughtUp => {}
            }
        }
        if ended {
            Ok(())
        } else {
            Err(FarmError::Away { source: tonic::Status::unavailable("it ended the stream") })
        }
    }

    async fn take(
        &self,
        task: TaskIndex,
        event: TaskEvent,
        delivery: &mut Delivery<'_>,
    ) -> Result<(), FarmError> {
        // A job that an earlier build handed in may hold tasks that are done, or that nobody wants
        // any more.
        let Some(&action) = usize::try_from(task.0).ok().and_then(|index| self.actions.get(index))
        else {
            return Ok(());
        };
        let Some(target) = delivery.target(action) else { return Ok(()) };
        match event {
            TaskEvent::Blocked
            | TaskEvent::Ready { attempts: Attempt(0), .. }
            | TaskEvent::Canceled => {}
            TaskEvent::Ready { attempts: Attempt(attempts), message, .. } => {
                delivery.observer().event(Event::Waiting { target, attempts, message: &message })
            }
            TaskEvent::Leased { worker, attempt: Attempt(attempt), progress } => {
                let worker = worker.as_str();
                delivery.observer().event(Event::Started { target, worker, attempt });
                if let Some(progress) = progress {
                    delivery.observer().event(Event::Progress { target, progress });
                }
            }
            TaskEvent::Progress(progress) => {
                delivery.observer().event(Event::Progress { target, progress })
            }
            TaskEvent::Failed { message, .. } => delivery.fail(action, &message),
            TaskEvent::Succeeded { result, worker, attempts: _ } => {
                let blob = result.outputs[0].blob;
                match self.client.blobs().download(blob).await.map_err(FarmError::from) {
                    Ok(bytes) => {
                        if let Some(cache) = self.keep {
                            cache.keep(action, &result, &bytes);
                        }
                        let origin =
                            if worker.is_some() { Origin::Painted } else { Origin::Cached };
                        delivery.deliver(action, &result, &bytes, origin);
                    }
                    Err(error) if error.is_away() => return Err(error),
                    Err(error) => {
                        delivery.fail(action, &format!("its picture did not arrive: {error}"))
                    }
                }
            }
        }
        Ok(())
    }

    /// Cancels the job, and takes what is finished by then.
    async fn give_up(&self, delivery: &mut Delivery<'_>) -> Result<Left, BuildError> {
        let ending = async {
            self.client.cancel(self.job).await?;
            let mut watch = self.client.watch(self.job).await?;
            while let Some(news) = watch.next().await? {
                match news {
                    JobNews::Task { task, event, .. } => self.take(task, event, delivery).await?,
                    JobNews::Job(_) | JobNews::CaughtUp => {}
                }
            }
            Ok::<(), FarmError>(())
        };
        match tokio::time::timeout(CANCEL_TIMEOUT, ending).await {
            Ok(Ok(())) => Ok(Left::Ended),
            Ok(Err(error)) if !error.is_away() => Err(error.into()),
            // A coordinator that is gone cannot be told; what it still paints goes into its cache.
            Ok(Err(_)) | Err(_) => Ok(Left::Running),
        }
    }
}
