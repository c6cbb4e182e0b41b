//! What an optimiser remembers, as a checkpoint and a finer scale take it.

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
    /// In some encoding of 16 bits, which is its owner's affair.
    Half(Vec<u16>),
}
