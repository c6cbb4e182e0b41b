//! Numbers below black and above white, which floats may hold and paint cannot reach.

/// The numbers of a picture that lie beyond its levels, each with its place.
#[derive(Debug, Default)]
pub(super) struct Beyond(Vec<(u32, f32)>);

impl Beyond {
    /// A picture has fewer than 2^32 numbers.
    pub(super) fn of(rgb: &[f32]) -> Self {
        let numbers = rgb.iter().copied().enumerate();
        let beyond = numbers.filter(|(_, number)| !(0.0..=255.0).contains(number));
        Self(beyond.map(|(at, number)| (at as u32, number)).collect())
    }

    pub(super) fn bytes(&self) -> u64 {
        size_of_val(&self.0[..]) as u64
    }

    /// Puts them back where a picture of the same size was not painted.
    pub(super) fn put_back(&self, painted: &mut [f32]) {
        for (at, own) in &self.0 {
            if let Some(value) = painted.get_mut(*at as usize)
                && *value == own.clamp(0.0, 255.0)
            {
                *value = *own;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_painted_comes_back() {
        let own = [-3.0, 40.0, 300.0, 700.0, 255.0];
        let beyond = Beyond::of(&own);
        assert_eq!(beyond.bytes(), 3 * 8);
        let mut painted = [0.0, 50.0, 255.0, 200.0, 255.0];
        beyond.put_back(&mut painted);
        assert_eq!(painted, [-3.0, 50.0, 300.0, 200.0, 255.0]);
    }
}
