//! Numbers below black and above white, which floats may hold and paint cannot reach.

/// The pixels of a picture that have a number beyond its levels, each with its place.
#[derive(Debug, Default)]
pub(super) struct Beyond(Vec<(u32, [f32; 3])>);

impl Beyond {
    /// A picture has fewer than 2^32 pixels.
    pub(super) fn of(rgb: &[f32]) -> Self {
        let (pixels, _) = rgb.as_chunks::<3>();
        let is_beyond = |pixel: &[f32; 3]| pixel.iter().any(|it| !(0.0..=255.0).contains(it));
        let beyond = pixels.iter().copied().enumerate().filter(|(_, pixel)| is_beyond(pixel));
        Self(beyond.map(|(at, pixel)| (at as u32, pixel)).collect())
    }

    pub(super) fn bytes(&self) -> u64 {
        size_of_val(&self.0[..]) as u64
    }

    /// Puts them back where a picture of the same size was not painted: paint that ends at white in
    /// one colour has changed the others.
    pub(super) fn put_back(&self, painted: &mut [f32]) {
        let (pixels, _) = painted.as_chunks_mut::<3>();
        for (at, own) in &self.0 {
            if let Some(pixel) = pixels.get_mut(*at as usize)
                && *pixel == own.map(|number| number.clamp(0.0, 255.0))
            {
                *pixel = *own;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_painted_comes_back() {
        let own = [[-3.0, 40.0, 300.0], [7.0; 3], [300.0, 50.0, 60.0]].concat();
        let beyond = Beyond::of(&own);
        assert_eq!(beyond.bytes(), 2 * 16);
        let mut painted = [[0.0, 40.0, 255.0], [8.0; 3], [255.0, 51.0, 60.0]].concat();
        beyond.put_back(&mut painted);
        assert_eq!(painted, [[-3.0, 40.0, 300.0], [8.0; 3], [255.0, 51.0, 60.0]].concat());
    }
}
