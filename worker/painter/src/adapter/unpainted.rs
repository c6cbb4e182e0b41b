//! Colours of a file that are not painted, and come back as they are in it.

use impasto_assets::{Color, Picture};
use impasto_types::{Channels, Component};

/// The channels of a file whose colours are painted one by one.
#[derive(Debug)]
pub(super) struct Unpainted {
    /// Red, green and blue.
    is_painted: [bool; 3],
    own: Vec<f32>,
    size: (usize, usize),
}

impl Unpainted {
    /// None where colours are painted together, or the file is grey: then its only channel is red.
    pub(super) fn of(channels: Channels, picture: &Picture) -> Option<Self> {
        let may_be = !channels.has_colors() && picture.origin.color == Color::Rgb;
        may_be.then(|| Self {
            is_painted: [Component::Red, Component::Green, Component::Blue]
                .map(|color| channels.alone().any(|one| one == color)),
            own: picture.rgb.clone(),
            size: (picture.width as usize, picture.height as usize),
        })
    }

    pub(super) fn is_painted(&self) -> [bool; 3] {
        self.is_painted
    }

    pub(super) fn bytes(&self) -> u64 {
        size_of_val(&self.own[..]) as u64
    }

    /// Puts the file's own numbers back, in a picture of its size.
    pub(super) fn put_back(&self, rgb: &mut [f32], size: (usize, usize)) {
        if size != self.size {
            return;
        }
        for (pixel, own) in rgb.chunks_exact_mut(3).zip(self.own.chunks_exact(3)) {
            for at in (0..3).filter(|at| !self.is_painted[*at]) {
                pixel[at] = own[at];
            }
        }
    }
}
