//! A UDIM set: its tiles side by side are one picture, so that strokes and colours go on from tile
//! to tile, and are cut apart again when the paint is dry.

use impasto_assets::{ColorSpace, LightMeter, Limits, ToneCurve, decode};
use impasto_engine::{Image, Joins, Mask, resize_plane};
use impasto_types::{OutputSpec, Part, Recipe, UdimGrid};

use super::{
    Adapter, AdapterError, Files, OpenAsset, Opened, OutputFile, PictureAdapter, View, check_shape,
    resized,
};

/// Opens a UDIM set: every [`Part::Udim`] is a picture. [`Part::Color`] is the file of the tile
/// with the lowest number, which is written as that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UdimAdapter;

/// A set that is being painted.
#[derive(Debug)]
struct OpenSet {
    grid: UdimGrid,
    /// The size of every place in the whole, in pixels.
    cell: (usize, usize),
    tiles: Vec<OpenTile>,
}

#[derive(Debug)]
struct OpenTile {
    number: u16,
    asset: Box<dyn OpenAsset>,
    size: (usize, usize),
}

/// A tile's picture in its place.
struct Tile {
    number: u16,
    name: String,
    view: View,
}

impl Adapter for UdimAdapter {
    fn open(&self, files: &Files<'_>, recipe: &Recipe) -> Result<Opened, AdapterError> {
        let grid = UdimGrid::of_parts(files.keys().copied());
        let grid = grid.ok_or(AdapterError::MissingPart(Part::Udim(1001)))?;
        let adapter = PictureAdapter { tone: shared_curve(files)?, ..PictureAdapter::of_grids() };
        let (mut tiles, mut open) = (Vec::new(), Vec::new());
        for (part, source) in files {
            let number = match part {
                Part::Color => continue,
                Part::Udim(number) => *number,
                other => return Err(AdapterError::UnknownPart(*other)),
            };
            let Opened { views, asset, .. } =
                adapter.open(&Files::from([(Part::Color, *source)]), recipe)?;
            let mut view = views.into_iter().next().ok_or(AdapterError::MissingPart(*part))?;
            // All in the space of the first, so that no border shows another.
            let space = open.first().map(|first: &OpenTile| first.asset.color_space());
            if let (Some(space), Some(image)) = (space, &mut view.image) {
                asset.color_space().convert(&mut image.rgb, &space);
            }
            let size = view.image.as_ref().map_or((0, 0), |image| (image.width, image.height));
            tiles.push(Tile { number, name: source.name.clone(), view });
            open.push(OpenTile { number, asset, size });
        }
        let cell = open.iter().fold((0, 0), |most, tile| {
            (usize::max(most.0, tile.size.0), usize::max(most.1, tile.size.1))
        });
        for (tile, OpenTile { size, .. }) in tiles.iter().zip(&open) {
            check_shape(&tile.name, *size, "largest tile", cell)?;
        }
        let view = side_by_side(tiles, grid, cell);
        let asset = OpenSet { grid, cell, tiles: open };
        Ok(Opened { views: vec![view], asset: Box::new(asset), warning: None })
    }
}

/// The curve that exposes all tiles alike, if they hold light.
fn shared_curve(files: &Files<'_>) -> Result<Option<ToneCurve>, AdapterError> {
    let (mut meter, mut is_light) = (LightMeter::default(), false);
    for (part, source) in files {
        if !matches!(part, Part::Udim(_)) {
            continue;
        }
        let tile = decode(&source.bytes, &source.name, &Limits::default())?;
        // Other pictures are levels already; one that is none says so for all.
        if !tile.may_be_light() {
            return Ok(None);
        }
        is_light |= tile.is_light();
        meter.read(&tile.metered());
    }
    Ok(is_light.then(|| meter.curve()))
}

/// A picture of all tiles. Where there is none, nothing is painted and nothing counts, and a
/// neighbour is mirrored, so that the network sees no edge.
fn side_by_side(tiles: Vec<Tile>, grid: UdimGrid, cell: (usize, usize)) -> View {
    let (columns, rows) = (grid.columns as usize, grid.rows as usize);
    let mut whole = Whole::new((columns * cell.0, rows * cell.1));
    let is_full = tiles.len() == columns * rows;
    let is_opaque = tiles.iter().all(|tile| tile.view.coverage.is_none());
    let is_painted = tiles.iter().all(|tile| tile.view.mask.is_none());
    let mut filled = vec![false; columns * rows];
    for Tile { number, view, .. } in tiles {
        let View { image, coverage, mask, joins, .. } = view;
        let Some(image) = image else { continue };
        let size = (image.width, image.height);
        let image = resized(image, coverage.as_ref(), &joins, cell);
        let plane = |mask: Option<&Mask>| match mask {
            Some(mask) => resize_plane(mask.weights(), 1, size, cell, (false, false)),
            None => vec![1.0; cell.0 * cell.1],
        };
        let planes = [plane(coverage.as_ref()), plane(mask.as_ref())];
        let (column, row) = grid.place(number);
        let (column, row) = (column as usize, row as usize);
        filled[row * columns + column] = true;
        whole.put((column * cell.0, row * cell.1), &image.rgb, &planes, cell);
    }
    for place in (0..columns * rows).filter(|place| !filled[*place]) {
        let (column, row) = (place % columns, place / columns);
        whole.mirror((column, row), (columns, rows), cell, &filled);
    }
    let Whole { size: (width, height), rgb, there, painted } = whole;
    let mask = |weights: Vec<f32>| Mask::new(width, height, weights).ok();
    View {
        image: Some(Image { width, height, rgb }),
        coverage: if is_full && is_opaque { None } else { mask(there) },
        mask: if is_full && is_painted { None } else { mask(painted) },
        joins: Joins::default(),
        channel: None,
    }
}

/// The whole picture of a set.
struct Whole {
    size: (usize, usize),
    rgb: Vec<f32>,
    /// How much of each pixel there is.
    there: Vec<f32>,
    /// How far each pixel is painted: not at all where no tile is.
    painted: Vec<f32>,
}

impl Whole {
    fn new(size: (usize, usize)) -> Self {
        let pixels = size.0 * size.1;
        let (there, painted) = (vec![0.0; pixels], vec![0.0; pixels]);
        Self { size, rgb: vec![0.0; 3 * pixels], there, painted }
    }

    /// Puts a tile of `cell` pixels at `origin`, with how much of each of its pixels is there and
    /// how far it is painted.
    fn put(
        &mut self,
        origin: (usize, usize),
        rgb: &[f32],
        [there, painted]: &[Vec<f32>; 2],
        cell: (usize, usize),
    ) {
        for y in 0..cell.1 {
            let (to, from) = ((origin.1 + y) * self.size.0 + origin.0, y * cell.0);
            self.rgb[3 * to..][..3 * cell.0].copy_from_slice(&rgb[3 * from..][..3 * cell.0]);
            for (whole, tile) in [(&mut self.there, there), (&mut self.painted, painted)] {
                let weights = tile[from..][..cell.0].iter().map(|weight| weight.clamp(0.0, 1.0));
                whole[to..].iter_mut().zip(weights).for_each(|(to, weight)| *to = weight);
            }
        }
    }

    /// Fills an empty place with a neighbour's mirror image, if it has one.
    fn mirror(
        &mut self,
        (column, row): (usize, usize),
        (columns, rows): (usize, usize),
        cell: (usize, usize),
        filled: &[bool],
    ) {
        let is_filled = |column: usize, row: usize| {
            column < columns && row < rows && filled[row * columns + column]
        };
        let sides = [(column.wrapping_sub(1), row), (column + 1, row)];
        let ends = [(column, row.wrapping_sub(1)), (column, row + 1)];
        let beside = sides.into_iter().find(|(column, row)| is_filled(*column, *row));
        let Some(from) =
            beside.or_else(|| ends.into_iter().find(|(column, row)| is_filled(*column, *row)))
        else {
            return;
        };
        for y in 0..cell.1 {
            for x in 0..cell.0 {
                let (x0, y0) = match beside {
                    Some(_) => (cell.0 - 1 - x, y),
                    None => (x, cell.1 - 1 - y),
                };
                let source = (from.1 * cell.1 + y0) * self.size.0 + from.0 * cell.0 + x0;
                let to = (row * cell.1 + y) * self.size.0 + column * cell.0 + x;
                self.rgb.copy_within(3 * source..3 * source + 3, 3 * to);
            }
        }
    }
}

impl OpenAsset for OpenSet {
    fn color_space(&self) -> ColorSpace {
        self.tiles.first().map_or_else(ColorSpace::default, |tile| tile.asset.color_space())
    }

    fn is_gray(&self) -> bool {
        self.tiles.iter().all(|tile| tile.asset.is_gray())
    }

    fn bytes(&self) -> u64 {
        self.tiles.iter().map(|tile| tile.asset.bytes()).sum()
    }

    fn close(
        self: Box<Self>,
        painted: Vec<Image>,
        outputs: &[OutputSpec],
    ) -> Result<Vec<OutputFile>, AdapterError> {
        let Self { grid, cell, tiles } = *self;
        let Some(whole) = painted.into_iter().next() else {
            return Err(AdapterError::MissingPart(Part::Color));
        };
        let scale = whole.width as f64 / (grid.columns as usize * cell.0) as f64;
        let first = tiles.iter().map(|tile| tile.number).min();
        let space = tiles.first().map(|tile| tile.asset.color_space()).unwrap_or_default();
        let mut files = Vec::new();
        for OpenTile { number, asset, size } in tiles {
            let part = if Some(number) == first { Part::Color } else { Part::Udim(number) };
            let Some(output) = outputs.iter().find(|output| output.part == part) else { continue };
            let (column, row) = grid.place(number);
            let mut image = cut(&whole, (column, row), (grid.columns, grid.rows));
            space.convert(&mut image.rgb, &asset.color_space());
            let side = |side: usize| ((side as f64 * scale).round() as usize).max(1);
            let image = resized(image, None, &Joins::default(), (side(size.0), side(size.1)));
            let written = OutputSpec { part: Part::Color, ..*output };
            let closed = asset.close(vec![image], &[written])?;
            files.extend(closed.into_iter().map(|file| OutputFile { part, ..file }));
        }
        match outputs.iter().find(|output| files.iter().all(|file| file.part != output.part)) {
            None => Ok(files),
            Some(output) => Err(AdapterError::UnknownOutput(output.part)),
        }
    }
}

/// A tile's part of the whole, whose sides its places divide as evenly as pixels allow.
fn cut(whole: &Image, (column, row): (u32, u32), (columns, rows): (u32, u32)) -> Image {
    let along = |at: u32, count: u32, len: usize| {
        let bound = |at: u32| at as usize * len / count as usize;
        bound(at)..bound(at + 1)
    };
    let (x, y) = (along(column, columns, whole.width), along(row, rows, whole.height));
    let (width, height) = (x.len(), y.len());
    let lines = y.map(|y| &whole.rgb[3 * (y * whole.width + x.start)..][..3 * width]);
    Image { width, height, rgb: lines.flatten().copied().collect() }
}

#[cfg(test)]
mod tests {
    use impasto_assets::{Origin, Picture, encode};
    use impasto_types::{AlphaUse, ContainerFormat, Depth, Optimize};

    use super::*;
    use crate::Source;

    const SIDE: usize = 16;

    /// A tile whose red is its column and green its row from the top.
    fn tile(name: &str, side: usize, color: [f32; 2], alpha: Option<f32>) -> Source {
        let pixels = side * side;
        let picture = Picture {
            width: side as u32,
            height: side as u32,
            rgb: (0..pixels).flat_map(|_| [color[0], color[1], 7.0]).collect(),
            alpha: alpha.map(|alpha| vec![alpha; pixels]),
            extra: vec![],
            origin: Origin {
                depth: Depth::Sixteen,
                ..Origin::synthetic(name, ContainerFormat::Png)
            },
        };
        let bytes = encode(&picture, spec(Part::Color)).expect("it encodes");
        Source { name: name.to_owned(), bytes }
    }

    fn spec(part: Part) -> OutputSpec {
        OutputSpec { part, format: ContainerFormat::Png, quality: 90 }
    }

    fn recipe() -> Recipe {
        Recipe::Optimize(Optimize::painterly())
    }

    #[test]
    fn tiles_lie_by_their_numbers_and_come_back_as_they_were() {
        // 1011 lies above 1001; 1012 is missing.
        let sources = [
            (1001, tile("a.1001.png", SIDE, [10.0, 200.0], None)),
            (1002, tile("a.1002.png", SIDE / 2, [90.0, 200.0], Some(0.5))),
            (1011, tile("a.1011.png", SIDE, [10.0, 50.0], None)),
        ];
        let mut files: Files<'_> =
            sources.iter().map(|(number, source)| (Part::Udim(*number), source)).collect();
        files.insert(Part::Color, &sources[0].1);
        let opened = UdimAdapter.open(&files, &recipe()).expect("it opens");
        let [view] = &opened.views[..] else { panic!("one view") };
        let image = view.image.clone().expect("it is there");
        assert_eq!((image.width, image.height), (2 * SIDE, 2 * SIDE));
        let pixel = |x: usize, y: usize| image.rgb[3 * (y * 2 * SIDE + x)..][..2].to_vec();
        assert_eq!(pixel(3, 3), [10.0, 50.0], "above");
        assert_eq!(pixel(3, 3 + SIDE), [10.0, 200.0]);
        assert_eq!(pixel(3 + SIDE, 3 + SIDE), [90.0, 200.0]);
        assert_eq!(pixel(3 + SIDE, 3), [10.0, 50.0], "nothing: its neighbour's mirror image");
        let weight = |mask: &Option<Mask>, x: usize, y: usize| {
            mask.as_ref().expect("there is one").weights()[y * 2 * SIDE + x]
        };
        assert_eq!((weight(&view.mask, 20, 3), weight(&view.mask, 20, 20)), (0.0, 1.0));
        assert_eq!(weight(&view.coverage, 20, 3), 0.0);
        assert!((weight(&view.coverage, 20, 20) - 0.5).abs() < 1e-4);

        let outputs = [Part::Color, Part::Udim(1002), Part::Udim(1011)].map(spec);
        let closed = opened.asset.close(vec![image], &outputs).expect("it closes");
        for ((_, source), (file, output)) in sources.iter().zip(closed.iter().zip(&outputs)) {
            assert_eq!(file.part, output.part);
            let read =
                |bytes: &[u8]| decode(bytes, "a.png", &Limits::default()).expect("it decodes");
            assert_eq!(read(&file.bytes).alpha, read(&source.bytes).alpha);
            assert_eq!(read(&file.bytes).rgb, read(&source.bytes).rgb, "{}", source.name);
        }
    }

    #[test]
    fn what_does_not_show_of_islands_is_not_painted_in_a_set_either() {
        let sources = [
            (1001, tile("a.1001.png", SIDE, [10.0, 200.0], None)),
            (1002, tile("a.1002.png", SIDE, [90.0, 200.0], Some(0.0))),
        ];
        let mut files: Files<'_> =
            sources.iter().map(|(number, source)| (Part::Udim(*number), source)).collect();
        files.insert(Part::Color, &sources[0].1);
        let mut recipe = recipe();
        recipe.common_mut().alpha = AlphaUse::Islands;
        let mut half = decode(&sources[1].1.bytes, "a.png", &Limits::default()).expect("a PNG");
        half.alpha = Some((0..SIDE * SIDE).map(|at| (at % SIDE / 8) as f32).collect());
        let bytes = encode(&half, spec(Part::Color)).expect("it encodes");
        let half = Source { name: "a.1002.png".to_owned(), bytes };
        files.insert(Part::Udim(1002), &half);
        let opened = UdimAdapter.open(&files, &recipe).expect("it opens");
        let mask = opened.views[0].mask.as_ref().expect("not all is painted");
        assert_eq!([3, SIDE + 3, SIDE + 12].map(|x| mask.weights()[x]), [1.0, 0.0, 1.0]);
    }

    #[test]
    fn a_whole_of_another_size_is_cut_into_tiles_of_that_size() {
        let sources =
            [1001, 1002, 1003].map(|number| (number, tile("a.png", SIDE, [9.0; 2], None)));
        let mut files: Files<'_> =
            sources.iter().map(|(number, source)| (Part::Udim(*number), source)).collect();
        files.insert(Part::Color, &sources[0].1);
        let opened = UdimAdapter.open(&files, &recipe()).expect("it opens");
        assert!(opened.views[0].mask.is_none() && opened.views[0].coverage.is_none());
        let painted = Image::filled(3 * 40, 40, [100.0; 3]);
        let closed = opened.asset.close(vec![painted], &[spec(Part::Color)]).expect("it closes");
        let sizes: Vec<_> = closed.iter().map(|file| (file.width, file.height)).collect();
        assert_eq!(sizes, [(40, 40)], "only what was asked for");
    }

    #[test]
    fn tiles_of_different_shapes_are_an_error_that_names_one() {
        let narrow = Picture {
            width: 16,
            height: 8,
            rgb: vec![1.0; 3 * 16 * 8],
            alpha: None,
            extra: vec![],
            origin: Origin::synthetic("a.1002.png", ContainerFormat::Png),
        };
        let bytes = encode(&narrow, spec(Part::Color)).expect("it encodes");
        let narrow = Source { name: "a.1002.png".to_owned(), bytes };
        let square = tile("a.1001.png", SIDE, [1.0; 2], None);
        let files = Files::from([
            (Part::Color, &square),
            (Part::Udim(1001), &square),
            (Part::Udim(1002), &narrow),
        ]);
        let error = UdimAdapter.open(&files, &recipe()).expect_err("it is refused").to_string();
        assert!(error.contains("`a.1002.png` has 16 x 8 pixels"), "{error}");
        let files = Files::from([(Part::Color, &square)]);
        let error = UdimAdapter.open(&files, &recipe()).expect_err("no tiles").to_string();
        assert!(error.contains("udim:1001"), "{error}");
    }
}
