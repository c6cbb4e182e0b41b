//! The modules of a crate and how they use each other, read from its sources.
//!
//! Code under `#[cfg(test)]` does not count: tests may use everything. Paths inside macros do not
//! count either, since they are not parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// A module's path from the crate's root, which is empty.
type Name = Vec<String>;

/// A crate's modules by their paths.
#[derive(Debug, Default)]
pub struct Modules {
    modules: BTreeMap<Name, Module>,
}

#[derive(Debug, Default)]
struct Module {
    /// The paths that its code names, as they are written.
    named: BTreeSet<Vec<String>>,
    /// The paths that it re-exports, by their public names.
    reexported: BTreeMap<String, Vec<String>>,
}

impl Modules {
    /// Reads a crate from its root file, such as `src/lib.rs`.
    pub fn read(root: &Path) -> Self {
        let mut crate_ = Self::default();
        let folder = root.parent().expect("a root file lies in a folder");
        crate_.read_file(vec![], root, folder);
        crate_
    }

    /// Siblings that use each other in a circle; at most one circle for each parent.
    pub fn circles(&self) -> Vec<String> {
        let mut siblings: BTreeMap<Name, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
        for (from, module) in &self.modules {
            for to in module.named.iter().filter_map(|path| self.resolve(from, path)) {
                let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
                if let (Some(from_child), Some(to_child)) = (from.get(common), to.get(common)) {
                    let edges = siblings.entry(from[..common].to_vec()).or_default();
                    edges.entry(from_child).or_default().insert(to_child);
                }
            }
        }
        let found = siblings.iter().filter_map(|(parent, edges)| {
            let circle = edges.keys().find_map(|start| circle_through(start, edges))?;
            let parent = parent.iter().fold("crate".to_owned(), |path, name| path + "::" + name);
            Some(format!("in {parent}: {}", circle.join(" -> ")))
        });
        found.collect()
    }

    fn read_file(&mut self, name: Name, file: &Path, children: &Path) {
        let text =
            fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.read_items(name, &parsed.items, children);
    }

    fn read_items(&mut self, name: Name, items: &[Item], children: &Path) {
        let mut paths = Paths::default();
        items.iter().for_each(|item| paths.visit_item(item));
        for module in paths.inner {
            let child = [name.as_slice(), &[module.ident.to_string()]].concat();
            let folder = children.join(module.ident.to_string());
            if let Some((_, items)) = &module.content {
                self.read_items(child, items, &folder);
                continue;
            }
            let files = [folder.with_extension("rs"), folder.join("mod.rs")];
            // A module under a `cfg` may have no file on this system.
            if let Some(file) = files.iter().find(|file| file.is_file()) {
                self.read_file(child, file, &folder);
            }
        }
        // A module may be declared once per system, each under its `cfg`: their paths are merged.
        let module = self.modules.entry(name).or_default();
        module.named.extend(paths.named);
        module.reexported.extend(paths.reexported);
    }

    /// The module that a path leads to; `None` if it leads out of the crate.
    fn resolve(&self, from: &[String], path: &[String]) -> Option<&Name> {
        let mut at = from.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                at.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                let child = [from, &[first.to_owned()]].concat();
                self.modules.get(&child)?;
            }
        }
        while let Some(next) = rest.first() {
            let child = [at.as_slice(), std::slice::from_ref(next)].concat();
            if self.modules.contains_key(&child) {
                at = child;
                rest = &rest[1..];
            } else {
                return match self.modules.get(&at)?.reexported.get(next) {
                    Some(target) => self.resolve(&at, target),
                    None => self.modules.get_key_value(&at).map(|(name, _)| name),
                };
            }
        }
        self.modules.get_key_value(&at).map(|(name, _)| name)
    }
}

/// A path from `start` back to itself.
fn circle_through<'a>(
    start: &'a str,
    edges: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for &next in edges.get(way.last()?).into_iter().flatten() {
            let longer = [way.as_slice(), &[next]].concat();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next) {
                ways.push(longer);
            }
        }
    }
    None
}

/// Collects the paths that a module's own code names.
#[derive(Default)]
struct Paths<'a> {
    named: BTreeSet<Vec<String>>,
    reexported: BTreeMap<String, Vec<String>>,
    inner: Vec<&'a ItemMod>,
}

impl<'a> Visit<'a> for Paths<'a> {
    fn visit_item(&mut self, item: &'a Item) {
        if !attributes(item).iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        self.inner.push(module);
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let visible = !matches!(item.vis, Visibility::Inherited);
        let mut add = |path: Vec<String>, seen_as: Option<String>| {
            if let Some(seen_as) = seen_as.filter(|_| visible) {
                self.reexported.insert(seen_as, path.clone());
            }
            self.named.insert(path);
        };
        flatten(&item.tree, vec![], &mut add);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.named.insert(path.segments.iter().map(|part| part.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

/// Calls `add` for each path of a `use`, with its new name; a `*` has none.
fn flatten(
    tree: &UseTree,
    mut path: Vec<String>,
    add: &mut impl FnMut(Vec<String>, Option<String>),
) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            flatten(&part.tree, path, add);
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            // `use a::{self}` is `use a`.
            if name != "self" {
                path.push(name);
            }
            let seen_as = path.last().cloned();
            add(path, seen_as);
        }
        UseTree::Rename(renamed) => {
            path.push(renamed.ident.to_string());
            add(path, Some(renamed.rename.to_string()));
        }
        UseTree::Glob(_) => add(path, None),
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| flatten(tree, path.clone(), add));
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether an attribute is `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let Ok(list) = attribute.meta.require_list() else { return false };
    let condition = list.tokens.to_string().replace(' ', "");
    attribute.path().is_ident("cfg") && (condition == "test" || condition.starts_with("all(test,"))
}
