use super::super::lane::tests::{lane, recipient};
use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn board(slots: usize, lanes: &[(&str, &str)], at: Instant) -> Board {
    let mut board = Board::new(slots);
    for (webhook, brand) in lanes {
        let mut recipient = recipient();
        recipient.brand = (*brand).into();
        recipient.max_in_flight = 64;
        board.add(lane(webhook, recipient, 50, at));
    }
    board.line_all_up();
    board
}

fn begun(board: &mut Board, at: Instant) -> Vec<Start> {
    std::iter::from_fn(|| board.next_start(now(), at)).collect()
}

fn count(starts: &[Start], webhook: &str) -> usize {
    starts
        .iter()
        .filter(|start| start.due.lease.webhook == webhook)
        .count()
}

#[test]
fn lanes_take_turns_however_much_one_has_to_send() {
    let at = Instant::now();
    let lanes = [("w1", "a"), ("w2", "b"), ("w3", "c"), ("w4", "d")];
    let mut board = board(16, &lanes, at);
    let starts = begun(&mut board, at);
    assert_eq!(starts.len(), 16);
    for (webhook, _) in lanes {
        assert_eq!(count(&starts, webhook), 4);
    }
}

#[test]
fn a_brand_gets_a_quarter_of_the_slots_with_any_number_of_endpoints() {
    let at = Instant::now();
    let mut board = board(
        16,
        &[("w1", "a"), ("w2", "a"), ("w3", "a"), ("w4", "b")],
        at,
    );
    let starts = begun(&mut board, at);
    assert_eq!((starts.len(), count(&starts, "w4")), (8, 4));
    let mine = starts
        .iter()
        .find(|start| start.due.lease.webhook == "w1")
        .unwrap();
    board.freed(&mine.due.lease, &"a".into());
    let next = begun(&mut board, at);
    assert_eq!(next.len(), 1);
    assert_ne!(next[0].due.lease.webhook, "w4");
}

#[test]
fn a_brand_with_many_lanes_leaves_room_for_others() {
    let at = Instant::now();
    let mut board = board(8, &[("w1", "a"), ("w2", "a"), ("w3", "b")], at);
    let room = board.room().unwrap();
    assert_eq!((room.lanes, room.passed_over), (5, vec!["a".to_owned()]));
    for n in 0..5 {
        board.add(lane(&format!("x{n}"), recipient(), 1, at));
    }
    assert_eq!(board.room(), None);
    // With no room left, whoever was served for a while makes room.
    board.tidy(now(), at);
    assert!(!board.wants_step(now(), at));
    board.tidy(now(), at + TURN);
    assert!(board.wants_step(now(), at + TURN));
    assert_eq!(board.releases().len(), 8);
}
