//! The surfaces of a model, as triangles in the pixels of its textures.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::rc::Rc;

use serde::Deserialize;

use super::accessors::{Accessor, Accessors, Fault};
use super::document::{Document, Extensions, TextureInfo, Transform, Whole, element};
use super::nodes::areas;
use super::uses::base_colors;
use super::{Container, Glb, damaged, damaged_by, unsupported};
use crate::{AssetErrorKind, Corner, Limits, Model, Place, Triangle};

/// What of a description tells of its surfaces.
#[derive(Debug, Deserialize)]
struct Geometry<'a> {
    #[serde(borrow, default)]
    meshes: Vec<Mesh<'a>>,
    #[serde(default)]
    accessors: Vec<Accessor>,
}

#[derive(Debug, Deserialize)]
struct Mesh<'a> {
    #[serde(borrow, default)]
    primitives: Vec<Primitive<'a>>,
}

#[derive(Debug, Deserialize)]
struct Primitive<'a> {
    #[serde(default)]
    attributes: BTreeMap<String, Whole>,
    indices: Option<Whole>,
    material: Option<Whole>,
    mode: Option<Whole>,
    #[serde(borrow, default)]
    extensions: Extensions<'a>,
}

/// Ten times what a detailed model has; 1.1 GiB of triangles. Nor may a file have more
/// than it has bytes.
const MOST_TRIANGLES: usize = 1 << 24;

const DRACO: &str = "KHR_draco_mesh_compression";
const VARIANTS: &str = "KHR_materials_variants";

/// Reads the surfaces of a file that show its own textures.
pub(crate) fn model(bytes: &[u8], limits: &Limits) -> Result<Model, AssetErrorKind> {
    let glb = Glb::read(&mut Cursor::new(bytes), bytes.len() as u64, limits)?;
    let textures = &glb.textures;
    let shows = |document: &Document<'_>, materials: &[Whole]| {
        let mut shown = Vec::new();
        for material in materials {
            for info in base_colors(element(&document.materials, *material, "material")?)? {
                let places = textures.of_texture.get(&info.index.index()).into_iter().flatten();
                shown.extend(places.map(|place| (info, *place)));
            }
        }
        Ok(shown)
    };
    let mut model = read(bytes, &glb.container, textures.places(), shows)?;
    if let Some(first) = &textures.elsewhere {
        let more = format!(
            "shows textures that are files of their own, such as {first}, which are not painted"
        );
        model.warning = Some(match model.warning {
            Some(warning) => format!("{warning}; and it {more}"),
            None => more,
        });
    }
    Ok(model)
}

/// What a primitive with these materials shows: textures and their places.
pub(super) type Shown = Result<Vec<(TextureInfo, usize)>, AssetErrorKind>;

/// Reads the surfaces that `shows` tells of.
pub(super) fn read(
    bytes: &[u8],
    container: &Container,
    places: Vec<Place>,
    shows: impl Fn(&Document<'_>, &[Whole]) -> Shown,
) -> Result<Model, AssetErrorKind> {
    let document = Document::parse(&container.json)?;
    let geometry: Geometry<'_> = serde_json::from_str(&container.json).map_err(damaged_by)?;
    let buffer = match (&container.bin_at, document.own_buffer_bytes()?) {
        (Some(bin), Some(length)) => {
            let [start, end] = [bin.start, bin.start + length.min(bin.end - bin.start)];
            bytes.get(start as usize..end as usize)
        }
        _ => None,
    };
    let mut reader = Reader {
        sizes: places.iter().map(|place| [place.width as f32, place.height as f32]).collect(),
        accessors: Accessors::new(&geometry.accessors, &document, buffer, bytes.len()),
        triangles: Vec::new(),
        left: MOST_TRIANGLES.min(bytes.len()),
        most: MOST_TRIANGLES.min(bytes.len()),
        extent: Extent::default(),
        seen: BTreeSet::new(),
        unread: BTreeSet::new(),
        reasons: BTreeSet::new(),
    };
    let areas = areas(&container.json, geometry.meshes.len());
    let meshes = geometry.meshes.iter().enumerate();
    for (mesh, primitive) in
        meshes.flat_map(|(at, mesh)| mesh.primitives.iter().map(move |it| (at, it)))
    {
        // What no node shows has its own size.
        reader.extent.unit = areas.get(mesh).copied().flatten().unwrap_or(1.0);
        let mode = primitive.mode.map_or(TRIANGLES, |mode| mode.0);
        if mode > FAN {
            continue;
        }
        for (info, place) in shows(&document, &materials(primitive)?)? {
            reader.read(Use { primitive, mode, info, place })?;
        }
    }
    let Reader { triangles, unread, reasons, extent, .. } = reader;
    let reasons: Vec<&str> = reasons.into_iter().collect();
    let warning = (!reasons.is_empty()).then(|| {
        let reasons = reasons.join(" or ");
        format!("has surfaces that {reasons}; the whole of their textures counts as used")
    });
    let unread = unread.into_iter().collect();
    Ok(Model { places, triangles, texels_per_m: extent.density(), unread, warning })
}

/// What a primitive, whose corners are joined in this mode, shows of a texture, and where.
#[derive(Clone, Copy)]
struct Use<'a> {
    primitive: &'a Primitive<'a>,
    mode: u64,
    info: TextureInfo,
    place: usize,
}

/// A use of a texture, by what it reads.
type Seen = (usize, Option<Whole>, Whole, Option<Whole>, u64, [u32; 5]);

struct Reader<'a> {
    /// Of the places.
    sizes: Vec<[f32; 2]>,
    accessors: Accessors<'a>,
    triangles: Vec<Triangle>,
    /// How many triangles may yet be read, of how many. Each needs a byte of the file at least,
    /// unless primitives show the same corners again and again.
    left: usize,
    most: usize,
    extent: Extent,
    seen: BTreeSet<Seen>,
    unread: BTreeSet<usize>,
    reasons: BTreeSet<&'static str>,
}

/// How large the surface is, in its textures and in the scene.
#[derive(Debug, Default)]
struct Extent {
    /// Square metres of a unit of the mesh that is read.
    unit: f64,
    /// In pixels.
    texels: f64,
    /// In square metres.
    area: f64,
}

impl Extent {
    fn add(&mut self, triangle: &Triangle) {
        let [a, b, c] = triangle.corners;
        let side = |end: Corner| [0, 1, 2].map(|at| f64::from(end.position[at] - a.position[at]));
        let ([x, y, z], [u, v, w]) = (side(b), side(c));
        let normal = [y * w - z * v, z * u - x * w, x * v - y * u];
        let area = normal.iter().map(|part| part * part).sum::<f64>().sqrt() / 2.0;
        let side = |end: Corner| [0, 1].map(|at| f64::from(end.at[at] - a.at[at]));
        let ([x, y], [u, v]) = (side(b), side(c));
        let texels = (x * v - y * u).abs() / 2.0;
        if texels.is_finite() && area.is_finite() {
            self.texels += texels;
            self.area += area * self.unit;
        }
    }

    /// Texels of a metre, on average over the surface.
    fn density(&self) -> Option<f64> {
        let density = (self.texels / self.area).sqrt();
        (density.is_finite() && density > 0.0).then_some(density)
    }
}

impl Reader<'_> {
    /// Reads what a primitive shows of a texture. Meshes may share what they show; it is read once.
    fn read(&mut self, used: Use<'_>) -> Result<(), AssetErrorKind> {
        let Use { place, .. } = used;
        match self.triangles_of(used) {
            Ok(()) => {}
            Err(Fault::Damaged(kind)) => return Err(kind),
            Err(Fault::Unreadable(reason)) => {
                self.unread.insert(place);
                self.reasons.insert(reason);
            }
        }
        Ok(())
    }

    fn triangles_of(&mut self, used: Use<'_>) -> Result<(), Fault> {
        let Use { primitive, mode, info, place } = used;
        let Some(&position) = primitive.attributes.get("POSITION") else { return Ok(()) };
        if mode < TRIANGLES {
            return Err(Fault::Unreadable("are points or lines"));
        }
        let coordinates = format!("TEXCOORD_{}", info.set());
        let coordinates = primitive.attributes.get(&coordinates).copied();
        let is_empty_handed = |index: &Whole| self.accessors.is_empty_handed(*index);
        let is_packed = primitive.extensions.contains_key(DRACO);
        if is_packed && [Some(position), coordinates].iter().flatten().any(is_empty_handed) {
            return Err(Fault::Unreadable("are compressed (KHR_draco_mesh_compression)"));
        }
        let moved = Moved::by(&info.transform());
        let key = (place, coordinates, position, primitive.indices, mode, moved.bits());
        if !self.seen.insert(key) {
            return Ok(());
        }
        let Some(coordinates) = coordinates else {
            return Err(Fault::Unreadable("have no texture coordinates"));
        };
        let shape = Surface {
            positions: self.accessors.vectors(position, 3)?,
            coordinates: self.accessors.vectors(coordinates, 2)?,
            indices: primitive
                .indices
                .map(|indices| self.accessors.indices(indices))
                .transpose()?,
            place,
            moved,
            size: self.sizes.get(place).copied().unwrap_or_default(),
        };
        let corners = shape.indices.as_ref().map_or(shape.positions.len() / 3, |it| it.len());
        let count = match mode {
            TRIANGLES => corners / 3,
            _ => corners.saturating_sub(2),
        };
        let left = self.left.checked_sub(count);
        self.left =
            left.ok_or_else(|| unsupported(format!("more than {} triangles", self.most)))?;
        for at in 0..count {
            let corners = match mode {
                TRIANGLES => [3 * at, 3 * at + 1, 3 * at + 2],
                STRIP => [at, at + 1 + at % 2, at + 2 - at % 2],
                _ => [at + 1, at + 2, 0],
            };
            let name = primitive.indices.unwrap_or(position);
            let triangle = shape.triangle(corners, name)?;
            triangle.iter().for_each(|triangle| self.extent.add(triangle));
            self.triangles.extend(triangle);
        }
        Ok(())
    }
}

const TRIANGLES: u64 = 4;
const STRIP: u64 = 5;
const FAN: u64 = 6;

/// The materials that a primitive has, or may have.
fn materials(primitive: &Primitive<'_>) -> Result<Vec<Whole>, AssetErrorKind> {
    #[derive(Deserialize)]
    struct Variants {
        #[serde(default)]
        mappings: Vec<Mapping>,
    }
    #[derive(Deserialize)]
    struct Mapping {
        material: Whole,
    }
    let mut materials: Vec<Whole> = primitive.material.into_iter().collect();
    if let Some(raw) = primitive.extensions.get(VARIANTS) {
        let Variants { mappings } = serde_json::from_str(raw.get()).map_err(damaged_by)?;
        materials.extend(mappings.into_iter().map(|mapping| mapping.material));
    }
    Ok(materials)
}

/// A primitive's corners.
struct Surface {
    positions: Rc<Vec<f32>>,
    coordinates: Rc<Vec<f32>>,
    indices: Option<Rc<Vec<u32>>>,
    place: usize,
    moved: Moved,
    size: [f32; 2],
}

impl Surface {
    /// A triangle, unless two of its corners are in one place. `name` is the accessor that says
    /// which corners there are.
    fn triangle(
        &self,
        corners: [usize; 3],
        name: Whole,
    ) -> Result<Option<Triangle>, AssetErrorKind> {
        let corner = |at: usize| {
            let vertex = match &self.indices {
                Some(indices) => *indices.get(at)? as usize,
                None => at,
            };
            let (positions, _) = self.positions.as_chunks::<3>();
            let (coordinates, _) = self.coordinates.as_chunks::<2>();
            let &position = positions.get(vertex)?;
            let [u, v] = self.moved.apply(*coordinates.get(vertex)?);
            Some(Corner { at: [u * self.size[0], v * self.size[1]], position })
        };
        let wrong = |what: &str| damaged(format!("accessor {}: {what}", name.0));
        let [a, b, c] = corners.map(corner);
        let (Some(a), Some(b), Some(c)) = (a, b, c) else {
            return Err(wrong("a vertex that is not there"));
        };
        if [a, b, c].iter().flat_map(|corner| corner.at).any(|at| !at.is_finite()) {
            return Err(wrong("texture coordinates that are not finite"));
        }
        let is_thin =
            a.position == b.position || b.position == c.position || a.position == c.position;
        Ok((!is_thin).then_some(Triangle { place: self.place, corners: [a, b, c] }))
    }
}

/// What KHR_texture_transform does to texture coordinates.
///
/// It turns them counter-clockwise as they are seen, with the second one pointing down: its own
/// example, and every viewer, though a draft's matrix turned the other way.
#[derive(Debug, Clone, Copy)]
struct Moved {
    across: [f32; 2],
    down: [f32; 2],
    offset: [f32; 2],
    numbers: [f32; 5],
}

impl Moved {
    fn by(&Transform { offset, rotation, scale, .. }: &Transform) -> Self {
        let (sin, cos) = f64::from(rotation).sin_cos();
        let (sin, cos) = (sin as f32, cos as f32);
        Self {
            across: [cos * scale[0], sin * scale[1]],
            down: [-sin * scale[0], cos * scale[1]],
            offset,
            numbers: [offset[0], offset[1], rotation, scale[0], scale[1]],
        }
    }

    fn bits(&self) -> [u32; 5] {
        self.numbers.map(f32::to_bits)
    }

    fn apply(&self, [u, v]: [f32; 2]) -> [f32; 2] {
        let product = |row: [f32; 2]| row[0] * u + row[1] * v;
        [product(self.across) + self.offset[0], product(self.down) + self.offset[1]]
    }
}
