//! A network that has learned its styles, prepared once and shared by sessions.

use std::fmt;
use std::sync::Arc;

use impasto_kernels::Level;
use impasto_kernels::networks::{
    Canvas, FeedForward, FeedForwardError, FeedForwardLayout, Tensors, Workspace,
};
use impasto_models::{ModelError, NetworkHeader, NetworkLayout, read_network};
use impasto_types::{Digest, ModelStyle, ModelStyles};

use super::card::{CardBody, CardRun};
use super::noise::add_noise;
use super::pass::Pass;
use super::workshop::{Workshop, unpaintable};
use crate::cards::Handle;
use crate::error::Unlearned;
use crate::sources::Sources;
use crate::{EngineError, Image, Interrupt};

/// Why a file is no network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error(transparent)]
    File(#[from] ModelError),
    #[error("this is no network of this program")]
    Network(#[from] FeedForwardError),
    #[error("this network has learned its styles: it is a `model` of method feedforward")]
    Learned,
    #[error("this network is for any style: it is an `any_style_model` of method arbitrary")]
    AnyStyle,
    /// The file is not to blame.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The sizes that a file's header names.
///
/// # Errors
/// [`NetworkError::AnyStyle`] where the network has learned no style of its own; names a size that
/// no network can have.
pub fn layout_of(header: &NetworkHeader) -> Result<FeedForwardLayout, NetworkError> {
    match header.layout {
        NetworkLayout::Learned { contract, blocks, expand } => {
            let styles = header.styles.len();
            let layout = FeedForwardLayout { contract, blocks, expand, styles };
            layout.check().map_err(FeedForwardError::from)?;
            Ok(layout)
        }
        NetworkLayout::AnyStyle { .. } => Err(NetworkError::AnyStyle),
    }
}

/// Reads a network's file, and builds the network. A level that this processor lacks is lowered to
/// the best one that it has.
///
/// # Errors
/// Where it is no such file or damaged, or a tensor is missing, one too many or of another shape:
/// the error names it.
pub fn network_of(
    bytes: &[u8],
    level: Level,
) -> Result<(NetworkHeader, FeedForward), NetworkError> {
    let (header, tensors) = read_network(bytes)?;
    let layout = layout_of(&header)?;
    let named = tensors.iter().map(|own| (&own.name[..], &own.shape[..], &own.values[..]));
    let named = Tensors::new(named).map_err(FeedForwardError::from)?;
    let network = FeedForward::of_tensors(&layout, &named, level)?;
    Ok((header, network))
}

/// A network that `impasto train` made, and the threads that work for it. A clone shares them.
#[derive(Clone)]
pub struct Network {
    header: Arc<NetworkHeader>,
    network: Arc<FeedForward>,
    level: Level,
    workshop: Arc<Workshop>,
    bytes: u64,
    /// The network, where it paints on a card.
    card: Option<Arc<CardBody>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("device", &self.device()).finish_non_exhaustive()
    }
}

impl Network {
    /// Prepares the network of a file for the CPU, on `threads` threads. `level` may lower the
    /// instructions that the kernels use; `None` uses the best there are.
    ///
    /// # Errors
    /// As [`network_of`]; [`NetworkError::Engine`] where no threads are to be had.
    pub fn of_file(
        bytes: &[u8],
        threads: usize,
        level: Option<Level>,
    ) -> Result<Self, NetworkError> {
        let level = level.map_or_else(Level::detect, Level::lowered);
        let workshop = Arc::new(Workshop::new(threads)?);
        let (header, network) = network_of(bytes, level)?;
        // The convolutions are there as they are prepared, and for a card.
        let parameters = layout_of(&header)?.parameters() + network.weights().parameters();
        let (header, network, bytes) = (Arc::new(header), Arc::new(network), 4 * parameters as u64);
        Ok(Self { header, network, level, workshop, bytes, card: None })
    }

    /// The same, painting on a card that [`cards::cuda`](crate::cards::cuda) opened. The CPU paints
    /// what the card has no memory for.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn on_card(&self, card: &Handle) -> Result<Self, EngineError> {
        let card = CardBody::new(self.network.weights(), card)?;
        Ok(Self { card: Some(Arc::new(card)), ..self.clone() })
    }

    /// What it runs on, such as `cpu avx512 fp32`.
    pub fn device(&self) -> String {
        self.card.as_ref().map_or_else(|| format!("cpu {} fp32", self.level), |card| card.label())
    }

    /// Memory that the prepared network takes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How much of each of its styles is painted, where `asked` are style images: a name for the
    /// error, the digest of the file, and a weight. Without any, a network of one style paints
    /// that.
    ///
    /// # Errors
    /// Where it has not learned one of them, or there are several to choose from.
    pub fn shares<'a>(
        &self,
        asked: impl IntoIterator<Item = (&'a str, Digest, f32)>,
    ) -> Result<Vec<f32>, Unlearned> {
        let found = asked.into_iter().map(|(name, digest, weight)| {
            let styles = &self.header.styles;
            (name, styles.iter().position(|style| style.digest == Some(digest)), weight)
        });
        self.shared(found)
    }

    /// The same, where styles are asked for by their names.
    ///
    /// # Errors
    /// Where it has none of a name.
    pub fn named_shares(&self, asked: &ModelStyles) -> Result<Vec<f32>, Unlearned> {
        let found = asked.0.iter().map(|ModelStyle { name, weight }| {
            let styles = &self.header.styles;
            (&name[..], styles.iter().position(|style| style.name == *name), *weight)
        });
        self.shared(found)
    }

    /// Shares of styles, each with the place that it was found at.
    fn shared<'a>(
        &self,
        found: impl Iterator<Item = (&'a str, Option<usize>, f32)>,
    ) -> Result<Vec<f32>, Unlearned> {
        let styles = &self.header.styles;
        let refused = |asked: String| {
            let learned = styles.iter().map(|style| style.name.clone()).collect();
            Unlearned { asked, learned }
        };
        let mut shares = vec![0.0; styles.len()];
        for (name, place, weight) in found {
            shares[place.ok_or_else(|| refused(name.to_owned()))?] += weight;
        }
        let total: f32 = shares.iter().sum();
        match &mut shares[..] {
            [only] => *only = 1.0,
            _ if total == 0.0 => {
                return Err(refused("which of several styles to paint".to_owned()));
            }
            several => several.iter_mut().for_each(|share| *share /= total),
        }
        Ok(shares)
    }
}

/// A run of a network in a mixture of its styles.
#[derive(Debug)]
pub(super) struct Learned {
    pub(super) network: Arc<Network>,
    pub(super) shares: Vec<f32>,
    pub(super) strength: f32,
    /// Of the noise that it paints from.
    pub(super) seed: u64,
    pub(super) card: CardRun,
}

impl Learned {
    pub(super) fn new(
        network: Arc<Network>,
        shares: Vec<f32>,
        (strength, seed): (f32, u64),
        budget_bytes: u64,
    ) -> Self {
        let card = CardRun::new(network.card.clone(), budget_bytes);
        Self { network, shares, strength, seed, card }
    }
}

impl Pass for Learned {
    fn workshop(&self) -> &Workshop {
        &self.network.workshop
    }

    fn bytes(&self) -> u64 {
        self.network.bytes
    }

    fn run_bytes(&self, size: (usize, usize), wraps: (bool, bool)) -> u64 {
        self.card.host_bytes(size, wraps, || self.network.network.run_bytes(size, wraps))
    }

    fn falls_back(&self, size: (usize, usize), wraps: (bool, bool)) -> bool {
        self.card.falls_back(size, wraps)
    }

    fn look(&mut self, _: &Sources, _: (usize, usize), _: &Interrupt) -> Result<(), EngineError> {
        Ok(())
    }

    fn stir(&self, begun: &mut Image) {
        add_noise(begun, self.network.header.noise, self.seed);
    }

    fn paint(
        &self,
        workspace: &mut Workspace,
        picture: &mut Canvas<'_>,
        _: &Interrupt,
    ) -> Result<(), EngineError> {
        let network = &self.network.network;
        let factors = || network.factors(&self.shares).map_err(unpaintable);
        self.card.paint(picture, factors, |picture| {
            network.paint_over(workspace, picture, &self.shares).map_err(unpaintable)
        })
    }

    fn share(&self) -> f32 {
        self.strength
    }
}
