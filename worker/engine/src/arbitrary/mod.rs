//! One pass through a network that takes any style: Ghiasi, Lee, Kudlur, Dumoulin and Shlens,
//! "Exploring the structure of a real-time, arbitrary neural artistic stylization network", BMVC
//! 2017.
//!
//! [`Networks`] are prepared once: one makes a vector of a style image, the other paints a picture
//! in the style of a vector. A [`Session`] is one run: it looks at the style images (`squares`),
//! and paints from coarse to fine, since the network has learned strokes of one size in pixels.

mod networks;
mod session;
mod squares;

pub use networks::Networks;
pub use session::Session;
