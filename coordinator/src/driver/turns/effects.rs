//! Sends what follows from recorded facts: replies, orders and events.

use impasto_core::Effect;
use impasto_types::{Digest, JobNews, Order, TaskResult, error_text};

use super::Turns;
use super::journal;

impl Turns {
    pub(super) async fn carry_out_effects(&mut self) {
        let effects = self.core.drain_effects();
        // Before any success is reported, so that a client that then submits the same action finds
        // the result.
        self.remember(&effects).await;
        for effect in effects {
            self.carry_out(effect);
        }
    }

    async fn remember(&self, effects: &[Effect]) {
        let results: Vec<(Digest, TaskResult)> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Remember { action, result } => Some((*action, result.clone())),
                _ => None,
            })
            .collect();
        if results.is_empty() {
            return;
        }
        if let Err(error) = self.actions.put(results).await {
            tracing::warn!(cause = %error_text(&error), "cannot write results to the action cache");
        }
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
                if !self.links.send(worker, order) {
                    self.unlink(worker, "it does not read its orders");
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
