//! Visits every state of every scenario and prints how many there are; then shows that each deliberate mistake is found.

use std::process::ExitCode;
use std::time::Instant;
use twiza_model::scenario;

fn main() -> ExitCode {
    let mut sound = true;
    for scenario in scenario::all() {
        let (name, started) = (scenario.name, Instant::now());
        let outcome = scenario.check();
        sound &= outcome.broken.is_empty() && outcome.unreached.is_empty();
        println!(
            "{name}: {} states, {} steps deep, {:.1} s",
            outcome.states,
            outcome.steps,
            started.elapsed().as_secs_f32()
        );
        for (property, life) in &outcome.broken {
            println!("  BROKEN: {property}");
            life.iter().for_each(|action| println!("    {action:?}"));
        }
        outcome.unreached.iter().for_each(|goal| println!("  NEVER REACHED: {goal}"));
    }
    for (scenario, mistake, property) in scenario::mistakes() {
        let name = scenario.name;
        let outcome = scenario.with(mistake).check_for(property);
        match outcome.broken.iter().find(|(broken, _)| *broken == property) {
            Some((_, life)) => println!("{mistake:?}: \"{property}\" breaks after {} steps ({name})", life.len()),
            None => println!("{mistake:?}: NOT FOUND in {} states ({name})", outcome.states),
        }
        sound &= outcome.broken.iter().any(|(broken, _)| *broken == property);
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
