//! An optimiser's state, for checkpoints and for the next scale.

/// An optimiser's memory as plain numbers: what a checkpoint holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    pub scalars: Vec<f64>,
    pub vectors: Vec<Vector>,
}

/// Numbers as they are stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Vector {
    Fp32(Vec<f32>),
    /// In an encoding of 16 bits that the optimiser chooses.
    Half(Vec<u16>),
}
