//! What a convolution is asked for, in whichever form its weights are.

use crate::{
    fp32::{
        bits::Gate,
        pool::{Pooling, Unpooled},
    },
    plane::Plane,
};

/// What to compute: the input and its geometry, and what happens to a sum before it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution<'a> {
    pub(crate) input: Input<'a>,
    pub(crate) plane: &'a Plane,
    pub(crate) epilogue: Epilogue<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// Pixels of channels.
    Map(&'a [f32]),
    /// Backward, behind a pool: no gradient of the map before pooling is ever stored.
    Unpooled(Unpooled<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Epilogue<'a> {
    /// Forward: add the bias, then ReLU.
    Rectify { bias: &'a [f32] },
    /// The same, and a bit for each feature: whether it is positive.
    Mark { bias: &'a [f32] },
    /// The same, but only the pooled map is stored, and a bit for each feature before pooling: its
    /// route.
    Pool { bias: &'a [f32], pooling: &'a Pooling },
    /// Backward, into features: only where they are positive. This is the ReLU's gradient; doing it
    /// where the gradient is written means that every gradient buffer holds a gradient before the
    /// ReLU, and none has to be masked when it is read.
    Gate(Gate<'a>),
    /// Backward, into a pooled map, the first features or the picture.
    Plain,
}

/// Where the values go, and the bits if the epilogue makes any.
#[derive(Debug)]
pub(crate) struct Destination<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) bits: &'a mut [u8],
}
