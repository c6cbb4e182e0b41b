//! One pass through a network.
//!
//! - [`Networks`] take any style (Ghiasi, Lee, Kudlur, Dumoulin and Shlens, "Exploring the
//!   structure of a real-time, arbitrary neural artistic stylization network", BMVC 2017): one
//!   makes a vector of a style image, the other paints a picture in the style of a vector.
//! - A [`Restyler`] takes any style as well, and is trained by this program: VGG-19's features are
//!   given a style's means and deviations, and a decoder makes a picture of them (Huang and
//!   Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", ICCV
//!   2017).
//! - A [`Network`] has learned its styles (Johnson, Alahi and Fei-Fei, "Perceptual Losses for
//!   Real-Time Style Transfer and Super-Resolution", ECCV 2016).
//!
//! All are prepared once. A [`Session`] is one run: it paints from coarse to fine, since a network
//! has learned strokes of one size in pixels, and asks a `Pass` for each scale. An optimisation may
//! begin with a picture of [`Networks`].

mod any_style;
mod beginning;
mod card;
mod learned;
mod noise;
mod pass;
mod reading;
mod restyler;
mod scale;
mod seen;
mod session;
mod squares;
mod statistics;
mod tiles;
mod workshop;

pub use any_style::Networks;
pub use learned::{Network, NetworkError, layout_of, network_of};
pub use noise::add_noise;
pub use reading::Reading;
pub use restyler::{Restyler, decoder_layout_of, decoder_of};
pub use session::Session;
pub use statistics::{FeatureStatistics, FeatureTransfer};
