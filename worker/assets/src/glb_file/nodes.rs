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
    /// By how much it enlarges areas, on average over those across its axes.
    fn area(&self) -> f64 {
        let sides = match (self.matrix, self.scale) {
            (Some([a, b, c, _, d, e, f, _, g, h, i, ..]), _) => {
                let (x, y, z) = ([a, b, c], [d, e, f], [g, h, i]);
                [across(x, y), across(y, z), across(z, x)]
            }
            (None, Some([x, y, z])) => [(x * y).abs(), (y * z).abs(), (z * x).abs()],
            (None, None) => return 1.0,
        };
        sides.iter().sum::<f64>() / 3.0
    }
}

/// The area between two vectors.
fn across([a, b, c]: [f64; 3], [x, y, z]: [f64; 3]) -> f64 {
    let normal = [b * z - c * y, c * x - a * z, a * y - b * x];
    normal.iter().map(|part| part * part).sum::<f64>().sqrt()
}

/// For each of so many meshes, the square metres that a unit of its own space is at the first node
/// that shows it. None has one if the nodes cannot be read: nothing else depends on them.
pub(super) fn areas(json: &str, meshes: usize) -> Vec<Option<f64>> {
    let Scene { nodes } = serde_json::from_str(json).unwrap_or_default();
    let mut is_child = vec![false; nodes.len()];
    for child in nodes.iter().flat_map(|node| &node.children) {
        if let Some(is_child) = is_child.get_mut(child.index()) {
            *is_child = true;
        }
    }
    let mut areas = vec![None; meshes];
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
        let area = of_parent * node.area();
        if let Some(own) = node.mesh.and_then(|mesh| areas.get_mut(mesh.index())) {
            own.get_or_insert(area);
        }
        waiting.extend(node.children.iter().rev().map(|child| (child.index(), area)));
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_those_of_all_parents() {
        let check = |json: &str, expected: &[Option<f64>]| {
            assert_eq!(areas(json, expected.len()), expected, "{json}");
        };
        check("{}", &[None]);
        check(r#"{"nodes": [{"mesh": 1}, {"mesh": 9}]}"#, &[None, Some(1.0)]);
        check(r#"{"nodes": [{"mesh": 0, "scale": [2, 2, -2]}]}"#, &[Some(4.0)]);
        let parents = r#"{"nodes": [
            {"mesh": 0, "scale": [3, 3, 3]},
            {"children": [0, 2], "scale": [2, 2, 2]},
            {"mesh": 1, "matrix": [0, 4, 0, 0, -4, 0, 0, 0, 0, 0, 4, 0, 7, 8, 9, 1]},
            {"mesh": 0}
        ]}"#;
        check(parents, &[Some(36.0), Some(64.0)]);
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
            assert_eq!(areas(json, 1), [None], "{json}");
        }
        let twice = r#"{"nodes": [{"children": [1, 1, 9]}, {"mesh": 0}]}"#;
        assert_eq!(areas(twice, 1), [Some(1.0)]);
    }
}
