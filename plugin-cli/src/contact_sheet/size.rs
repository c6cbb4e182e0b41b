//! How large a sheet gets: at most 20 MB, whatever the project has.

/// The most cards of a sheet.
pub(super) const CARDS: usize = 500;

/// The most style images of a card.
pub(super) const STYLES_PER_CARD: usize = 3;

/// The limits of a thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureSize {
    /// Of its longer side, in pixels.
    pub side_px: u32,
    /// Of its file. A picture that compresses badly gets smaller.
    pub max_bytes: usize,
}

/// The thumbnails of sheets with at most so many cards. The first fill half a screen without blur;
/// the last are sharp at the width of a card.
const SIZES: [(usize, PictureSize); 3] = [
    (125, PictureSize { side_px: 512, max_bytes: 60_000 }),
    (250, PictureSize { side_px: 384, max_bytes: 30_000 }),
    (CARDS, PictureSize { side_px: 320, max_bytes: 15_000 }),
];

/// A ball and a board of a material under a light, on sheets of the fewest cards.
pub(super) const LIT: PictureSize = PictureSize { side_px: 400, max_bytes: 15_000 };

/// Style images, which many cards share.
pub(super) const STYLE: PictureSize = PictureSize { side_px: 96, max_bytes: 2_500 };

/// A card's text: names, settings, figures, and a message of [`MESSAGE_CHARS`].
const CARD_TEXT_BYTES: usize = 2_000;

/// The longest message of a card, in characters.
pub(super) const MESSAGE_CHARS: usize = 600;

const MOST_BYTES: usize = 20_000_000;

const _: () = {
    let mut row = 0;
    while row < SIZES.len() {
        let (cards, size) = SIZES[row];
        let lit = if row == 0 { 2 * LIT.max_bytes } else { 0 };
        let pictures = 2 * size.max_bytes + STYLES_PER_CARD * STYLE.max_bytes + lit;
        let card = pictures + CARD_TEXT_BYTES;
        assert!(cards * card <= MOST_BYTES);
        row += 1;
    }
};

impl PictureSize {
    /// Whether a card has room for [`LIT`] beside pictures of this size.
    pub(super) fn has_room(self) -> bool {
        self == SIZES[0].1
    }

    /// The thumbnails of a sheet with this many cards.
    pub(super) fn for_cards(cards: usize) -> Self {
        let [.., (_, smallest)] = SIZES;
        SIZES.iter().find(|(most, _)| cards <= *most).map_or(smallest, |(_, size)| *size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_cards_have_smaller_pictures() {
        for (cards, side_px) in
            [(0, 512), (1, 512), (125, 512), (126, 384), (250, 384), (251, 320), (500, 320)]
        {
            assert_eq!(PictureSize::for_cards(cards).side_px, side_px, "{cards}");
        }
    }
}
