//! The network that a rule paints with, and whether it has learned what is asked for.

use impasto_types::{AssetPath, BlobRef, ModelStyle, Recipe, StyleRef};

use crate::manifest::Style;
use crate::{Findings, NetworkFile};

/// The network's file, if the recipe can paint with it: if it takes any style, or has learned the
/// styles that are asked for by name, or those of the style's images.
pub(super) fn network(
    findings: &Findings<'_>,
    path: &AssetPath,
    (style, styles): (&Style, &[StyleRef]),
    recipe: &Recipe,
    asked: &[ModelStyle],
) -> Result<BlobRef, String> {
    let none = || Err("the project has no such file".to_owned());
    let NetworkFile { blob, styles: learned } =
        findings.networks.get(path).cloned().unwrap_or_else(none)?;
    let learned = match (recipe.method().takes_model(), learned) {
        (true, Some(learned)) => learned,
        (false, None) => return Ok(blob),
        (true, None) => {
            return Err(
                "it is for any style: name it as `any_style_model` of method arbitrary".to_owned()
            );
        }
        (false, Some(_)) => {
            let text = "it has learned its styles: name it as `model` of method feedforward";
            return Err(text.to_owned());
        }
    };
    let names = || learned.iter().map(|own| own.name.as_str()).collect::<Vec<_>>().join(", ");
    if !asked.is_empty() {
        let unknown = asked.iter().find(|own| learned.iter().all(|style| style.name != own.name));
        return match unknown {
            None => Ok(blob),
            Some(own) => Err(format!("it has no style `{}`, but {}", own.name, names())),
        };
    }
    if styles.is_empty() && learned.len() > 1 {
        let (count, names, style) = (learned.len(), names(), &style.name);
        return Err(format!(
            "it has learned {count} styles ({names}); name one by `model_styles`, or its image in \
             [styles.{style}]"
        ));
    }
    let knows = |style: &StyleRef| learned.iter().any(|own| own.digest == Some(style.blob.digest));
    match styles.iter().position(|style| !knows(style)) {
        None => Ok(blob),
        Some(at) => {
            let image = &style.images[at].path;
            Err(format!("it has not learned {image}, but {}; train one on that image", names()))
        }
    }
}
