//! Models in the binary form of glTF 2.0: one mesh, one material, one texture.

/// A surface of triangles.
#[derive(Default)]
pub(crate) struct Mesh {
    pub(crate) corners: Vec<Corner>,
    /// Counterclockwise, seen from outside.
    pub(crate) triangles: Vec<[u16; 3]>,
}

#[derive(Clone, Copy)]
pub(crate) struct Corner {
    pub(crate) position: [f32; 3],
    pub(crate) normal: [f32; 3],
    /// Shares of the texture's width and height, from its upper left corner.
    pub(crate) at: [f32; 2],
}

impl Mesh {
    /// The model's file; `texture` is a JPEG.
    pub(crate) fn file(&self, name: &str, texture: &[u8]) -> Vec<u8> {
        let floats = |of: fn(&Corner) -> &[f32]| -> Vec<u8> {
            self.corners.iter().flat_map(of).flat_map(|value| value.to_le_bytes()).collect()
        };
        let indices = self.triangles.as_flattened().iter().flat_map(|at| at.to_le_bytes());
        let parts = [
            floats(|corner| &corner.position),
            floats(|corner| &corner.normal),
            floats(|corner| &corner.at),
            indices.collect(),
            texture.to_vec(),
        ];
        let (mut buffer, mut views) = (Vec::new(), Vec::new());
        for part in &parts {
            let (start, length) = (buffer.len(), part.len());
            views.push(format!(r#"{{"buffer":0,"byteOffset":{start},"byteLength":{length}}}"#));
            buffer.extend_from_slice(part);
            buffer.resize(buffer.len().next_multiple_of(4), 0);
        }
        let end = |pick: fn(f32, f32) -> f32| {
            let along = |axis: usize| {
                let values = self.corners.iter().map(|corner| corner.position[axis]);
                values.reduce(pick).unwrap_or_default().to_string()
            };
            [0, 1, 2].map(along).join(",")
        };
        let (least, most) = (end(f32::min), end(f32::max));
        let (corners, indices) = (self.corners.len(), 3 * self.triangles.len());
        let (views, length) = (views.join(","), buffer.len());
        let json = format!(
            r#"{{"asset":{{"version":"2.0","generator":"Impasto's examples"}},"scene":0,
"scenes":[{{"nodes":[0]}}],"nodes":[{{"mesh":0}}],
"meshes":[{{"name":"{name}","primitives":[{{"attributes":{{"POSITION":0,"NORMAL":1,
"TEXCOORD_0":2}},"indices":3,"material":0}}]}}],
"materials":[{{"name":"{name}","pbrMetallicRoughness":{{"baseColorTexture":{{"index":0}},
"metallicFactor":0}}}}],
"textures":[{{"source":0}}],
"images":[{{"name":"{name}","bufferView":4,"mimeType":"image/jpeg"}}],
"accessors":[{{"bufferView":0,"componentType":5126,"count":{corners},"type":"VEC3",
"min":[{least}],"max":[{most}]}},
{{"bufferView":1,"componentType":5126,"count":{corners},"type":"VEC3"}},
{{"bufferView":2,"componentType":5126,"count":{corners},"type":"VEC2"}},
{{"bufferView":3,"componentType":5123,"count":{indices},"type":"SCALAR"}}],
"bufferViews":[{views}],"buffers":[{{"byteLength":{length}}}]}}"#
        );
        let mut json = json.into_bytes();
        json.resize(json.len().next_multiple_of(4), b' ');
        let word = |number: usize| (number as u32).to_le_bytes();
        let whole = 12 + 8 + json.len() + 8 + buffer.len();
        let head = [*b"glTF", word(2), word(whole), word(json.len()), *b"JSON"].concat();
        let chunk = [word(buffer.len()), *b"BIN\0"].concat();
        [&head[..], &json, &chunk, &buffer].concat()
    }
}
