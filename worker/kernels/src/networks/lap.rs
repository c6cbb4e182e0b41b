//! How both ends of an axis meet that tiles at a length which ends within a network's pixel: what
//! was painted of the next lap goes over into the first one.

/// Over so many pixels.
pub const FADE_PX: usize = 16;

/// Lets what was painted of the next lap go over into the first one, and cuts it off. `rgb` are
/// `wide` x `high` pixels, the last `laps` of which along either axis are of the next lap.
pub fn closed(rgb: Vec<f32>, (wide, high): (usize, usize), laps: (usize, usize)) -> Vec<f32> {
    let across = if laps.0 > 0 { closed_axis(&rgb, wide, laps.0, 3) } else { rgb };
    // Rows are the items of a column.
    let row = 3 * (wide - laps.0);
    if laps.1 > 0 { closed_axis(&across, high, laps.1, row) } else { across }
}

/// Lets what was painted of the next lap go over into the first one, and cuts it off: along rows
/// of `wide` items of `channels` values.
fn closed_axis(painted: &[f32], wide: usize, lap: usize, channels: usize) -> Vec<f32> {
    let len = wide - lap;
    let mut ended = Vec::with_capacity(painted.len() / wide * len);
    for row in painted.chunks_exact(wide * channels) {
        let start = ended.len();
        ended.extend_from_slice(&row[..len * channels]);
        let next = row[len * channels..].chunks_exact(channels);
        let own = ended[start..].chunks_exact_mut(channels);
        for (place, (own, next)) in own.zip(next).enumerate() {
            let share = (place as f32 + 0.5) / lap as f32;
            own.iter_mut().zip(next).for_each(|(own, next)| *own = next + share * (*own - next));
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_lap_goes_over_into_the_first() {
        // Two rows of three pixels and two of the next lap.
        let painted = [0.0, 0.0, 5.0, 8.0, 8.0, 4.0, 4.0, 5.0, 4.0, 0.0];
        assert_eq!(closed_axis(&painted, 5, 2, 1), [6.0, 2.0, 5.0, 4.0, 3.0, 5.0]);
        // The same as colours, and as columns.
        let colors = |values: &[f32]| values.iter().flat_map(|own| [*own; 3]).collect::<Vec<_>>();
        let expected = colors(&[6.0, 2.0, 5.0, 4.0, 3.0, 5.0]);
        assert_eq!(closed(colors(&painted), (5, 2), (2, 0)), expected);
        let columns: Vec<f32> = (0..5).flat_map(|y| [painted[y], painted[5 + y]]).collect();
        let expected = colors(&[6.0, 4.0, 2.0, 3.0, 5.0, 5.0]);
        assert_eq!(closed(colors(&columns), (2, 5), (0, 2)), expected);
        assert_eq!(closed(colors(&painted), (5, 2), (0, 0)), colors(&painted));
    }
}
