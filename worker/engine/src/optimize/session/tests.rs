//! Runs that begin with what another method paints.

use std::sync::Arc;

use impasto_types::{Init, Optimize, Profile};

use super::Session;
use crate::beginning::Beginning;
use crate::optimize::Engine;
use crate::sources::Sources;
use crate::{EngineError, Image, Inputs, Joins, Run, Step, Style, tiny};

/// What a [`Plain`] begins with.
const COLOR: [f32; 3] = [40.0, 90.0, 160.0];

/// Paints one colour.
#[derive(Debug)]
struct Plain {
    bytes: u64,
    painting_bytes: u64,
}

impl Beginning for Plain {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn painting_bytes(&self, _: &Sources, _: (usize, usize)) -> u64 {
        self.painting_bytes
    }

    fn paint(
        &self,
        _: &Optimize,
        _: &Sources,
        (width, height): (usize, usize),
    ) -> Result<Image, EngineError> {
        Ok(Image::filled(width, height, COLOR))
    }
}

fn engine() -> Engine {
    let weights = tiny::weights(5, &[3, 4, 4, 6, 6, 8, 8, 8, 8, 8, 8, 8, 8, 10]);
    Engine::new(&weights, 1, None, Profile::Exact).expect("an engine")
}

fn engine_with(bytes: u64, painting_bytes: u64) -> Arc<Engine> {
    Arc::new(engine().with_beginning(Box::new(Plain { bytes, painting_bytes })))
}

fn recipe() -> Optimize {
    let recipe = Optimize { init: Init::Arbitrary, min_scale: 24, ..Optimize::painterly() };
    Optimize { iterations: 3, coarse_iterations: 3, plateau: 0.0, ..recipe }
}

fn inputs() -> Inputs {
    let picture = |seed: u32| Image {
        width: 48,
        height: 40,
        rgb: (0..48 * 40 * 3).map(|at| ((at * seed) % 251) as f32).collect(),
    };
    Inputs {
        content: Some(picture(7)),
        coverage: None,
        ground: None,
        styles: vec![Style { image: picture(13), weights: None, share: 1.0 }],
        init: None,
        joins: Joins::default(),
        mask: None,
    }
}

const BUDGET: u64 = 1 << 30;

fn begun(engine: &Arc<Engine>, recipe: Optimize) -> Result<Session, EngineError> {
    Session::new(engine.clone(), recipe, inputs(), BUDGET)
}

fn finished(mut session: Session) -> Image {
    while session.step().expect("a step") != Step::Done {}
    session.picture().expect("a picture")
}

#[test]
fn a_run_begins_with_what_is_painted_for_it() {
    let engine = engine_with(0, 0);
    let session = begun(&engine, recipe()).expect("a run");
    let first = session.picture().expect("a picture");
    assert_eq!((first.width, first.height), (48, 40));
    for pixel in first.rgb.chunks_exact(3) {
        assert!(pixel.iter().zip(COLOR).all(|(own, color)| (own - color).abs() < 0.01));
    }
    // Where nothing pulls, it is the result.
    let still = Optimize { style_weight: 0.0, content_weight: 0.0, ..recipe() };
    let still = finished(begun(&engine, still).expect("a run"));
    assert_eq!(still.rgb, Image::filled(48, 40, COLOR).rgb);

    let without = Arc::new(self::engine());
    let error = begun(&without, recipe()).expect_err("there is none");
    assert!(matches!(error, EngineError::MissingInput("the networks to begin with")), "{error}");
}

#[test]
fn a_run_taken_up_goes_on_to_the_same_picture() {
    let engine = engine_with(0, 0);
    let whole = finished(begun(&engine, recipe()).expect("a run"));
    for steps in [0, 2, 4] {
        let mut broken = begun(&engine, recipe()).expect("a run");
        for _ in 0..steps {
            broken.step().expect("a step");
        }
        let saved = broken.checkpoint().expect("a checkpoint");
        let session = Session::resume(engine.clone(), recipe(), inputs(), BUDGET, &saved);
        assert_eq!(finished(session.expect("it goes on")), whole, "after {steps}");
    }
}

#[test]
fn memory_of_the_beginning_counts() {
    let least = |bytes, painting_bytes, recipe: Optimize| {
        let session = Session::new(engine_with(bytes, painting_bytes), recipe, inputs(), 1);
        match session.expect_err("it is too little") {
            EngineError::Memory { least_bytes, .. } => least_bytes,
            other => panic!("{other}"),
        }
    };
    let plain = least(0, 0, recipe());
    assert_eq!(least(1 << 20, 0, recipe()), plain + (1 << 20));
    assert!(least(0, 1 << 30, recipe()) > 1 << 30);
    // Others do not paint it.
    assert_eq!(least(0, 1 << 30, Optimize { init: Init::Content, ..recipe() }), plain);
}
