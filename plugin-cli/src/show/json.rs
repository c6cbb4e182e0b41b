//! A build's events as JSON lines.

use impasto_build::{Event, Observer};

use crate::Screen;

#[derive(Debug)]
pub(crate) struct JsonLines<'a> {
    pub(crate) screen: &'a Screen,
}

impl Observer for JsonLines<'_> {
    fn event(&self, event: Event<'_>) {
        self.screen.json(&event);
    }
}
