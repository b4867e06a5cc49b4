//! What holds of every decision.

use proptest::prelude::*;

use super::*;
use crate::models::{Charged, ModelRow, Price, PriceBasis, Recovery, Sizes};

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 1).unwrap()
}

fn row(operations: Vec<OperationKind>, transparent: bool, images: u32) -> ModelRow {
    ModelRow {
        name: "m".to_owned(),
        operations,
        sizes: Sizes::List {
            sizes_px: vec![(1024, 1024), (1536, 1024)],
        },
        transparent,
        negative_prompt: Default::default(),
        max_prompt_chars: 1000,
        qualities: Vec::new(),
        quality_words: Default::default(),
        max_input_images: images,
        mask: Default::default(),
        replicate: None,
        control_syntax: Default::default(),
        recovery: Recovery::Never,
        refusal_charged: Charged::Unknown,
        retires_at: None,
        replaced_by: None,
        price: Price {
            basis: PriceBasis::PerImage { nano: 1 },
            valid_from: day(),
        },
        source: "test".to_owned(),
        as_of: day(),
    }
}

fn offer(place: usize, listing: Listing) -> Offer {
    let origin = if place == 0 {
        Origin::Request
    } else {
        Origin::Fallback
    };
    Offer {
        candidate: Candidate {
            provider: format!("p{place}"),
            model: None,
            origin,
        },
        listing,
        circuit: Circuit::Closed,
        keys: vec![KeyOffer {
            id: "k".to_owned(),
            state: KeyState::Ready,
        }],
        earlier: None,
    }
}

fn plain() -> Need {
    Need {
        operation: OperationKind::Generate,
        background: Background::Any,
        input_images: 0,
        size_px: (1024, 1024),
        prompt_chars: 100,
    }
}

fn able_model() -> Listing {
    Listing::Row(Model::of(row(vec![OperationKind::Generate], false, 0)))
}

const PATIENT: Patience = Patience {
    in_place: Duration::from_secs(1),
    left: None,
};

#[test]
fn a_required_capability_is_never_dropped_for_a_fallback() {
    let need = Need {
        background: Background::Transparent,
        ..plain()
    };
    let mut clear = offer(
        0,
        Listing::Row(Model::of(row(vec![OperationKind::Generate], true, 0))),
    );
    clear.circuit = Circuit::Open(Duration::from_secs(9));
    let decision = route(&need, &[clear, offer(1, able_model())], PATIENT);
    assert_eq!(decision.chosen, None);
    assert_eq!(
        decision.considered[1].1,
        Verdict::Refused(Refusal::Transparency)
    );
    assert_eq!(decision.later, Some(Duration::from_secs(9)));
}

#[test]
fn a_fallback_of_another_shape_or_far_fewer_pixels_is_refused_by_its_size() {
    let sized = |sizes| {
        let mut row = row(vec![OperationKind::Generate], false, 0);
        row.sizes = sizes;
        Listing::Row(Model::of(row))
    };
    let list = |sizes_px| Sizes::List { sizes_px };
    let first = offer(0, sized(list(vec![(1024, 1024)])));
    for (sizes, fits) in [
        (list(vec![(512, 512)]), true),
        (list(vec![(256, 256)]), false),
        (list(vec![(1536, 1024)]), true),
        (list(vec![(2048, 1024)]), false),
    ] {
        let mut down = first.clone();
        down.circuit = Circuit::Open(Duration::from_secs(1));
        let decision = route(&plain(), &[down, offer(1, sized(sizes.clone()))], PATIENT);
        assert_eq!(decision.chosen.is_some(), fits, "{sizes:?}");
    }
}

#[test]
fn a_limit_within_patience_is_waited_for_and_a_longer_one_passes_the_request_on() {
    let mut limited = offer(0, able_model());
    limited.keys[0].state = KeyState::Wait(Duration::from_millis(800));
    let offers = [limited.clone(), offer(1, able_model())];
    let chosen = route(&plain(), &offers, PATIENT).chosen.unwrap();
    assert_eq!((chosen.place, chosen.wait), (0, Duration::from_millis(800)));
    limited.keys[0].state = KeyState::Wait(Duration::from_secs(5));
    let offers = [limited.clone(), offer(1, able_model())];
    assert_eq!(route(&plain(), &offers, PATIENT).chosen.unwrap().place, 1);
    let alone = route(&plain(), &[limited], PATIENT);
    assert_eq!(alone.later, Some(Duration::from_secs(5)));
}

#[test]
fn the_record_names_every_candidate_and_its_verdict() {
    let mut offers = [
        offer(0, Listing::Retired(day())),
        offer(1, able_model()),
        offer(2, able_model()),
    ];
    offers[2].keys.clear();
    let record = route(&plain(), &offers, PATIENT).to_json();
    let expected = json!([
        {"candidate": "p0", "from": "request", "verdict": "retired", "detail": "on 2026-11-01"},
        {"candidate": "p1", "from": "fallback", "verdict": "chosen"},
        {"candidate": "p2", "from": "fallback", "verdict": "no_key"},
    ]);
    assert_eq!(record, expected);
}

fn any_need() -> impl Strategy<Value = Need> {
    let operation = prop_oneof![
        Just(OperationKind::Generate),
        Just(OperationKind::Edit),
        Just(OperationKind::RemoveBackground)
    ];
    let background = prop_oneof![
        Just(Background::Any),
        Just(Background::Transparent),
        Just(Background::Opaque)
    ];
    (
        operation,
        background,
        0u32..3,
        64u32..4096,
        64u32..4096,
        0usize..2000,
    )
        .prop_map(
            |(operation, background, input_images, width, height, prompt_chars)| Need {
                operation,
                background,
                input_images,
                size_px: (width, height),
                prompt_chars,
            },
        )
}

fn any_listing() -> impl Strategy<Value = Listing> {
    let rows =
        (any::<[bool; 3]>(), any::<bool>(), 0u32..3).prop_map(|(can, transparent, images)| {
            let all = [
                OperationKind::Generate,
                OperationKind::Edit,
                OperationKind::RemoveBackground,
            ];
            let operations = all
                .into_iter()
                .zip(can)
                .filter_map(|(o, can)| can.then_some(o));
            Listing::Row(Model::of(row(operations.collect(), transparent, images)))
        });
    prop_oneof![
        6 => rows,
        1 => Just(Listing::NoProvider),
        1 => Just(Listing::Unlisted),
        1 => Just(Listing::Retired(day())),
    ]
}

fn any_offer() -> impl Strategy<Value = Offer> {
    let wait = || (1u64..5_000).prop_map(Duration::from_millis);
    let circuit = prop_oneof![
        3 => Just(Circuit::Closed),
        1 => wait().prop_map(Circuit::Open),
        1 => Just(Circuit::Probe),
    ];
    let key = prop_oneof![
        3 => Just(KeyState::Ready),
        1 => wait().prop_map(KeyState::Wait),
        1 => Just(KeyState::Tried),
        1 => Just(KeyState::Disabled),
    ];
    let keys = prop::collection::vec(key, 0..4);
    let earlier = prop_oneof![4 => Just(None), 1 => Just(Some(Refusal::OverBudget))];
    (any_listing(), circuit, keys, earlier).prop_map(|(listing, circuit, keys, earlier)| Offer {
        circuit,
        keys: (0..)
            .zip(keys)
            .map(|(n, state)| KeyOffer {
                id: format!("k{n}"),
                state,
            })
            .collect(),
        earlier,
        ..offer(0, listing)
    })
}

fn any_offers() -> impl Strategy<Value = Vec<Offer>> {
    prop::collection::vec(any_offer(), 0..6).prop_map(|offers| {
        let placed = offers.into_iter().enumerate();
        let placed = placed.map(|(place, drawn)| Offer {
            candidate: offer(place, Listing::Unlisted).candidate,
            ..drawn
        });
        placed.collect()
    })
}

fn any_patience() -> impl Strategy<Value = Patience> {
    (0u64..3_000, prop::option::of(0u64..5_000)).prop_map(|(in_place, left)| Patience {
        in_place: Duration::from_millis(in_place),
        left: left.map(Duration::from_millis),
    })
}

proptest! {
    #[test]
    fn whoever_gets_it_can_do_all_that_is_needed(need in any_need(), offers in any_offers(), patience in any_patience()) {
        let Some(chosen) = route(&need, &offers, patience).chosen else { return Ok(()) };
        let offer = &offers[chosen.place];
        if let Listing::Row(model) = &offer.listing {
            prop_assert!(model.operations.contains(&need.operation));
            prop_assert!(need.input_images <= model.max_input_images);
            let clear = model.transparent || need.operation == OperationKind::RemoveBackground;
            prop_assert!(need.background != Background::Transparent || clear);
        } else {
            prop_assert!(matches!(offer.listing, Listing::Unlisted));
            prop_assert_eq!(need.operation, OperationKind::Generate);
        }
        prop_assert!(!matches!(offer.circuit, Circuit::Open(_)));
        prop_assert!(offer.earlier.is_none());
        let key = offer.keys.iter().find(|key| key.id == chosen.key).unwrap();
        let wait = match key.state { KeyState::Ready => Duration::ZERO, KeyState::Wait(wait) => wait, _ => panic!("{key:?}") };
        prop_assert_eq!(wait, chosen.wait);
        prop_assert!(wait <= patience.in_place && patience.left.is_none_or(|left| wait < left));
    }

    #[test]
    fn the_first_that_is_fit_gets_it_and_everyone_is_accounted_for(need in any_need(), offers in any_offers(), patience in any_patience()) {
        let decision = route(&need, &offers, patience);
        prop_assert_eq!(decision.considered.len(), offers.len());
        let place = decision.chosen.as_ref().map_or(offers.len(), |chosen| chosen.place);
        for (at, (_, verdict)) in decision.considered.iter().enumerate() {
            match verdict {
                Verdict::Chosen => prop_assert_eq!(at, place),
                Verdict::NotNeeded => prop_assert!(at > place),
                Verdict::Refused(_) => prop_assert!(at != place),
            }
        }
        prop_assert!(decision.chosen.is_none() || decision.later.is_none());
        // Alone, the one that got it gets it too: nobody profits from who stands beside it. Only what
        // a fallback must not fall behind is set by the others.
        if place == 0 && !offers.is_empty() {
            let alone = route(&need, &offers[..1], patience);
            prop_assert_eq!(alone.chosen, decision.chosen);
        }
    }

    #[test]
    fn waiting_is_promised_only_where_it_can_help(need in any_need(), offers in any_offers(), patience in any_patience()) {
        let decision = route(&need, &offers, patience);
        let Some(later) = decision.later else { return Ok(()) };
        prop_assert!(patience.left.is_none_or(|left| later < left));
        let mut better = offers.clone();
        for offer in &mut better {
            if let Circuit::Open(wait) = offer.circuit && wait <= later { offer.circuit = Circuit::Probe; }
            for key in &mut offer.keys {
                if let KeyState::Wait(wait) = key.state && wait <= later { key.state = KeyState::Ready; }
            }
        }
        let then = route(&need, &better, patience);
        prop_assert!(then.chosen.is_some() || then.later.is_some_and(|again| again > later));
    }
}
