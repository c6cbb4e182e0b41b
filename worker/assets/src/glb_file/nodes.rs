//! How large the meshes of a model are in its scene.

use serde::Deserialize;

use super::document::Whole;

#[derive(Debug, Default, Deserialize)]
struct Scene {
    #[serde(default)]
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    mesh: Option<Whole>,
    #[serde(default)]
    children: Vec<Whole>,
    matrix: Option<[f64; 16]>,
    scale: Option<[f64; 3]>,
}

impl Node {
    /// By how much it enlarges lengths: the cube root of what it does to volumes.
    fn scale(&self) -> f64 {
        let volume = match (self.matrix, self.scale) {
            (Some([a, b, c, _, d, e, f, _, g, h, i, ..]), _) => {
                a * (e * i - f * h) - d * (b * i - c * h) + g * (b * f - c * e)
            }
            (None, Some([x, y, z])) => x * y * z,
            (None, None) => 1.0,
        };
        volume.abs().cbrt()
    }
}

/// For each mesh that a node shows, the metres that a unit of its own space is at the first such
/// node. No mesh is listed if the nodes cannot be read: nothing else depends on them.
pub(super) fn scales(json: &str) -> Vec<Option<f64>> {
    let Scene { nodes } = serde_json::from_str(json).unwrap_or_default();
    let mut is_child = vec![false; nodes.len()];
    for child in nodes.iter().flat_map(|node| &node.children) {
        if let Some(is_child) = is_child.get_mut(child.index()) {
            *is_child = true;
        }
    }
    let mut scales = Vec::new();
    let mut is_visited = vec![false; nodes.len()];
    let roots = (0..nodes.len()).filter(|at| !is_child[*at]);
    let mut waiting: Vec<(usize, f64)> = roots.map(|root| (root, 1.0)).collect();
    // The last is taken first.
    waiting.reverse();
    while let Some((at, of_parent)) = waiting.pop() {
        let Some(node) = nodes.get(at) else { continue };
        // A node has one parent; a file that says otherwise is not followed twice.
        if std::mem::replace(&mut is_visited[at], true) {
            continue;
        }
        let scale = of_parent * node.scale();
        if let Some(mesh) = node.mesh.map(Whole::index).filter(|mesh| *mesh < json.len()) {
            if scales.len() <= mesh {
                scales.resize(mesh + 1, None);
            }
            scales[mesh].get_or_insert(scale);
        }
        waiting.extend(node.children.iter().rev().map(|child| (child.index(), scale)));
    }
    scales
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_those_of_all_parents() {
        let check = |json: &str, expected: &[Option<f64>]| {
            assert_eq!(scales(json), expected, "{json}");
        };
        check("{}", &[]);
        check(r#"{"nodes": [{"mesh": 1}]}"#, &[None, Some(1.0)]);
        check(r#"{"nodes": [{"mesh": 0, "scale": [2, 2, -2]}]}"#, &[Some(2.0)]);
        let parents = r#"{"nodes": [
            {"mesh": 0, "scale": [3, 3, 3]},
            {"children": [0, 2], "scale": [2, 2, 2]},
            {"mesh": 1, "matrix": [0, 4, 0, 0, -4, 0, 0, 0, 0, 0, 4, 0, 7, 8, 9, 1]},
            {"mesh": 0}
        ]}"#;
        check(parents, &[Some(6.0), Some(8.0)]);
    }

    #[test]
    fn circles_and_nonsense_end() {
        for json in [
            r#"{"nodes": [{"mesh": 0, "children": [0]}]}"#,
            r#"{"nodes": [{"children": [1]}, {"children": [0], "mesh": 0}]}"#,
            r#"{"nodes": [{"mesh": 0, "matrix": [1, 2]}]}"#,
            r#"{"nodes": 7}"#,
            r#"{"nodes": [{"mesh": 9000000000000000}]}"#,
        ] {
            assert_eq!(scales(json), [], "{json}");
        }
        let twice = r#"{"nodes": [{"children": [1, 1, 9]}, {"mesh": 0}]}"#;
        assert_eq!(scales(twice), [Some(1.0)]);
    }
}
