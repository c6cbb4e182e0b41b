use impasto_assets::{Corner, Place, Triangle, Wrap};
use proptest::prelude::*;

use super::*;

/// A place of a picture.
fn place(x: u32, width: u32, height: u32, wraps: [Wrap; 2]) -> Place {
    Place { x, y: 0, width, height, wraps, name: "0".to_owned() }
}

/// Two triangles of a rectangle of the surface, from its corner with the least coordinates to
/// that with the largest, at a rectangle of the place.
fn quad(place: usize, surface: [[f32; 2]; 2], at: [[f32; 2]; 2]) -> [Triangle; 2] {
    let corner = |x: usize, y: usize| Corner {
        at: [at[x][0], at[y][1]],
        position: [surface[x][0], surface[y][1], 0.0],
    };
    let corners = [corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)];
    [[0, 1, 2], [0, 2, 3]]
        .map(|three| Triangle { place, corners: three.map(|at: usize| corners[at]) })
}

fn model(places: Vec<Place>, triangles: &[[Triangle; 2]]) -> Model {
    Model {
        places,
        triangles: triangles.concat(),
        texels_per_m: None,
        unread: vec![],
        warning: None,
    }
}

fn across(unwrap: &Unwrap, x: usize, y: usize) -> Option<(Point, bool)> {
    let at = (y * unwrap.size.0 + x) as u32;
    let found = unwrap.across.iter().find(|across| across.at == at)?;
    Some((found.to, found.is_inside))
}

#[test]
fn pixels_beyond_a_cut_show_what_goes_on_there() {
    // The surface's right half lies 30 pixels to the right of its left half.
    let model = model(
        vec![place(0, 100, 40, [Wrap::Clamp; 2])],
        &[
            quad(0, [[0.0, 0.0], [1.0, 1.0]], [[10.0, 10.0], [30.0, 30.0]]),
            quad(0, [[1.0, 0.0], [2.0, 1.0]], [[60.0, 10.0], [80.0, 30.0]]),
        ],
    );
    let unwrap = Unwrap::of(&model, (100, 40), (100, 40));
    let used = |x: usize, y: usize| unwrap.is_used(y * 100 + x);
    assert!(used(10, 10) && used(29, 29) && !used(30, 20) && !used(9, 20) && used(60, 10));
    assert_eq!((0..4000).filter(|at| unwrap.is_used(*at)).count(), 800);
    let check = |x, y, expected: Option<([f64; 2], bool)>| {
        let found = across(&unwrap, x, y);
        assert_eq!(found.is_some(), expected.is_some(), "{x}, {y}: {found:?}");
        let Some(((found, is_inside), (to, inside))) = found.zip(expected) else { return };
        let near = (0..2).all(|axis| (found[axis] - to[axis]).abs() < 1e-6);
        assert!(near && is_inside == inside, "{x}, {y}: {found:?}");
    };
    check(33, 20, Some(([63.5, 20.5], false)));
    check(57, 20, Some(([27.5, 20.5], false)));
    check(29, 20, Some(([60.5, 20.5], true)));
    check(60, 20, Some(([29.5, 20.5], true)));
    check(39, 20, None);
    check(20, 20, None);
    check(7, 20, None);
    // The same at half the size.
    let half = Unwrap::of(&model, (100, 40), (50, 20));
    assert_eq!(across(&half, 16, 10).map(|(to, _)| to), Some([31.5, 10.5]));
}

#[test]
fn a_texture_repeats_if_its_surface_says_so() {
    let repeat = [Wrap::Repeat; 2];
    let joins = |at: [[f32; 2]; 2], wraps| {
        let model = model(vec![place(0, 40, 40, wraps)], &[quad(0, [[0.0; 2], [1.0; 2]], at)]);
        let unwrap = Unwrap::of(&model, (40, 40), (40, 40));
        let all = (0..1600).all(|at| unwrap.is_used(at));
        let joins = unwrap.joins();
        (joins.repeats_across(), joins.repeats_down(), all)
    };
    assert_eq!(joins([[0.0, 0.0], [40.0, 40.0]], repeat), (false, false, true));
    assert_eq!(joins([[0.0, 0.0], [100.0, 40.0]], repeat), (true, false, true));
    assert_eq!(joins([[-400.0, 0.0], [1e6, 90.0]], repeat), (true, true, true));
    assert_eq!(joins([[0.0, 0.0], [100.0, 20.0]], [Wrap::Clamp; 2]), (false, false, false));
    assert_eq!(joins([[30.0, 0.0], [50.0, 20.0]], repeat), (true, false, false));
    // A tube: the surface's two ends are one edge, cut at the borders.
    let mut tube = quad(0, [[0.0; 2], [1.0; 2]], [[0.0, 0.0], [20.0, 40.0]]).to_vec();
    let back = quad(0, [[1.0, 0.0], [0.0, 1.0]], [[20.0, 0.0], [40.0, 40.0]]);
    tube.extend(back.map(|mut triangle| {
        triangle.corners.iter_mut().for_each(|corner| {
            corner.position[2] = f32::from(u8::from(corner.at[0] == 30.0));
        });
        triangle
    }));
    let tube = Model {
        texels_per_m: None,
        places: vec![place(0, 40, 40, repeat)],
        triangles: tube,
        unread: vec![],
        warning: None,
    };
    let joins = Unwrap::of(&tube, (40, 40), (40, 40)).joins();
    assert!(joins.repeats_across() && !joins.repeats_down());
}

#[test]
fn a_repeating_texture_among_others_goes_on_in_the_gap_around_it() {
    let model = model(
        vec![place(0, 40, 40, [Wrap::Repeat; 2]), place(56, 20, 40, [Wrap::Clamp; 2])],
        &[quad(0, [[0.0; 2], [2.0; 2]], [[0.0, 0.0], [80.0, 40.0]])],
    );
    let unwrap = Unwrap::of(&model, (76, 40), (76, 40));
    assert_eq!(unwrap.joins(), Joins::default());
    assert_eq!(across(&unwrap, 42, 20), Some(([2.5, 20.5], false)));
    assert_eq!(across(&unwrap, 39, 20), Some(([0.5, 20.5], true)));
    assert_eq!(across(&unwrap, 0, 20), Some(([39.5, 20.5], true)));
    // A texture that no surface shows is used as a whole, and has no seams.
    assert!(unwrap.is_used(56) && across(&unwrap, 56, 20).is_none());
    let mut unread = model.clone();
    unread.triangles.clear();
    unread.unread.push(0);
    let unwrap = Unwrap::of(&unread, (76, 40), (76, 40));
    assert!(unwrap.is_used(0) && unwrap.is_used(60) && !unwrap.is_used(45));
    assert!(unwrap.across.is_empty());
}

#[test]
fn a_surface_of_one_texel_shows_it() {
    let palette = quad(0, [[0.0; 2], [1.0; 2]], [[5.2, 9.7], [5.2, 9.7]]);
    let thin = quad(0, [[1.0, 0.0], [2.0, 1.0]], [[20.1, 3.2], [20.3, 3.4]]);
    let beyond = quad(0, [[2.0, 0.0], [3.0, 1.0]], [[90.0, 3.2], [95.0, 3.4]]);
    let model = model(vec![place(0, 40, 40, [Wrap::Clamp; 2])], &[palette, thin, beyond]);
    let unwrap = Unwrap::of(&model, (40, 40), (40, 40));
    let used: Vec<usize> = (0..1600).filter(|at| unwrap.is_used(*at)).collect();
    assert_eq!(used, [3 * 40 + 20, 3 * 40 + 39, 9 * 40 + 5]);
}

#[test]
fn coordinates_far_away_cost_nothing() {
    let far = 1e30;
    let quads = [
        quad(0, [[0.0; 2], [1.0; 2]], [[-far, -far], [far, far]]),
        quad(0, [[1.0, 0.0], [2.0, 1.0]], [[far, 0.0], [-far, 1.0]]),
    ];
    for wraps in [[Wrap::Clamp; 2], [Wrap::Repeat; 2], [Wrap::Mirror; 2]] {
        let model = model(vec![place(0, 16, 16, wraps)], &quads);
        let unwrap = Unwrap::of(&model, (16, 16), (16, 16));
        assert!((0..256).all(|at| unwrap.is_used(at)), "{wraps:?}");
    }
}

fn coordinate() -> impl Strategy<Value = f32> {
    const FAR: [f32; 6] = [0.0, 20.0, 32.0, 1e9, -1e30, f32::MAX];
    prop_oneof![4 => -40.0_f32..80.0, 1 => prop::sample::select(&FAR[..])]
}

/// Triangles of a surface of few vertices, so that many share edges.
fn triangles() -> impl Strategy<Value = Vec<Triangle>> {
    let position = prop::array::uniform3((0..3_u8).prop_map(f32::from));
    let corner = (prop::array::uniform2(coordinate()), position)
        .prop_map(|(at, position)| Corner { at, position });
    let triangle = (0..3_usize, prop::array::uniform3(corner))
        .prop_map(|(place, corners)| Triangle { place, corners });
    prop::collection::vec(triangle, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_a_mesh_says_it_is_unwrapped_within_the_picture(
        triangles in triangles(),
        wraps in prop::array::uniform6(prop::sample::select(
            &[Wrap::Clamp, Wrap::Repeat, Wrap::Mirror][..]
        )),
        unread in prop::collection::vec(0..3_usize, 0..2),
    ) {
        let places = vec![
            place(0, 32, 20, [wraps[0], wraps[1]]),
            place(48, 16, 24, [wraps[2], wraps[3]]),
            place(80, 3, 1, [wraps[4], wraps[5]]),
        ];
        let model = Model { places, triangles, texels_per_m: None, unread, warning: None };
        for (width, height) in [(83, 24), (41, 12), (1, 1)] {
            let unwrap = Unwrap::of(&model, (83, 24), (width, height));
            for across in unwrap.across() {
                prop_assert!((across.at as usize) < width * height);
                let [x, y] = across.to;
                let (right, bottom) = (width as f64, height as f64);
                let is_inside = (0.0..=right).contains(&x) && (0.0..=bottom).contains(&y);
                prop_assert!(is_inside, "{across:?}");
            }
            let mut paint: Vec<f32> = (0..3 * width * height).map(|at| (at % 7) as f32).collect();
            crate::adapter::model::level::level(&mut paint, &unwrap, None);
            prop_assert!(paint.iter().all(|value| value.is_finite()));
        }
    }
}
