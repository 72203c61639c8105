//! What every store must do, as tests over any [`Store`].

use super::{Append, Appended, Days, Entry, Head, Open, Quotas, Refused, Store};
use bytes::Bytes;
use std::sync::Arc;
use twiza_protocol::{Chain, ExpiryDay, FrameDigest, MailboxAddress, Sequence, TokenMark};

pub(crate) const DAYS: Days = Days { today: ExpiryDay(100), expires: ExpiryDay(130) };
const LATER: Days = Days { today: ExpiryDay(131), expires: ExpiryDay(161) };

pub(crate) fn address(name: u8) -> MailboxAddress {
    MailboxAddress::from_bytes([name; 32])
}

pub(crate) fn free(name: u8) -> Open {
    Open::free(address(name))
}

pub(crate) fn append(name: u8, octet: u8, length: usize, closing: bool) -> Append {
    let octets = Bytes::from(vec![octet; length]);
    Append { address: address(name), digest: FrameDigest::of(&octets), octets, closing }
}

async fn open(store: &dyn Store, name: u8, days: Days) -> super::Opening {
    store.open_batch(&[free(name)], days, &Quotas::default()).await.unwrap()[0].unwrap()
}

async fn one(store: &dyn Store, append: Append, days: Days, quotas: &Quotas) -> Result<Appended, Refused> {
    store.append_batch(&[append], days, quotas).await.unwrap()[0]
}

/// Runs every part of the contract, each on a store of its own.
pub(crate) async fn check<F: AsyncFn() -> Arc<dyn Store>>(empty: F) {
    opening_is_idempotent(&*empty().await).await;
    unknown_mailboxes_are_refused(&*empty().await).await;
    frames_are_chained_in_order(&*empty().await).await;
    a_repeat_is_answered_with_its_first_place(&*empty().await).await;
    a_repeat_is_recognised_however_many_frames_came_since(&*empty().await).await;
    one_closing_frame_wins(&*empty().await).await;
    mailbox_quotas_keep_a_reserve_for_closing(&*empty().await).await;
    the_relay_quota_holds_across_mailboxes(&*empty().await).await;
    a_full_relay_still_takes_closing_frames(&*empty().await).await;
    mailboxes_are_bounded_and_known_ones_open_all_the_same(&*empty().await).await;
    pages_are_bounded_and_complete(&*empty().await).await;
    expiry_moves_forward_only(&*empty().await).await;
    what_expired_is_unknown_and_starts_anew(&*empty().await).await;
    a_sweep_deletes_what_expired_only(&*empty().await).await;
    a_large_batch_is_one_order(&*empty().await).await;
    a_token_opens_one_mailbox(&*empty().await).await;
    only_a_new_mailbox_takes_a_token(&*empty().await).await;
}

async fn opening_is_idempotent(store: &dyn Store) {
    let opened = store.open_batch(&[free(1), free(2), free(1)], DAYS, &Quotas::default()).await.unwrap();
    let opened: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
    assert_eq!(opened.iter().map(|opening| opening.is_new).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(opened[0].head, Head::start(&address(1)));
    one(store, append(1, 7, 1024, false), DAYS, &Quotas::default()).await.unwrap();
    let again = open(store, 1, DAYS).await;
    assert!(!again.is_new);
    assert_eq!((again.head.sequence, again.expires), (Sequence(1), DAYS.expires));
}

async fn unknown_mailboxes_are_refused(store: &dyn Store) {
    let refused = one(store, append(1, 7, 1024, false), DAYS, &Quotas::default()).await;
    assert_eq!(refused, Err(Refused::MailboxUnknown));
    assert_eq!(store.head(address(1), DAYS.today).await.unwrap(), None);
    assert!(store.page(address(1), Sequence::START, 1 << 20, DAYS.today).await.unwrap().is_none());
    store.check().await.unwrap();
}

async fn frames_are_chained_in_order(store: &dyn Store) {
    open(store, 1, DAYS).await;
    let (first, last) = (append(1, 1, 1024, false), append(1, 2, 4096, true));
    let results = store.append_batch(&[first.clone(), last.clone()], DAYS, &Quotas::default()).await.unwrap();
    let one = Chain::start(&address(1)).append(Sequence(1), false, &first.digest);
    let two = one.append(Sequence(2), true, &last.digest);
    let heads: Vec<_> = results.into_iter().map(|result| result.unwrap().head).collect();
    let expected = [
        Head { sequence: Sequence(1), chain: one, closed: false },
        Head { sequence: Sequence(2), chain: two, closed: true },
    ];
    assert_eq!(heads, expected);
    assert_eq!(store.head(address(1), DAYS.today).await.unwrap(), Some(expected[1]));
    assert_eq!(store.totals().await.unwrap().frame_bytes, 5120);
}

async fn a_repeat_is_answered_with_its_first_place(store: &dyn Store) {
    let quotas = Quotas::default();
    open(store, 1, DAYS).await;
    open(store, 2, DAYS).await;
    let first = one(store, append(1, 1, 1024, false), DAYS, &quotas).await.unwrap();
    let twice = [append(1, 2, 1024, true), append(1, 2, 1024, true), append(2, 1, 1024, false)];
    let results = store.append_batch(&twice, DAYS, &quotas).await.unwrap();
    assert!(results[0].unwrap().is_new && !results[1].unwrap().is_new);
    assert_eq!(results[0].unwrap().head, results[1].unwrap().head);
    assert!(results[2].unwrap().is_new, "digests are per mailbox");
    // The mailbox is closed by now.
    let repeat = one(store, append(1, 1, 1024, false), DAYS, &quotas).await.unwrap();
    assert_eq!(repeat, Appended { is_new: false, head: first.head });
    assert_eq!(one(store, append(1, 1, 1024, true), DAYS, &quotas).await, Err(Refused::FrameConflict));
    assert_eq!(one(store, append(1, 2, 1024, false), DAYS, &quotas).await, Err(Refused::FrameConflict));
}

async fn a_repeat_is_recognised_however_many_frames_came_since(store: &dyn Store) {
    let quotas = Quotas::default();
    open(store, 1, DAYS).await;
    let frames: Vec<_> = (0..100).map(|octet| append(1, octet, 1024, false)).collect();
    let mut first = Vec::new();
    for batch in frames.chunks(7) {
        first.extend(store.append_batch(batch, DAYS, &quotas).await.unwrap());
    }
    let repeated = store.append_batch(&frames, DAYS, &quotas).await.unwrap();
    for (first, repeated) in first.into_iter().zip(repeated) {
        assert_eq!(repeated.unwrap(), Appended { is_new: false, head: first.unwrap().head });
    }
    assert_eq!(store.totals().await.unwrap().frame_bytes, 100 * 1024);
}

async fn one_closing_frame_wins(store: &dyn Store) {
    open(store, 1, DAYS).await;
    let closers: Vec<_> = (0..10).map(|octet| append(1, octet, 1024, true)).collect();
    let results = store.append_batch(&closers, DAYS, &Quotas::default()).await.unwrap();
    assert!(results[0].is_ok());
    assert!(results[1..].iter().all(|result| *result == Err(Refused::MailboxClosed)));
    let late = one(store, append(1, 77, 1024, false), DAYS, &Quotas::default()).await;
    assert_eq!(late, Err(Refused::MailboxClosed));
}

async fn mailbox_quotas_keep_a_reserve_for_closing(store: &dyn Store) {
    let quotas = Quotas { mailbox_bytes_max: 8192, closing_reserve_bytes: 4096, ..Quotas::default() };
    open(store, 1, DAYS).await;
    one(store, append(1, 1, 4096, false), DAYS, &quotas).await.unwrap();
    assert_eq!(one(store, append(1, 2, 1024, false), DAYS, &quotas).await, Err(Refused::MailboxFull));
    assert_eq!(one(store, append(1, 2, 16384, true), DAYS, &quotas).await, Err(Refused::MailboxFull));
    one(store, append(1, 3, 4096, true), DAYS, &quotas).await.unwrap();

    let quotas = Quotas { frames_per_mailbox_max: 2, ..Quotas::default() };
    open(store, 2, DAYS).await;
    one(store, append(2, 1, 1024, false), DAYS, &quotas).await.unwrap();
    assert_eq!(one(store, append(2, 2, 1024, false), DAYS, &quotas).await, Err(Refused::MailboxFull));
    one(store, append(2, 2, 1024, true), DAYS, &quotas).await.unwrap();
}

async fn the_relay_quota_holds_across_mailboxes(store: &dyn Store) {
    let quotas = Quotas { relay_bytes_max: 2048, relay_closing_reserve_bytes: 0, ..Quotas::default() };
    store.open_batch(&[free(1), free(2)], DAYS, &Quotas::default()).await.unwrap();
    let batch = [append(1, 1, 1024, false), append(2, 1, 1024, false), append(2, 2, 1024, false)];
    let results = store.append_batch(&batch, DAYS, &quotas).await.unwrap();
    assert_eq!(results[2], Err(Refused::RelayFull));
    assert!(results[..2].iter().all(Result::is_ok));
    assert!(!one(store, append(1, 1, 1024, false), DAYS, &quotas).await.unwrap().is_new);
    let more = Quotas { relay_bytes_max: 3072, ..quotas };
    one(store, append(2, 2, 1024, false), DAYS, &more).await.unwrap();
}

async fn a_full_relay_still_takes_closing_frames(store: &dyn Store) {
    let quotas = Quotas { relay_bytes_max: 8192, relay_closing_reserve_bytes: 4096, ..Quotas::default() };
    store.open_batch(&[free(1), free(2)], DAYS, &quotas).await.unwrap();
    one(store, append(1, 1, 4096, false), DAYS, &quotas).await.unwrap();
    assert_eq!(one(store, append(1, 2, 1024, false), DAYS, &quotas).await, Err(Refused::RelayFull));
    one(store, append(1, 2, 1024, true), DAYS, &quotas).await.unwrap();
    assert_eq!(one(store, append(2, 1, 4096, true), DAYS, &quotas).await, Err(Refused::RelayFull));
    one(store, append(2, 1, 1024, true), DAYS, &quotas).await.unwrap();
}

async fn mailboxes_are_bounded_and_known_ones_open_all_the_same(store: &dyn Store) {
    let quotas = Quotas { mailboxes_max: 2, ..Quotas::default() };
    let is_new = async |names: &[u8], days| {
        let opens: Vec<_> = names.iter().copied().map(free).collect();
        let opened = store.open_batch(&opens, days, &quotas).await.unwrap();
        opened.into_iter().map(|result| result.map(|opening| opening.is_new)).collect::<Vec<_>>()
    };
    let full = Err(Refused::RelayFull);
    assert_eq!(is_new(&[1, 2, 3, 1], DAYS).await, [Ok(true), Ok(true), full, Ok(false)]);
    assert_eq!(is_new(&[3, 2], DAYS).await, [full, Ok(false)]);
    assert_eq!(one(store, append(3, 1, 1024, false), DAYS, &quotas).await, Err(Refused::MailboxUnknown));
    assert_eq!(store.totals().await.unwrap().mailboxes, 2);
    // Both have expired: one is opened anew in its own place, the other makes room when it is swept.
    assert_eq!(is_new(&[1, 3], LATER).await, [Ok(true), full]);
    assert_eq!(store.sweep(LATER.today).await.unwrap(), 1);
    assert_eq!(is_new(&[3, 2], LATER).await, [Ok(true), full]);
}

async fn pages_are_bounded_and_complete(store: &dyn Store) {
    open(store, 1, DAYS).await;
    let frames: Vec<_> = (1..=5).map(|octet| append(1, octet, 4096, octet == 5)).collect();
    store.append_batch(&frames, DAYS, &Quotas::default()).await.unwrap();
    let page = store.page(address(1), Sequence::START, 8192, DAYS.today).await.unwrap().unwrap();
    assert_eq!(page.frames.iter().map(|frame| frame.sequence.0).collect::<Vec<_>>(), [1, 2]);
    assert!(page.head.is_none());
    let page = store.page(address(1), Sequence(2), 1, DAYS.today).await.unwrap().unwrap();
    assert_eq!(page.frames.len(), 1, "at least one frame");
    let page = store.page(address(1), Sequence(3), 1 << 20, DAYS.today).await.unwrap().unwrap();
    assert_eq!(page.frames.iter().map(|frame| frame.closing).collect::<Vec<_>>(), [false, true]);
    assert_eq!(page.frames[0].octets, frames[3].octets);
    assert!(page.head.unwrap().closed);
    for beyond in [Sequence(5), Sequence(99), Sequence(u64::MAX)] {
        let page = store.page(address(1), beyond, 1 << 20, DAYS.today).await.unwrap().unwrap();
        assert!(page.frames.is_empty() && page.head.unwrap().sequence == Sequence(5));
    }
}

async fn expiry_moves_forward_only(store: &dyn Store) {
    let next = Days { today: ExpiryDay(120), expires: ExpiryDay(150) };
    let quotas = Quotas::default();
    open(store, 1, DAYS).await;
    open(store, 2, DAYS).await;
    open(store, 3, DAYS).await;
    assert_eq!(open(store, 1, next).await.expires, next.expires);
    assert_eq!(open(store, 1, DAYS).await.expires, next.expires, "a clock that went back shortens nothing");
    one(store, append(2, 1, 1024, false), next, &quotas).await.unwrap();
    for (name, lives) in [(1, true), (2, true), (3, false)] {
        assert_eq!(store.head(address(name), ExpiryDay(140)).await.unwrap().is_some(), lives);
    }
    assert!(store.head(address(3), ExpiryDay(130)).await.unwrap().is_some(), "the expiry day itself is included");
}

async fn what_expired_is_unknown_and_starts_anew(store: &dyn Store) {
    let quotas = Quotas::default();
    open(store, 1, DAYS).await;
    one(store, append(1, 1, 1024, true), DAYS, &quotas).await.unwrap();
    assert_eq!(store.head(address(1), LATER.today).await.unwrap(), None);
    assert!(store.page(address(1), Sequence::START, 1024, LATER.today).await.unwrap().is_none());
    assert_eq!(one(store, append(1, 1, 1024, true), LATER, &quotas).await, Err(Refused::MailboxUnknown));
    let opened = open(store, 1, LATER).await;
    assert!(opened.is_new);
    assert_eq!(opened.head, Head::start(&address(1)));
    assert_eq!(store.totals().await.unwrap().frame_bytes, 0);
    assert!(one(store, append(1, 1, 1024, false), LATER, &quotas).await.unwrap().is_new);
}

async fn a_sweep_deletes_what_expired_only(store: &dyn Store) {
    let quotas = Quotas { relay_bytes_max: 200 << 10, relay_closing_reserve_bytes: 0, ..Quotas::default() };
    assert_eq!(store.expiries().await.unwrap(), None);
    open(store, 1, DAYS).await;
    assert_eq!(store.expiries().await.unwrap(), Some((DAYS.expires, DAYS.expires)));
    let frames: Vec<_> = (0..150).map(|octet| append(1, octet, 1024, false)).collect();
    assert!(store.append_batch(&frames, DAYS, &quotas).await.unwrap().iter().all(Result::is_ok));
    open(store, 2, LATER).await;
    one(store, append(2, 1, 1024, false), LATER, &quotas).await.unwrap();
    assert_eq!(store.expiries().await.unwrap(), Some((DAYS.expires, LATER.expires)));
    assert_eq!(store.sweep(LATER.today).await.unwrap(), 1);
    assert_eq!(store.sweep(LATER.today).await.unwrap(), 0);
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.mailboxes, totals.frame_bytes), (1, 1024));
    // The room is free again.
    let frames: Vec<_> = (2..152).map(|octet| append(2, octet, 1024, false)).collect();
    assert!(store.append_batch(&frames, LATER, &quotas).await.unwrap().iter().all(Result::is_ok));
}

async fn a_large_batch_is_one_order(store: &dyn Store) {
    let names: Vec<_> = (1..=100).map(free).collect();
    store.open_batch(&names, DAYS, &Quotas::default()).await.unwrap();
    let batch: Vec<_> =
        (0..3_u8).flat_map(|octet| (1..=100).map(move |name| append(name, octet, 1024, false))).collect();
    let results = store.append_batch(&batch, DAYS, &Quotas::default()).await.unwrap();
    let places: Vec<_> = results.iter().map(|result| result.unwrap().head.sequence.0).collect();
    assert!(places.chunks(100).zip(1..).all(|(chunk, place)| chunk.iter().all(|found| *found == place)));
    let page = store.page(address(57), Sequence::START, 1 << 20, DAYS.today).await.unwrap().unwrap();
    assert_eq!(page.frames.len(), 3);
}

pub(crate) const fn token(name: u8, mark: u8) -> Open {
    Open { address: MailboxAddress::from_bytes([name; 32]), entry: Entry::Token(TokenMark::from_bytes([mark; 32])) }
}

const fn if_there(name: u8) -> Open {
    Open { address: MailboxAddress::from_bytes([name; 32]), entry: Entry::IfThere }
}

/// Whether each was new, or why it was refused.
async fn opened(store: &dyn Store, opens: &[Open], days: Days, quotas: &Quotas) -> Vec<Result<bool, Refused>> {
    let opened = store.open_batch(opens, days, quotas).await.unwrap();
    opened.into_iter().map(|result| result.map(|opening| opening.is_new)).collect()
}

async fn a_token_opens_one_mailbox(store: &dyn Store) {
    let quotas = Quotas::default();
    let spent = Err(Refused::TokenSpent);
    let batch = [token(1, 1), token(2, 1), token(3, 3), free(4)];
    assert_eq!(opened(store, &batch, DAYS, &quotas).await, [Ok(true), spent, Ok(true), Ok(true)]);
    assert_eq!(opened(store, &[token(2, 1), token(2, 3)], DAYS, &quotas).await, [spent; 2]);
    assert_eq!(opened(store, &[token(2, 2)], DAYS, &quotas).await, [Ok(true)]);
    assert_eq!(store.totals().await.unwrap().mailboxes, 4);
    // A mailbox that expired takes another.
    assert_eq!(opened(store, &[token(1, 1)], LATER, &quotas).await, [spent]);
    assert_eq!(store.sweep(LATER.today).await.unwrap(), 4);
    // Each asks by its own token, whatever those of others are worth.
    let batch = [token(1, 1), token(1, 3), token(1, 4), token(1, 5), if_there(1)];
    let verdicts = opened(store, &batch, LATER, &quotas).await;
    assert_eq!(verdicts, [spent, spent, Ok(true), Ok(false), Ok(false)]);
    assert_eq!(opened(store, &[token(2, 5)], LATER, &quotas).await, [Ok(true)], "the second was not needed");
}

async fn only_a_new_mailbox_takes_a_token(store: &dyn Store) {
    let quotas = Quotas { mailboxes_max: 2, ..Quotas::default() };
    let required = Err(Refused::RightRequired);
    assert_eq!(opened(store, &[if_there(1), if_there(2)], DAYS, &quotas).await, [required; 2]);
    assert_eq!(opened(store, &[token(1, 1)], DAYS, &quotas).await, [Ok(true)]);
    // There already: neither who has none nor who has one pays.
    assert_eq!(opened(store, &[if_there(1), token(1, 2)], DAYS, &quotas).await, [Ok(false), Ok(false)]);
    assert_eq!(opened(store, &[token(2, 2)], DAYS, &quotas).await, [Ok(true)]);
    // No room: the token is as good as before.
    assert_eq!(opened(store, &[token(3, 3)], DAYS, &quotas).await, [Err(Refused::RelayFull)]);
    let more = Quotas { mailboxes_max: 3, ..quotas };
    assert_eq!(opened(store, &[token(3, 3)], DAYS, &more).await, [Ok(true)]);
    assert_eq!(opened(store, &[if_there(1)], LATER, &more).await, [required], "what expired is not there");
    assert_eq!(opened(store, &[token(1, 4)], LATER, &more).await, [Ok(true)], "whether or not it was swept");
}
