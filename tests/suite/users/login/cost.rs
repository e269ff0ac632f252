//! The cost of an attempt that fails does not tell why; that of a login is its hash.

use super::{ADA, BOB, PASSWORD, REFUSED, WRONG, state_of};
use crate::cost::instructions;
use crate::deploy::static_program;
use crate::support::Cgi;

/// `htpasswd -nbBC 5 ada 'correct horse'`: the cost that htpasswd chooses by itself.
const ADA_5: &str = "ada:$2y$05$epEgRUlnSDkWT7pozIf1FuUDdy/ku11JLDT2lqFon.MlnfA4cAHqC\n";

/// More kinds and costs, of the same password: `htpasswd -nbBC 5`, `-nbm`, `-nb5 -r 1000`.
const MORE: &str = "\
    cyd:$2y$05$ShTxSz/7RrkSY6gSKoERhOC8/yB56DI4qrc6bgN8LcX4cGapS.pHi\n\
    dee:$apr1$a/JHpZX0$dxcdg7Q.zNWzmZ1lcJn130\n\
    eve:$6$rounds=1000$lWIutJBvASwU1Dqf$FMDlwF.c2uk.PMijOmfVlWZHwLyWWr4MoW0RMgkaipW9.DiCzJ.Hsj9sxcDs.QHieY8YveX4XCLMPQ46Hk.931\n";

/// A failed login as `name`, which has as many letters as all others here.
fn cost(name: &str) -> u64 {
    let state = state_of(&format!("{ADA}{BOB}{MORE}{REFUSED}"));
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
    let names = ["ada", "bob", "cyd", "dee", "eve", "sha", "des", "zqx"];
    let costs = names.map(|name| (name, cost(name)));
    let least = costs.iter().map(|(_, cost)| *cost).min().expect("some");
    for (name, cost) in costs {
        assert!((cost - least) * 100 <= least, "{name}: {costs:?}");
    }
    println!("{costs:?}");
}

/// The second login of ada, in a browser in which she has logged in before.
fn login_cost(users: &str) -> u64 {
    let state = state_of(users);
    let form = format!("username=ada&password={}", PASSWORD.replace(' ', "+"));
    let request = || {
        let request = Cgi::post("/login", &form).program(static_program());
        request.state(&state)
    };
    let first = request().run().response();
    let known = first.cookie("session_known").expect("a cookie").value;
    let (count, second) = instructions(request().cookie(format!("session_known={known}")));
    assert_eq!(second.response().status, 303, "{second}");
    count
}

/// Of two hashes, the costlier one by one takes all steps but a few twice as often: so the
/// difference is what the cheaper one takes.
#[test]
#[ignore = "needs the static program and valgrind: run tests/run"]
fn a_login_costs_its_hash_and_at_most_a_tenth_more() {
    let [four, five] = [ADA, ADA_5].map(login_cost);
    let hash = 2 * (five - four);
    let other = five - hash;
    println!("bcrypt of cost 5: {hash} instructions, all else: {other}");
    assert!(other * 10 <= hash, "{other}, hash {hash}");
}
