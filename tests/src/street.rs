//! A project of houses, for tests that disturb a farm while it paints them.

use std::collections::BTreeMap;

use crate::farm::Coordinator;
use crate::pictures;
use crate::process::{Finished, Process};
use crate::project::Project;

/// Houses in one style.
#[derive(Debug)]
pub struct Street {
    pub project: Project,
    houses: u32,
    seed: u32,
    iterations: u32,
}

impl Street {
    /// Streets with different seeds have no house in common. A house takes a tenth of a second or
    /// so for each iteration.
    pub fn new(houses: u32, seed: u32, iterations: u32) -> Self {
        let project = Project::empty();
        project.replace("impasto.toml", "iterations = 3", &format!("iterations = {iterations}"));
        for number in 1..=houses {
            let house = pictures::bricks(32, 32, 100 * seed + number);
            project.save(&format!("textures/house_{number}.png"), &house);
        }
        Self { project, houses, seed, iterations }
    }

    /// Builds it on a farm, and nowhere else.
    pub fn start_build(&self, coordinator: &Coordinator) -> Process {
        let url = &coordinator.url;
        self.project.start(&["build", "--json", "--require-farm", "--coordinator", url])
    }

    /// Submits it, and returns the number of the job.
    pub fn submit(&self, coordinator: &Coordinator) -> u64 {
        let url = &coordinator.url;
        let submitted = self.project.run(&["submit", "--json", "--coordinator", url]);
        submitted.expect_code(0).document()["job"].as_u64().expect("a number")
    }

    /// Asserts that a build painted and delivered each house once, with the same bytes as without a
    /// farm.
    #[track_caller]
    pub fn assert_painted(&self, built: &Finished) {
        let mut delivered: Vec<String> = built
            .events_named("delivered")
            .iter()
            .map(|event| event["output"].as_str().expect("it is text").to_owned())
            .collect();
        delivered.sort_unstable();
        let mut expected: Vec<String> = (1..=self.houses)
            .map(|number| format!("painted/textures/house_{number}.png"))
            .collect();
        expected.sort_unstable();
        assert_eq!(delivered, expected, "each is delivered once: {built}");
        assert!(self.project.painted() == self.painted_here(), "other pictures: {built}");
    }

    fn painted_here(&self) -> BTreeMap<String, Vec<u8>> {
        let same = Self::new(self.houses, self.seed, self.iterations);
        same.project.build();
        same.project.painted()
    }
}
