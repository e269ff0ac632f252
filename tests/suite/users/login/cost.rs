//! The cost of an attempt that fails does not tell why.

use super::{ADA, BOB, REFUSED, WRONG, state_of};
use crate::cost::instructions;
use crate::deploy::static_program;
use crate::support::Cgi;

/// A failed login as `name`, which has as many letters as all others here.
fn cost(name: &str) -> u64 {
    let state = state_of(&format!("{ADA}{BOB}{REFUSED}"));
    let form = format!("username={name}&password={WRONG}");
    let request = || {
        let request = Cgi::post("/login", &form).program(static_program());
        request.state(&state)
    };
    // The first attempt makes files.
    let first = request().run().response();
    let (count, second) = instructions(request());
    for response in [first, second.response()] {
        assert_eq!(response.status, 403, "{name}");
    }
    count
}

#[test]
#[ignore = "needs the static program and valgrind: run tests/run"]
fn all_failures_cost_the_same() {
    let names = ["ada", "bob", "sha", "des", "zqx"];
    let costs = names.map(|name| (name, cost(name)));
    let least = costs.iter().map(|(_, cost)| *cost).min().expect("some");
    for (name, cost) in costs {
        assert!((cost - least) * 100 <= least, "{name}: {costs:?}");
    }
    println!("{costs:?}");
}
