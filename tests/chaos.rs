//! A farm of real processes under faults. The program `chaos` runs longer rounds.

use impasto_tests::chaos::{Kind, Options, Reference, run};

/// One round with a few faults of all kinds that every system has. Its seed is arbitrary.
#[test]
fn a_farm_under_faults_paints_everything_once() {
    let options = Options { assets: 18, waves: 3, kinds: Kind::ALL.to_vec() };
    let reference = Reference::paint(&options);
    let log = std::cell::RefCell::new(Vec::new());
    let say = |line: &str| log.borrow_mut().push(line.to_owned());
    if let Err(broken) = run(1, &options, &reference, &say) {
        panic!("{}\n{}\nlogs: {:?}", broken.message, log.borrow().join("\n"), broken.logs);
    }
}
