//! What goes wrong, the same for every client.

use sandbox::{Fault, Mode, Provider};

/// One way to lose a picture.
pub(crate) struct Case {
    /// What the table calls it.
    pub(crate) name: &'static str,
    pub(crate) provider: Provider,
    pub(crate) fault: Option<Fault>,
    /// The client's own limit for one request, in seconds; `None` leaves its default.
    pub(crate) timeout_s: Option<f64>,
    /// Whether `--quick` has it.
    pub(crate) quick: bool,
}

const OPENAI: Provider = Provider::OpenAi;
const STABILITY: Provider = Provider::Stability;
const REPLICATE: Provider = Provider::Replicate;

impl Case {
    /// Whether it breaks polls alone, so that only clients that poll can meet it.
    pub(crate) fn is_about_polls(&self) -> bool {
        self.fault
            .as_ref()
            .is_some_and(|fault| fault.endpoint.is_some())
    }
}

fn case(name: &'static str, provider: Provider, fault: Fault) -> Case {
    Case {
        name,
        provider,
        fault: Some(fault.of(provider)),
        timeout_s: None,
        quick: false,
    }
}

fn quick(case: Case) -> Case {
    Case {
        quick: true,
        ..case
    }
}

fn calm(provider: Provider) -> Case {
    Case {
        name: "none",
        provider,
        fault: None,
        timeout_s: None,
        quick: true,
    }
}

/// All cases. `…, once` strikes one attempt, the others every attempt.
pub(crate) fn all() -> Vec<Case> {
    let of = Fault::new;
    let mut cases = vec![calm(OPENAI), calm(STABILITY), calm(REPLICATE)];
    for provider in [OPENAI, STABILITY] {
        let reset = of(Mode::ResetAfterAccept);
        let error = of(Mode::ErrorAfterBill);
        cases.push(case("reset after accept", provider, reset.clone()));
        let once = case("reset after accept, once", provider, reset.times(1));
        cases.push(quick(once));
        cases.push(case("500 after the work", provider, error.clone()));
        cases.push(case("500 after the work, once", provider, error.times(1)));
        cases.push(case("truncated answer", provider, of(Mode::Truncate)));
        cases.push(Case {
            timeout_s: Some(0.5),
            ..case("client's timeout", provider, of(Mode::Slow).ms(1500))
        });
    }
    cases.push(case("empty answer", OPENAI, of(Mode::EmptyData)));
    cases.push(case("quota is used up", OPENAI, of(Mode::Quota)));
    cases.push(quick(case(
        "answer to create lost",
        REPLICATE,
        of(Mode::LostAck),
    )));
    let once = of(Mode::LostAck).times(1);
    cases.push(case("answer to create lost, once", REPLICATE, once));
    cases.push(case(
        "500 after the work",
        REPLICATE,
        of(Mode::ErrorAfterBill),
    ));
    let waited = of(Mode::ProcessingAfterWait).ms(10);
    cases.push(case("still processing after wait", REPLICATE, waited));
    for (provider, endpoint) in [(OPENAI, "responses/get"), (REPLICATE, "predictions/get")] {
        let poll = |mode| of(mode).on(endpoint).times(1);
        let error = case("a poll answers 500", provider, poll(Mode::ErrorBefore));
        cases.push(if provider == OPENAI {
            quick(error)
        } else {
            error
        });
        let reset = poll(Mode::ResetBeforeAccept);
        cases.push(case("a poll is reset", provider, reset));
    }
    cases
}
