//! `cargo run -p impasto-tests --bin chaos -- --rounds 10`: a farm of real processes under faults.
//! A failure prints the seed, what was done, and where the logs are.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, value_parser};
use impasto_tests::chaos::{Kind, Options, Reference, run};

/// Build projects on a farm of real processes while faults happen, which follow from a seed
#[derive(Debug, Parser)]
struct Arguments {
    /// The seed of the first round; each further round has the next one
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// How many rounds to run
    #[arg(long, default_value_t = 1, value_name = "N")]
    rounds: u64,
    /// How often something happens in a round
    #[arg(long, default_value_t = 6, value_name = "N")]
    waves: usize,
    /// How many assets both projects have together
    #[arg(long, default_value_t = 60, value_name = "N")]
    #[arg(value_parser = value_parser!(u32).range(12..=900))]
    assets: u32,
    /// Draw only from these kinds of faults
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    only: Vec<Kind>,
}

fn main() -> io::Result<ExitCode> {
    let Arguments { seed, rounds, waves, assets, only } = Arguments::parse();
    // What broke a round is printed with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let kinds = if only.is_empty() { Kind::ALL.to_vec() } else { only };
    let options = Options { assets, waves, kinds };
    let say = |line: &str| {
        // If nobody reads, nobody misses it.
        let _ = writeln!(io::stdout(), "{line}");
    };
    say("painting without a farm, to compare with");
    let reference = Reference::paint(&options);
    let mut broken = Vec::new();
    for seed in seed..seed.saturating_add(rounds) {
        say(&format!("round with seed {seed}"));
        match run(seed, &options, &reference, &say) {
            Ok(summary) => {
                let (faults, seconds) = (summary.faults, summary.elapsed.as_secs());
                let left = match summary.left {
                    0 => String::new(),
                    left => format!("; {left} waves were left when everything was painted"),
                };
                say(&format!("right: seed {seed}: {faults} faults in {seconds} s{left}"));
            }
            Err(failure) => {
                say(&format!("BROKEN: seed {seed}: {}", failure.message));
                if let Some(logs) = failure.logs {
                    say(&format!("logs: {}", logs.display()));
                }
                broken.push(seed);
            }
        }
    }
    say(&format!("{} of {rounds} rounds were right", rounds - broken.len() as u64));
    if broken.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!(
        "broken seeds: {broken:?}; once more: --seed N --waves {waves} --assets {assets}"
    ));
    Ok(ExitCode::FAILURE)
}

fn kind(name: &str) -> Result<Kind, String> {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let found = Kind::ALL.iter().find(|kind| kind.name() == name);
    found.copied().ok_or_else(|| format!("not one of {}", names.join(", ")))
}
