//! Runs of one pass on the card beside those on the CPU.

use std::sync::Arc;

use impasto_engine::one_pass::{Network, Restyler, Session};
use impasto_engine::{EngineError, Image, Inputs, Joins, Run, Step, Style};
use impasto_kernels::networks::{DecoderLayout, FeedForwardLayout, TensorLayout};
use impasto_kernels::vgg::CHANNELS;
use impasto_models::{NamedTensor, NetworkHeader, NetworkLayout, NetworkStyle, write_network};
use impasto_types::{Arbitrary, FeedForward, Preset, Profile};

use super::network::{Noise, picture, weights_of};
use super::{AMPLE, fused};

const OWN: FeedForwardLayout = FeedForwardLayout::OWN;

/// A network's file with seeded weights.
fn file(layout: NetworkLayout, styles: &[&str], tensors: Vec<TensorLayout>) -> Vec<u8> {
    let tensor = |(seed, own): (usize, TensorLayout)| {
        let TensorLayout { name, shape, range } = own;
        let inputs: usize = shape[1..].iter().product();
        // Weights that about keep a map's size, and factors around one.
        let (middle, scale) = match &name[..] {
            own if own.ends_with("gamma") => (1.0, 0.3),
            own if own.ends_with("weight") => (0.0, (3.0 / inputs as f32).sqrt()),
            _ => (0.0, 0.3),
        };
        let mut noise = Noise(seed as u64 + 1);
        let values = range.map(|_| middle + scale * noise.next());
        NamedTensor { name, shape, values: values.collect() }
    };
    let tensors: Vec<_> = tensors.into_iter().enumerate().map(tensor).collect();
    let style = |name: &&str| NetworkStyle { name: (*name).to_owned(), digest: None };
    let header = NetworkHeader {
        layout,
        styles: styles.iter().map(style).collect(),
        style_pictures: None,
        noise: 20.0,
        recipe: None,
        training: None,
        licence: None,
    };
    write_network(&header, &tensors).expect("bytes")
}

fn learned() -> Network {
    let FeedForwardLayout { contract, blocks, expand, .. } = OWN;
    let layout = NetworkLayout::Learned { contract, blocks, expand };
    Network::of_file(&file(layout, &["night"], OWN.tensors()), 2, None).expect("a network")
}

fn inputs(content: Image, joins: Joins) -> Inputs {
    let styles = vec![Style::from((picture(40, 56, 9), 1.0))];
    let (coverage, ground, init, mask) = (None, None, None, None);
    Inputs { content: Some(content), coverage, ground, styles, init, joins, mask }
}

/// The finished picture of a run, and its warning.
fn finished(session: Result<Session, EngineError>) -> (Image, Option<String>) {
    let mut session = session.expect("it begins");
    while session.step().expect("it goes on") != Step::Done {}
    (session.picture().expect("a picture"), session.warning())
}

/// The largest difference, in levels.
fn apart(a: &Image, b: &Image) -> f32 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let apart = a.rgb.iter().zip(&b.rgb).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, |most, own| if own <= most { most } else { own })
}

/// A run of a network that has learned a style, of one scale.
fn run_learned(
    network: &Network,
    (size, joins): ((usize, usize), Joins),
    budget_bytes: u64,
) -> (Image, Option<String>) {
    let (network, mut recipe) = (Arc::new(network.clone()), FeedForward::of(Preset::Painterly));
    recipe.pass.min_scale = 0;
    let inputs = inputs(picture(size.0, size.1, 2), joins);
    finished(Session::learned(network, vec![1.0], recipe, inputs, budget_bytes))
}

#[test]
fn learned_styles() {
    let cpu = learned();
    let Some(card) = fused() else { return };
    let card = cpu.on_card(&card).expect("it has room");
    assert_ne!(cpu.device(), card.device());
    for case in [
        ((52, 44), Joins::default()),
        ((31, 18), Joins::default()),
        ((32, 40), Joins::repeating(true, true)),
        ((30, 21), Joins::repeating(true, false)),
    ] {
        let ((expected, _), (painted, warning)) =
            (run_learned(&cpu, case, AMPLE), run_learned(&card, case, AMPLE));
        let apart = apart(&expected, &painted);
        assert!(apart < 0.1 && painted != expected, "{case:?}: {apart}, by other sums");
        assert_eq!(warning, None);
    }
}

#[test]
fn any_style_by_a_network_of_our_own() {
    let Some(card) = fused() else { return };
    let widths = DecoderLayout::OWN.widths;
    let file = file(NetworkLayout::AnyStyle { widths }, &[], DecoderLayout::OWN.tensors());
    let channels: Vec<usize> = std::iter::once(3).chain(CHANNELS).collect();
    let vgg = weights_of(&channels);
    let cpu = Arc::new(Restyler::of_file(&file, &vgg, 2, None).expect("a network"));
    for (size, joins) in [((48, 35), Joins::default()), ((40, 36), Joins::repeating(true, true))] {
        let recipe = Arbitrary::of(Preset::Painterly);
        let run = |network: &Arc<Restyler>| {
            let inputs = inputs(picture(size.0, size.1, 2), joins);
            finished(Session::restyled(network.clone(), recipe.clone(), inputs, AMPLE)).0
        };
        let expected = run(&cpu);
        for (profile, most) in [(Profile::Exact, 0.5), (Profile::Fast, 12.0)] {
            let card = Restyler::on_card(&file, &vgg, 2, &card, profile);
            let apart = apart(&expected, &run(&Arc::new(card.expect("a network"))));
            assert!(apart < most, "{size:?} {profile:?}: {apart}");
        }
    }
}

#[test]
fn the_cpu_paints_what_the_card_has_no_memory_for() {
    let Some(card) = fused() else { return };
    let cpu = learned();
    let card = cpu.on_card(&card).expect("it has room");
    // Strips of a large picture take less of the host than its maps would of the card.
    let (case, budget) = (((2048, 2048), Joins::default()), 380 << 20);
    let ((expected, none), (painted, warning)) =
        (run_learned(&cpu, case, budget), run_learned(&card, case, budget));
    assert!(none.is_none() && expected == painted, "the same bits");
    let warning = warning.expect("a warning");
    assert!(warning.starts_with("the CPU painted 2048 x 2048 pixels"), "{warning}");
}
