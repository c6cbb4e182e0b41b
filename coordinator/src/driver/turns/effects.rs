//! Sends what follows from recorded facts: replies, orders and events.

use impasto_core::{Effect, Input};
use impasto_types::{JobNews, Order};

use super::Turns;
use super::journal;
use crate::driver::orders::{Full, Pushed};

impl Turns {
    /// Returns whether the core was told something meanwhile.
    pub(super) async fn carry_out_effects(&mut self) -> bool {
        self.has_told = false;
        let effects = self.core.drain_effects();
        // Before any success is reported, so that a client that then submits the same action finds
        // the result.
        let remembered = effects.iter().filter_map(|effect| match effect {
            Effect::Remember { action, result } => Some((*action, result.clone())),
            _ => None,
        });
        self.unwritten.write(remembered.collect::<Vec<_>>(), &self.actions).await;
        for effect in effects {
            self.carry_out(effect);
        }
        self.has_told
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Submitted { request, job, known } => {
                if let Some(reply) = self.replies.submitted.remove(&request) {
                    let _ = reply.send((job, known));
                }
            }
            Effect::Changed { request, job } => {
                let people = self.clock.for_people();
                let summary = self.core.summary(job).map(|summary| people.summary(summary));
                self.replies.changed(request, summary);
            }
            Effect::NoSuchJob { request, job: _ } => self.replies.changed(request, None),
            Effect::Order { worker, order } => {
                if let Order::Welcome { name, .. } = &order {
                    self.links.name(worker, name);
                    journal::connected(&self.links, worker);
                }
                match self.links.send(worker, order) {
                    Ok(Pushed::Waits) => {}
                    Ok(Pushed::TookBack(lease)) => {
                        self.tell_more(Input::NotSent { worker, leases: vec![lease] });
                    }
                    Err(Full) => self.unlink(worker, "it does not read its orders"),
                }
            }
            Effect::Dismiss { worker } => {
                self.unlink(worker, "a newer connection replaced it, or it went silent");
            }
            Effect::Benched { worker, failures, reason, until: _ } => {
                journal::benched(&self.links, &worker, failures, &reason);
            }
            // Done before, together with the others of this turn.
            Effect::Remember { .. } => {}
            Effect::Task { job, task, event } => {
                let people = self.clock.for_people();
                let news = || people.news(JobNews::Task { task, asset: None, event });
                self.watchers.tell(job, news);
            }
            Effect::Job { summary } => {
                let (job, state) = (summary.job.0, summary.state);
                tracing::info!(job, %state, "a job's state has changed");
                let people = self.clock.for_people();
                self.watchers.tell(summary.job, || people.news(JobNews::Job(summary)));
            }
        }
    }
}
