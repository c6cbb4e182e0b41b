//! Pictures on their way to a device and back.

use candle_core::{Device, Result, Tensor};

use crate::Image;

/// (height, width, 3), red, green and blue.
pub(super) fn uploaded(image: &Image, device: &Device) -> Result<Tensor> {
    Tensor::from_slice(&image.rgb, (image.height, image.width, 3), device)
}

/// The picture of such a tensor.
pub(super) fn downloaded(picture: &Tensor) -> Result<Image> {
    let (height, width, _) = picture.dims3()?;
    Ok(Image { width, height, rgb: picture.flatten_all()?.to_vec1()? })
}
