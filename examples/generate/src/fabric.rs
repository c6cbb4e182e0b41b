//! Prints of a designer, and the looks that they are tried in.

mod batik;
mod brush;
mod florals;
mod ikat;
mod roundels;

use crate::Example;

pub(crate) fn prints() -> Vec<Example> {
    vec![
        Example::new("fabric/prints/florals.png", florals::paint()),
        Example::new("fabric/prints/ikat.png", ikat::paint()),
        Example::new("fabric/prints/roundels.png", roundels::paint()),
    ]
}

pub(crate) fn styles() -> Vec<Example> {
    vec![
        Example::new("fabric/styles/indigo_batik.jpg", batik::paint()),
        Example::new("fabric/styles/terracotta_brush.jpg", brush::paint()),
        Example::new("village/styles/terracotta_brush.jpg", brush::paint()),
    ]
}
