//! Previews: the plan's pictures at a small size, beside the outputs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use impasto_planner::{ImageHeader, PlannedOutput, PlannedTask, Staleness, estimate};
use impasto_project::{Project, Scan};
use impasto_types::{
    AssetKind, AssetPath, ContainerFormat, Digest, MAX_SIDE, MIN_SIDE, OutputSpec, Part, UdimGrid,
};

/// The folder of previews among the project's private files.
const FOLDER: &str = "preview";

/// The folder of previews.
pub(crate) fn preview_dir(project: &Project) -> PathBuf {
    project.state_file(FOLDER)
}

/// The path of a file in it, relative to the project's folder.
fn preview_file(project: &Project, name: &str) -> Option<AssetPath> {
    let file = preview_dir(project).join(name);
    let relative = file.strip_prefix(project.dir()).ok()?;
    let parts: Option<Vec<_>> = relative.iter().map(|part| part.to_str()).collect();
    parts?.join("/").parse().ok()
}

/// Makes every task paint a picture whose longer side has at most `side_px` pixels, into the folder
/// of previews. All become stale: previews are not recorded, but their results are cached.
pub(crate) fn into_previews(
    tasks: &mut [PlannedTask],
    side_px: u32,
    project: &Project,
    found: &Scan,
) {
    let headers: BTreeMap<&AssetPath, &ImageHeader> = found
        .listing
        .assets
        .iter()
        .filter_map(|asset| Some((&asset.path, asset.image.as_ref().ok()?)))
        .collect();
    let inputs: BTreeMap<Digest, ImageHeader> = found
        .inputs
        .values()
        .filter_map(|input| input.as_ref().ok())
        .map(|file| (file.blob.digest, file.header))
        .collect();
    for task in tasks {
        task.state = Staleness::Stale([].into());
        leave_maps(task);
        join_files(task);
        for output in task.outputs.iter_mut() {
            if let Some(path) = beside(project, &output.path) {
                output.path = path;
            }
        }
        if let Some(header) = headers.get(&task.asset) {
            shrink(task, side_px, header, &inputs);
        }
    }
}

/// Makes a material a picture: a preview shows its colours.
fn leave_maps(task: &mut PlannedTask) {
    if task.form.action.kind != AssetKind::material() {
        return;
    }
    let action = &mut Arc::make_mut(&mut task.form).action;
    let has_mesh = task.inputs.iter().any(|input| input.part == Part::Mesh);
    action.kind = if has_mesh { AssetKind::model() } else { AssetKind::picture() };
    action.outputs.retain(|output| !output.part.is_surface());
    action.recipe.common_mut().relief = 0.0;
    let inputs = task.inputs.iter().filter(|input| !input.part.is_surface());
    task.inputs = inputs.copied().collect();
    let outputs = task.outputs.iter().filter(|output| !output.part.is_surface());
    task.outputs = outputs.cloned().collect();
    task.action = task.whole_action().digest();
}

/// Makes a model that is text one file: a preview is looked at, and has no files beside it.
fn join_files(task: &mut PlannedTask) {
    let is_text = |output: &OutputSpec| output.format == ContainerFormat::Gltf;
    if !task.form.action.outputs.iter().any(is_text) {
        return;
    }
    let action = &mut Arc::make_mut(&mut task.form).action;
    action.outputs.retain(|output| !matches!(output.part, Part::File(_)));
    action.outputs.iter_mut().for_each(|output| output.format = ContainerFormat::Glb);
    let own = task.outputs.iter().filter(|output| !matches!(output.part, Part::File(_)));
    // Beside the preview of a model that is one file itself.
    let named = |output: &PlannedOutput| {
        let path = format!("{}.{}", output.path, ContainerFormat::Glb).parse();
        PlannedOutput { path: path.unwrap_or_else(|_| output.path.clone()), ..output.clone() }
    };
    task.outputs = own.map(named).collect();
    task.action = task.whole_action().digest();
}

/// Where the preview of `output` lies. If its own path would become too long, a name made of its
/// digest.
fn beside(project: &Project, output: &AssetPath) -> Option<AssetPath> {
    let named = preview_file(project, &format!("pictures/{output}"));
    let short = || {
        let digest = Digest::of(output.as_str().as_bytes()).short();
        preview_file(project, &format!("pictures/{digest}.{}", output.extension()))
    };
    named.or_else(short)
}

/// Changes the recipe's size, and what follows from it.
fn shrink(
    task: &mut PlannedTask,
    side_px: u32,
    header: &ImageHeader,
    inputs: &BTreeMap<Digest, ImageHeader>,
) {
    // A tile is as large as another preview, and its whole set is painted; so is a texture, and
    // its whole model.
    let grid = UdimGrid::of_parts(task.inputs.iter().map(|input| input.part));
    let tile = (header.width, header.height);
    let asset = grid.map_or(tile, |grid| grid.whole(tile));
    let tile = header.largest.map_or(tile, |side| (side, side));
    let (width, height) = task.form.action.recipe.common().output_size(asset.0, asset.1);
    let longer = |size: (u32, u32)| u64::from(size.0.max(size.1).max(1));
    let most = u64::from(side_px) * longer(asset) / longer(tile);
    let most = u32::try_from(most).unwrap_or(MAX_SIDE).min(MAX_SIDE);
    let Some(side) = preview_side(width, height, most) else { return };
    let form = Arc::make_mut(&mut task.form);
    form.action.shrink(width.max(height), side);
    if grid.is_some() {
        form.action.outputs.truncate(1);
        task.outputs = task.outputs.iter().take(1).cloned().collect();
    }
    let action = &task.form.action;
    let size = action.recipe.common().output_size(asset.0, asset.1);
    let size_of = |digest: &Digest| inputs.get(digest).map(|header| (header.width, header.height));
    let decoded: Vec<_> = action
        .all_styles()
        .filter_map(|(style, _)| {
            let digest = &style.blob.digest;
            Some((inputs.get(digest)?.footprint(), size_of(digest)?))
        })
        .collect();
    let styles: Vec<_> = decoded.iter().map(|(_, size)| *size).collect();
    let of_part = |wanted: Part| {
        let blob = task.input(wanted).and_then(|input| input.blob());
        blob.and_then(|blob| size_of(&blob.digest))
    };
    let sources: Vec<_> =
        styles.iter().copied().chain(of_part(Part::Init)).chain([asset]).collect();
    let has_islands = action.kind.has_seams() || action.recipe.common().has_islands(header.alpha);
    let masked = of_part(Part::Mask)
        .or(of_part(Part::Regions))
        .or(has_islands.then_some(asset))
        .map_or(0, |mask| estimate::mask_bytes(&action.recipe, size, mask))
        + estimate::regions_bytes(action, asset, size);
    let beside = [Part::Init, Part::Mask, Part::Regions].into_iter().filter_map(|part| {
        let blob = task.input(part)?.blob()?;
        inputs.get(&blob.digest)
    });
    let others: Vec<_> = beside.chain([header]).map(ImageHeader::footprint).collect();
    let own = if action.kind.has_seams() { estimate::material_bytes(asset) } else { 0 };
    let recipe = estimate::sized(&action.recipe, asset, size);
    let channels = estimate::channels_bytes(&recipe, asset, size);
    let painted =
        estimate::memory_bytes(&recipe, size, &sources, &styles) + masked + own + channels;
    let read = estimate::decoding_bytes(&recipe, size, &decoded, &others);
    task.least_memory_bytes = painted.max(read);
    task.work = estimate::action_work(action, size.0, size.1);
    task.action = task.whole_action().digest();
}

/// The longer side of the preview of a picture; `None` if the picture is small already. The shorter
/// side stays large enough to be painted.
fn preview_side(width: u32, height: u32, side_px: u32) -> Option<u32> {
    let (longer, shorter) = (width.max(height), width.min(height).max(1));
    let least = (u64::from(MIN_SIDE) * u64::from(longer)).div_ceil(u64::from(shorter));
    let side = side_px.max(u32::try_from(least).unwrap_or(u32::MAX));
    (side < longer).then_some(side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_small_but_can_be_painted() {
        for (size, side, expected) in [
            ((1024, 512), 256, Some(256)),
            ((512, 1024), 256, Some(256)),
            ((256, 256), 256, None),
            ((64, 48), 256, None),
            ((4096, 64), 256, Some(1024)),
            ((4096, 16), 256, None),
            ((300, 1), 256, None),
        ] {
            assert_eq!(preview_side(size.0, size.1, side), expected, "{size:?}");
        }
    }
}
