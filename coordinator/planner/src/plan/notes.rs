//! The notes of a plan, and its orphans.

use std::collections::{BTreeSet, HashSet};

use impasto_types::{AssetPath, ContainerFormat};
use rayon::prelude::*;

use super::{PlannedTask, Planner};
use crate::data_map::DataMaps;
use crate::glob_hint::GlobHints;
use crate::grouping::Asset;
use crate::loss::losses;
use crate::manifest::{Painting, Rule, Verdict};
use crate::udim::TileSets;
use crate::{ImageHeader, ListedAsset, Note};

/// As many globs as a line of a message holds.
const SHOWN_GLOBS: usize = 6;

impl Planner<'_> {
    pub(super) fn add_notes(&mut self, wanted: &[Vec<&ListedAsset>]) {
        let manifest = self.manifest;
        let listing = self.findings.listing;
        let passed = &listing.passed;
        let hints = GlobHints { manifest, assets: &listing.assets, passed };
        let data_maps = self.data_maps(wanted);
        for (index, (rule, assets)) in manifest.rules().iter().zip(wanted).enumerate() {
            // What is still being written may belong to it.
            if assets.is_empty() && !rule.skips() && passed.unsettled.is_empty() {
                let note = self.taken_before(rule, wanted).unwrap_or_else(|| {
                    let globs = rule.matches.patterns();
                    let hint = globs.iter().find_map(|glob| hints.hint(glob));
                    let rule = rule.name.clone();
                    Note::RuleMatchesNothing { rule, globs: globs.to_vec(), hint }
                });
                self.plan.notes.push(note);
            }
            self.note_absent(rule, assets);
            self.note_relief(index, assets);
            self.note_too_small(index, assets);
            if let Some(data_maps) = &data_maps {
                let paintings = manifest.paintings(index);
                if !paintings.iter().all(|painting| painting.paints_data()) {
                    self.note_data_maps(rule, assets, data_maps);
                }
                self.note_skipped(rule, index, data_maps);
            }
            self.note_quality(rule);
            self.add_losses(rule);
        }
        self.note_literal_globs(&hints, wanted);
        let missed = hints.missed_folders().cloned();
        self.plan.notes.extend(missed.map(|folder| Note::LinkedFolder { folder }));
        let unused =
            manifest.unused_styles().map(|style| Note::UnusedStyle { style: style.to_owned() });
        self.plan.notes.extend(unused);
    }

    /// The data maps among the files that rules paint or skip; `None` if no name has a map's word.
    /// Only the folders of names that have one are looked through.
    fn data_maps(&self, wanted: &[Vec<&ListedAsset>]) -> Option<DataMaps> {
        let images = &self.findings.listing.passed.images;
        let is_skipped = |verdict: &Verdict| matches!(verdict, Verdict::Skipped(_));
        let skipped = images.iter().filter(|(_, verdict)| is_skipped(verdict));
        let painted: Vec<&AssetPath> = wanted.iter().flatten().map(|asset| &asset.path).collect();
        let named: Vec<&AssetPath> =
            painted.iter().copied().chain(skipped.map(|(path, _)| path)).collect();
        let folder = |path: &AssetPath| path.parent().to_lowercase();
        let with_word = named.into_par_iter().filter(|path| DataMaps::word(path).is_some());
        let folders: HashSet<String> = with_word.map(folder).collect();
        if folders.is_empty() {
            return None;
        }
        let files: Vec<&AssetPath> =
            painted.into_iter().chain(images.iter().map(|(path, _)| path)).collect();
        let near = files.into_par_iter().filter(|path| folders.contains(&folder(path)));
        Some(DataMaps::among(near.collect::<Vec<_>>()))
    }

    fn note_data_maps(&mut self, rule: &Rule, assets: &[&ListedAsset], data_maps: &DataMaps) {
        let found = |asset: &&ListedAsset| Some((asset.path.clone(), data_maps.find(&asset.path)?));
        let maps: Vec<_> = assets.par_iter().filter_map(found).collect();
        let Some((first, _)) = maps.first() else { return };
        let globs: BTreeSet<String> = maps.iter().map(|(path, map)| map.glob_for(path)).collect();
        self.plan.notes.push(Note::DataMaps {
            rule: rule.name.clone(),
            first: first.clone(),
            count: maps.len(),
            globs: globs.into_iter().take(SHOWN_GLOBS).collect(),
        });
    }

    /// Warns of pictures that a rule skips along with data maps that are named like them.
    fn note_skipped(&mut self, rule: &Rule, index: usize, data_maps: &DataMaps) {
        let images = self.findings.listing.passed.images.iter();
        let skipped: Vec<&AssetPath> = images
            .filter(|(_, verdict)| matches!(verdict, Verdict::Skipped(by) if by.rule == index))
            .map(|(path, _)| path)
            .collect();
        let proven: BTreeSet<String> = skipped
            .iter()
            .filter(|path| data_maps.find(path).is_some())
            .filter_map(|path| DataMaps::word(path))
            .collect();
        let mut doubtful = skipped.into_iter().filter(|path| {
            data_maps.may_be_a_picture(path)
                && DataMaps::word(path).is_some_and(|word| proven.contains(&word))
        });
        let Some(first) = doubtful.next().cloned() else { return };
        let (rule, count) = (rule.name.clone(), 1 + doubtful.count());
        self.plan.notes.push(Note::SkippedPictures { rule, first, count });
    }

    /// Warns of a rule that sets `quality` though none of its outputs has one.
    fn note_quality(&mut self, rule: &Rule) {
        let mut formats = self
            .plan
            .tasks
            .iter()
            .filter(|task| task.rule() == rule.name)
            .flat_map(|task| task.form.action.outputs.iter().map(|output| output.format));
        let Some(format) = formats.next().filter(|_| rule.sets_quality()) else { return };
        if !format.has_quality() && !formats.any(ContainerFormat::has_quality) {
            let rule = rule.name.clone();
            self.plan.notes.push(Note::QualityWithoutJpeg { rule, format });
        }
    }

    /// Counts what the output of an asset that is about to be painted lacks.
    pub(super) fn note_losses(
        &mut self,
        asset: &AssetPath,
        rule: &str,
        header: ImageHeader,
        format: ContainerFormat,
    ) {
        for loss in losses(&header, format) {
            let of_rule = self.losses.entry(rule.to_owned()).or_default();
            let (_, count) = of_rule.entry(loss).or_insert_with(|| (asset.clone(), 0));
            *count += 1;
        }
    }

    fn add_losses(&mut self, rule: &Rule) {
        let lost = self.losses.remove(&rule.name).unwrap_or_default();
        if !lost.is_empty() {
            let losses = lost.into_iter().map(|(loss, (first, count))| (loss, first, count));
            let (rule, losses) = (rule.name.clone(), losses.collect());
            self.plan.notes.push(Note::Losses { rule, losses });
        }
    }

    /// Warns of globs that meet nothing because brackets in a name were read as a pattern. A rule
    /// that paints nothing has been noted with this reason.
    fn note_literal_globs(&mut self, hints: &GlobHints<'_>, wanted: &[Vec<&ListedAsset>]) {
        let mut tables: Vec<(String, &[String])> = Vec::new();
        let exclude = self.manifest.exclude().patterns();
        tables.push(("`exclude` of [project]".to_owned(), exclude));
        for (rule, assets) in self.manifest.rules().iter().zip(wanted) {
            if rule.skips() || !assets.is_empty() {
                tables.push((format!("rule `{}`", rule.name), rule.matches.patterns()));
            }
            tables.push((format!("`exclude` of rule `{}`", rule.name), rule.exclude.patterns()));
        }
        let globs = tables.iter().flat_map(|(table, globs)| globs.iter().map(move |g| (table, g)));
        let notes = globs.filter_map(|(table, glob)| {
            let hint = hints.literal(glob)?;
            Some(Note::GlobIsLiteral { table: table.clone(), glob: glob.clone(), hint })
        });
        self.plan.notes.extend(notes);
    }

    /// Warns of masks that a rule names but that do not exist: their assets are painted completely.
    fn note_absent(&mut self, rule: &Rule, files: &[&ListedAsset]) {
        let sets = TileSets::default();
        let assets = files.iter().map(|file| Asset::new(file, self.manifest, self.findings, &sets));
        // Many assets have no maps of their surface.
        let mut absent =
            assets.flat_map(|asset| asset.absent()).filter(|(part, _)| !part.is_surface());
        let Some((part, first)) = absent.next() else { return };
        let count = 1 + absent.count();
        let rule = rule.name.clone();
        self.plan.notes.push(Note::AbsentFiles { rule, part, first, count });
    }

    /// Warns of a rule with relief whose assets have no maps.
    fn note_relief(&mut self, index: usize, files: &[&ListedAsset]) {
        let rule = &self.manifest.rules()[index];
        let mut paintings = self.manifest.paintings(index).iter();
        let has_relief = paintings.any(|painting| painting.recipe.common().relief > 0.0);
        if !has_relief || files.is_empty() {
            return;
        }
        let names_maps = rule.companions.iter().any(|(part, _)| part.is_surface());
        let sets = TileSets::default();
        let mut assets =
            files.iter().map(|file| Asset::new(file, self.manifest, self.findings, &sets));
        let has_maps = |asset: Asset<'_>| {
            let is_model = asset.main.image.as_ref().is_ok_and(|own| own.format.is_model());
            is_model || asset.companions().any(|(part, _, _)| part.is_surface())
        };
        if !assets.any(has_maps) {
            let rule = rule.name.clone();
            self.plan.notes.push(Note::ReliefWithoutMaps { rule, names_maps });
        }
    }

    /// Notes the assets that are passed through because they are too small to be painted.
    fn note_too_small(&mut self, rule: usize, files: &[&ListedAsset]) {
        let paintings = self.manifest.paintings(rule);
        self.note_untextured(rule, files);
        let is_small = |header: &ImageHeader| {
            let small = |painting: &Painting| {
                !painting.recipe.common().can_paint(header.width, header.height)
            };
            header.width > 0 && paintings.iter().any(small)
        };
        let mut small = files.iter().filter(|file| file.image.as_ref().is_ok_and(is_small));
        let Some(first) = small.next() else { return };
        let (first, count) = (first.path.clone(), 1 + small.count());
        let rule = self.manifest.rules()[rule].name.clone();
        self.plan.notes.push(Note::TooSmall { rule, first, count });
    }

    /// Notes the models that are passed through because there is nothing of them to paint.
    fn note_untextured(&mut self, rule: usize, files: &[&ListedAsset]) {
        let is_bare = |file: &&&ListedAsset| {
            file.image.as_ref().is_ok_and(|own| own.format.is_model() && own.width == 0)
        };
        let mut bare = files.iter().filter(is_bare);
        let Some(first) = bare.next() else { return };
        let (first, count) = (first.path.clone(), 1 + bare.count());
        let rule = self.manifest.rules()[rule].name.clone();
        self.plan.notes.push(Note::Untextured { rule, first, count });
    }

    /// The note that an earlier rule takes what `rule` matches, if one does.
    fn taken_before(&self, rule: &Rule, wanted: &[Vec<&ListedAsset>]) -> Option<Note> {
        self.manifest.rules().iter().zip(wanted).find_map(|(earlier, assets)| {
            let taken = assets.iter().find(|asset| {
                self.manifest.in_assets(&asset.path).is_some_and(|path| rule.is_about(path))
            })?;
            Some(Note::RuleComesTooLate {
                rule: rule.name.clone(),
                earlier: earlier.name.clone(),
                asset: taken.path.clone(),
            })
        })
    }

    /// Adds recorded outputs that no task produces now, except those of assets that cannot be
    /// painted at the moment.
    pub(super) fn add_orphans(&mut self) {
        let unsettled = &self.findings.listing.passed.unsettled;
        let failing: BTreeSet<_> =
            self.plan.problems.iter().map(|problem| &problem.asset).chain(unsettled).collect();
        // A set of tiles is recorded under the first tile that it had.
        let set = |path: &AssetPath| self.manifest.tile(path).map(|(rule, name)| (rule, name.set));
        let failing_sets: HashSet<_> = match self.manifest.has_tiles() {
            true => failing.iter().filter_map(|path| set(path)).collect(),
            false => HashSet::new(),
        };
        let is_failing = |asset: &AssetPath| {
            failing.contains(asset)
                || !failing_sets.is_empty()
                    && set(asset).is_some_and(|set| failing_sets.contains(&set))
        };
        let tasks = self.plan.tasks.iter();
        let awaiting = self.plan.awaiting.iter().flat_map(|awaiting| awaiting.output_paths());
        // A network that was trained here is kept as long as rules paint with it.
        let made: HashSet<_> = tasks
            .flat_map(PlannedTask::output_paths)
            .chain(awaiting)
            .chain(self.manifest.networks())
            .chain(self.plan.copies.iter().map(|copy| &copy.output))
            .collect();
        let orphaned = self
            .findings
            .previous
            .iter()
            .filter(|(output, record)| !made.contains(output) && !is_failing(&record.asset));
        self.plan.orphans = orphaned.map(|(output, _)| output.clone()).collect();
    }
}
