//! The pictures that a network is trained on, and those that it never sees.

use impasto_engine::{Image, resize_plane};
use impasto_types::Digest;

use crate::Settings;
use crate::chance::Chance;

/// The fewest pictures that a network can be trained on: one of them is held out.
pub const LEAST_PHOTOS: usize = Settings::LEAST_PICTURES;

/// One picture in so many is held out, and at most [`MOST_HELD_OUT`] are.
const HELD_OUT_SHARE: usize = 10;
const MOST_HELD_OUT: usize = 8;

/// The shorter side of a picture in squares, at most.
const MOST_SQUARES: f64 = 1.5;

/// A content picture, as bytes: many are held at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Of the file that it was read from.
    pub digest: Digest,
    pub width: usize,
    pub height: usize,
    /// `height * width * 3`.
    pub rgb: Vec<u8>,
}

impl Photo {
    /// A picture in the size that training on squares of `side` pixels looks at: reduced until its
    /// shorter side is at most `MOST_SQUARES`, enlarged where it is less than one. Says which.
    pub fn fitted(digest: Digest, image: &Image, side: usize) -> (Self, Fit) {
        let shorter = image.width.min(image.height).max(1) as f64;
        let (least, most) = (side as f64, MOST_SQUARES * side as f64);
        let (ratio, fit) = if shorter > most {
            (most / shorter, Fit::Reduced)
        } else if shorter < least {
            (least / shorter, Fit::Enlarged)
        } else {
            (1.0, Fit::Kept)
        };
        let length = |len: usize| ((len as f64 * ratio).round() as usize).max(side);
        let (width, height) = match fit {
            Fit::Kept => (image.width, image.height),
            Fit::Reduced | Fit::Enlarged => (length(image.width), length(image.height)),
        };
        let from = (image.width, image.height);
        let rgb = resize_plane(&image.rgb, 3, from, (width, height), (false, false));
        let rgb = rgb.iter().map(|value| value.clamp(0.0, 255.0).round() as u8).collect();
        (Self { digest, width, height, rgb }, fit)
    }

    /// A square of it in another size.
    fn square(&self, (x, y): (usize, usize), own: usize, side: usize, flip: bool) -> Image {
        let mut rgb = Vec::with_capacity(own * own * 3);
        for row in self.rgb.chunks_exact(3 * self.width).skip(y).take(own) {
            let pixels = row[3 * x..][..3 * own].chunks_exact(3);
            let mut add = |pixel: &[u8]| rgb.extend(pixel.iter().map(|value| f32::from(*value)));
            if flip { pixels.rev().for_each(&mut add) } else { pixels.for_each(&mut add) }
        }
        let rgb = resize_plane(&rgb, 3, (own, own), (side, side), (false, false));
        let mut image = Image { width: side, height: side, rgb };
        image.clamp();
        image
    }
}

/// What became of a picture's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    Kept,
    Reduced,
    Enlarged,
}

/// Why pictures are no corpus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorpusError {
    #[error(
        "there are {found} different pictures to train on, but it takes at least {LEAST_PHOTOS}, \
         and a few hundred for a good network"
    )]
    Few { found: usize },
    #[error("a picture of {width} x {height} pixels is smaller than a square of {side}")]
    Small { width: usize, height: usize, side: usize },
}

/// Training pictures, and held-out ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    training: Vec<Photo>,
    held_out: Vec<Photo>,
    side: usize,
}

impl Corpus {
    /// From pictures in any order; of equal ones the first counts. Which are held out follows from
    /// their digests alone, so a picture that is added moves few of the others.
    ///
    /// # Errors
    /// Where there are too few, or one is smaller than a square: see [`Photo::fitted`].
    pub fn new(mut photos: Vec<Photo>, side: usize) -> Result<Self, CorpusError> {
        photos.sort_by_key(|photo| photo.digest);
        photos.dedup_by_key(|photo| photo.digest);
        if photos.len() < LEAST_PHOTOS {
            return Err(CorpusError::Few { found: photos.len() });
        }
        if let Some(small) = photos.iter().find(|photo| photo.width.min(photo.height) < side) {
            let Photo { width, height, .. } = *small;
            return Err(CorpusError::Small { width, height, side });
        }
        let held_out = (photos.len() / HELD_OUT_SHARE).clamp(1, MOST_HELD_OUT);
        let training = photos.split_off(held_out);
        Ok(Self { training, held_out: photos, side })
    }

    /// How many pictures are trained on.
    pub fn training(&self) -> usize {
        self.training.len()
    }

    /// The pictures that are never trained on.
    pub fn held_out(&self) -> &[Photo] {
        &self.held_out
    }

    /// The digest of all pictures' digests, each set in order.
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        for photos in [&self.training, &self.held_out] {
            bytes.extend((photos.len() as u64).to_le_bytes());
            photos.iter().for_each(|photo| bytes.extend(photo.digest.to_string().as_bytes()));
        }
        Digest::of(&bytes)
    }

    /// A square of a training picture: anywhere in it, of any size from one square up to the whole,
    /// and mirrored half of the time.
    pub(crate) fn draw(&self, chance: &mut Chance) -> Image {
        let photo = &self.training[chance.below(self.training.len())];
        let shorter = photo.width.min(photo.height);
        let own = self.side + chance.below(shorter - self.side + 1);
        let x = chance.below(photo.width - own + 1);
        let y = chance.below(photo.height - own + 1);
        photo.square((x, y), own, self.side, chance.coin())
    }

    /// The middle of each held-out picture.
    pub(crate) fn middles(&self, side: usize) -> Vec<Image> {
        let middle = |photo: &Photo| {
            let own = photo.width.min(photo.height);
            let (x, y) = ((photo.width - own) / 2, (photo.height - own) / 2);
            photo.square((x, y), own, side, false)
        };
        self.held_out.iter().map(middle).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(seed: u8, width: usize, height: usize) -> Photo {
        let rgb = (0..3 * width * height).map(|i| (i as u8).wrapping_mul(seed)).collect();
        Photo { digest: Digest::of(&[seed]), width, height, rgb }
    }

    #[test]
    fn the_same_pictures_in_another_order_are_the_same_corpus() {
        let photos: Vec<_> = (1..25).map(|seed| photo(seed, 40, 33)).collect();
        let corpus = Corpus::new(photos.clone(), 32).expect("a corpus");
        assert_eq!((corpus.training(), corpus.held_out().len()), (22, 2));
        let mut turned = photos.clone();
        turned.reverse();
        turned.push(photos[3].clone());
        assert_eq!(Corpus::new(turned, 32), Ok(corpus.clone()));
        let more = Corpus::new([photos, vec![photo(99, 32, 32)]].concat(), 32).expect("a corpus");
        assert_ne!(more.digest(), corpus.digest());
    }

    #[test]
    fn too_few_or_too_small_pictures_are_refused() {
        let photos: Vec<_> = (1..4).map(|seed| photo(seed, 40, 33)).collect();
        let refused = |photos: Vec<Photo>| Corpus::new(photos, 32).expect_err("refused");
        assert_eq!(refused(photos.clone()), CorpusError::Few { found: 3 });
        let twice = [photos.clone(), photos.clone()].concat();
        assert_eq!(refused(twice), CorpusError::Few { found: 3 });
        let small = CorpusError::Small { width: 60, height: 31, side: 32 };
        assert_eq!(refused([photos, vec![photo(9, 60, 31)]].concat()), small);
    }

    #[test]
    fn pictures_are_fitted_to_one_square_at_least_and_one_and_a_half_at_most() {
        for (size, expected, fit) in [
            ((100, 48), (100, 48), Fit::Kept),
            ((64, 32), (64, 32), Fit::Kept),
            ((400, 200), (96, 48), Fit::Reduced),
            ((20, 16), (40, 32), Fit::Enlarged),
            ((1, 1), (32, 32), Fit::Enlarged),
        ] {
            let image = Image::filled(size.0, size.1, [300.0, 20.4, -5.0]);
            let (photo, found) = Photo::fitted(Digest::of(b""), &image, 32);
            assert_eq!(((photo.width, photo.height), found), (expected, fit), "{size:?}");
            assert_eq!(photo.rgb[..3], [255, 20, 0]);
        }
    }

    #[test]
    fn draws_lie_within_and_are_sometimes_mirrored() {
        // Red rises to the right, green downwards.
        let rgb = (0..70 * 90).flat_map(|i| [(i % 70) as u8, (i / 70) as u8, 0]).collect();
        let photo = Photo { digest: Digest::of(b"a"), width: 70, height: 90, rgb };
        let others = (0..4).map(|i| Photo { digest: Digest::of(&[i]), ..photo.clone() }).collect();
        let corpus = Corpus::new(others, 32).expect("a corpus");
        let mut mirrored = 0;
        for step in 0..40 {
            let image = corpus.draw(&mut Chance::of(1, 2, step));
            assert_eq!((image.width, image.height), (32, 32));
            let across = image.rgb[3 * 20] - image.rgb[3 * 10];
            let down = image.rgb[3 * 32 * 20 + 1] - image.rgb[3 * 32 * 10 + 1];
            // Ten pixels of the square are ten to twenty-two of the picture.
            assert!((9.5..23.0).contains(&across.abs()) && (down - across.abs()).abs() < 0.5);
            mirrored += usize::from(across < 0.0);
        }
        assert!((8..32).contains(&mirrored), "{mirrored}");
    }
}
