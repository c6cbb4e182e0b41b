//! The projects of a round, and what they have to look like.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::process::Command;

use crate::pictures;
use crate::project::Project;

/// Pictures by their paths below the project's `painted`.
pub(super) type Paintings = BTreeMap<String, Vec<u8>>;

/// A project of houses. Two projects that have the same house need the same result.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) name: &'static str,
    pub(super) project: Project,
    houses: RangeInclusive<u32>,
}

/// The side of a house in pixels, and the steps that make it take about half a second in a debug
/// build.
const SIDE: u32 = 48;
const ITERATIONS: &str = "iterations = 8";

impl Town {
    pub(super) fn new(name: &'static str, houses: RangeInclusive<u32>) -> Self {
        let project = Project::empty();
        project.replace("impasto.toml", "iterations = 3", ITERATIONS);
        for number in houses.clone() {
            project
                .save(&format!("textures/{}", file(number)), &pictures::bricks(SIDE, SIDE, number));
        }
        Self { name, project, houses }
    }

    /// How many assets it has.
    pub(super) fn size(&self) -> usize {
        self.houses.clone().count()
    }

    /// The outputs, as events name them.
    pub(super) fn outputs(&self) -> impl Iterator<Item = String> {
        self.houses.clone().map(|number| format!("painted/textures/{}", file(number)))
    }

    /// A build on the farm at `url`.
    pub(super) fn build(&self, url: &str) -> Command {
        self.project.impasto(&["build", "--json", "--require-farm", "--coordinator", url])
    }

    /// The paintings among `all` that it should have.
    pub(super) fn expected(&self, all: &Paintings) -> Paintings {
        let files = self.houses.clone().map(|number| format!("textures/{}", file(number)));
        files.map(|file| (file.clone(), all[&file].clone())).collect()
    }
}

/// The houses from 1 to `last`, painted without a farm.
pub(super) fn paint_here(last: u32) -> Paintings {
    let town = Town::new("reference", 1..=last);
    town.project.build();
    town.project.painted()
}

fn file(number: u32) -> String {
    format!("house_{number}.png")
}
