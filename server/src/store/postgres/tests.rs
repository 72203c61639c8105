//! PostgreSQL's part: the contract, and what is peculiar to a server with several writers.

use super::*;
use crate::store::contract::{self, DAYS, address, append, free, token};
use crate::store::news::{MailboxTag, Stored};
use futures_util::future::join;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use twiza_test_postgres::Cluster;

const OTHERS_KEY: RelayKey = RelayKey::from_bytes([9; 32]);

fn key() -> RelayKey {
    RelayKey::from_bytes([7; 32])
}

async fn try_store(url: &str) -> StoreResult<PostgresStore> {
    PostgresStore::open(&url.parse().unwrap(), &key()).await
}

async fn store(url: &str) -> PostgresStore {
    try_store(url).await.unwrap()
}

#[tokio::test]
async fn postgres_keeps_the_contract() {
    let Some(cluster) = Cluster::shared() else { return };
    contract::check(async || Arc::new(store(&cluster.database()).await) as Arc<dyn Store>).await;
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/relay").join(database);
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.collect::<BTreeSet<_>>()
    };
    assert_eq!(names("postgres"), names("sqlite"));
    assert_eq!(names("postgres").len(), connection::MIGRATIONS.len());
}

#[tokio::test]
async fn a_server_that_may_lose_what_it_confirmed_is_refused() {
    let Some(cluster) = Cluster::own() else { return };
    let url = cluster.database();
    store(&url).await.close().await;
    for setting in ["fsync", "full_page_writes"] {
        let set = |value: &str| {
            cluster.execute(&url, &format!("alter system set {setting} = {value}"));
            cluster.execute(&url, "select pg_reload_conf()");
            while cluster.execute(&url, &format!("show {setting}")) != value {}
        };
        set("off");
        let refused = try_store(&url).await;
        assert!(matches!(refused, Err(StoreError::NotDurable(told)) if told == setting));
        set("on");
    }
}

#[tokio::test]
async fn commits_are_synced_whatever_the_databases_default_is() {
    let Some(cluster) = Cluster::shared() else { return };
    for (default, expected) in [("off", "on"), ("local", "local"), ("on", "on")] {
        let url = cluster.database();
        let name = url.rsplit('/').next().unwrap();
        cluster.execute(&url, &format!("alter database {name} set synchronous_commit = {default}"));
        let store = store(&url).await;
        let mut connection = store.pool.acquire().await.unwrap();
        let found: String = sqlx::query_scalar("show synchronous_commit").fetch_one(&mut *connection).await.unwrap();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn another_relays_database_and_a_newer_schema_are_refused() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    store(&url).await.close().await;
    let foreign = PostgresStore::open(&url.parse().unwrap(), &OTHERS_KEY).await;
    assert!(matches!(foreign, Err(StoreError::OtherRelay)));
    cluster.execute(&url, "insert into schema_version values (99)");
    assert!(matches!(try_store(&url).await, Err(StoreError::Newer)));
}

#[tokio::test]
async fn nodes_may_start_on_an_empty_database_at_once() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let (one, two) = join(try_store(&url), try_store(&url)).await;
    one.unwrap();
    two.unwrap();
}

#[tokio::test]
async fn the_way_to_a_database_elsewhere_is_checked() {
    let authority = |name: &str| {
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&pair).unwrap();
        (certificate.pem(), pair.serialize_pem())
    };
    let (certificate, private) = authority("localhost");
    let Some(cluster) = Cluster::over_tls(&certificate, &private) else { return };
    let database = cluster.database();
    let name = database.rsplit('/').next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = |root: &str| {
        let file = folder.path().join(root);
        format!(
            "postgres://twiza@localhost:{}/{name}?sslmode=verify-full&sslrootcert={}",
            cluster.port(),
            file.display()
        )
    };
    std::fs::write(folder.path().join("right"), certificate).unwrap();
    std::fs::write(folder.path().join("wrong"), authority("localhost").0).unwrap();
    let store = store(&url("right")).await;
    let encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    let mut connection = store.pool.acquire().await.unwrap();
    assert!(sqlx::query_scalar::<_, bool>(encrypted).fetch_one(&mut *connection).await.unwrap());
    assert!(matches!(try_store(&url("wrong")).await, Err(StoreError::Away(_))));
}

#[tokio::test]
async fn a_full_disk_refuses_what_does_not_fit_and_recovers() {
    let Some(cluster) = Cluster::shared() else { return };
    let (url, quotas) = (cluster.database(), Quotas::default());
    let store = store(&url).await;
    store.open_batch(&[free(1)], DAYS, &quotas).await.unwrap();
    let first = append(1, 1, 4096, false);
    let placed = store.append_batch(std::slice::from_ref(&first), DAYS, &quotas).await.unwrap()[0].unwrap();

    cluster.execute(
        &url,
        "create function refuse() returns trigger language plpgsql as
             $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
         create trigger full_disk before insert on frame for each row when (octet_length(new.octets) > 100000)
             execute function refuse()",
    );
    let batch = [append(1, 2, 1 << 20, false), first.clone(), append(1, 3, 1024, false)];
    let results = store.append_batch(&batch, DAYS, &quotas).await.unwrap();
    assert_eq!(results[0], Err(Refused::RelayFull));
    assert_eq!(results[1].unwrap().head, placed.head, "a repeat is recognised all the same");
    assert_eq!(results[2].unwrap().head.sequence, Sequence(2), "nothing half-written, and what fits is taken");

    cluster.execute(&url, "drop trigger full_disk on frame");
    let again = store.append_batch(&batch[..1], DAYS, &quotas).await.unwrap()[0].unwrap();
    assert_eq!(again.head.sequence, Sequence(3));
    assert_eq!(store.totals().await.unwrap().frame_bytes, (1 << 20) + 4096 + 1024);
}

#[tokio::test]
async fn connections_that_are_cut_are_replaced_and_watchers_told_to_look() {
    let Some(cluster) = Cluster::shared() else { return };
    let (url, quotas) = (cluster.database(), Quotas::default());
    let store = store(&url).await;
    store.open_batch(&[free(1)], DAYS, &quotas).await.unwrap();
    for octet in 1..=5 {
        assert_eq!(store.news().await, News::Missed, "nobody listened before");
        let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                   where application_name = 'twiza-relay' and datname = current_database()";
        cluster.execute(&url, cut);
        let appended = store.append_batch(&[append(1, octet, 1024, false)], DAYS, &quotas).await.unwrap();
        assert_eq!(appended[0].unwrap().head.sequence, Sequence(u64::from(octet)));
        assert!(store.head(address(1), DAYS.today).await.unwrap().is_some());
    }

    // What a lost connection was about to do may be done later. It is news, though this node did it.
    assert_eq!(store.news().await, News::Missed);
    let late = Stored { mailbox: MailboxTag::of(&address(1)), after: Sequence(5), last: Sequence(6) };
    let payload = &listener::encode(&store.node.name, [late].into_iter())[0];
    cluster.execute(&url, &format!("select pg_notify('twiza_news', '{payload}')"));
    let heard = loop {
        if let News::Stored(heard) = store.news().await {
            break heard;
        }
    };
    assert_eq!(heard, late);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_write_to_the_same_mailboxes_in_any_order_get_on() {
    const MAILBOXES: u8 = 20;
    const BATCHES: u8 = 12;
    let Some(cluster) = Cluster::shared() else { return };
    let (url, quotas) = (cluster.database(), Quotas::default());
    let (one, two) = (Arc::new(store(&url).await), Arc::new(store(&url).await));
    let forwards: Vec<_> = (0..MAILBOXES).map(free).collect();
    let backwards: Vec<_> = forwards.iter().rev().copied().collect();
    let opened = join(one.open_batch(&forwards, DAYS, &quotas), two.open_batch(&backwards, DAYS, &quotas)).await;
    let new = |opened: StoreResult<Vec<Result<Opening, Refused>>>| {
        opened.unwrap().into_iter().filter(|opening| opening.unwrap().is_new).count()
    };
    assert_eq!(new(opened.0) + new(opened.1), usize::from(MAILBOXES));

    let write = |store: Arc<PostgresStore>, order: fn(u8) -> u8, first: u8| {
        tokio::spawn(async move {
            for count in 0..BATCHES {
                let batch: Vec<_> =
                    (0..MAILBOXES).map(|name| append(order(name), first + count, 1024, false)).collect();
                let results = store.append_batch(&batch, DAYS, &Quotas::default()).await.unwrap();
                assert!(results.iter().all(|result| result.unwrap().is_new));
            }
        })
    };
    let both = join(write(one.clone(), |name| name, 0), write(two, |name| MAILBOXES - 1 - name, 100)).await;
    both.0.unwrap();
    both.1.unwrap();
    for name in 0..MAILBOXES {
        let page = one.page(address(name), Sequence::START, 1 << 20, DAYS.today).await.unwrap().unwrap();
        let places: Vec<_> = page.frames.iter().map(|frame| frame.sequence.0).collect();
        assert_eq!(places, (1..=2 * u64::from(BATCHES)).collect::<Vec<_>>());
        let octets: BTreeSet<_> = page.frames.iter().map(|frame| frame.octets[0]).collect();
        assert_eq!(octets.len(), places.len(), "each once");
    }
    let frames = 2 * u64::from(BATCHES) * u64::from(MAILBOXES);
    let expected = Totals { mailboxes: u64::from(MAILBOXES), frame_bytes: frames * 1024 };
    assert_eq!(one.totals().await.unwrap(), expected);
}

#[tokio::test]
async fn what_a_node_remembers_is_a_guess_that_the_database_corrects() {
    let Some(cluster) = Cluster::shared() else { return };
    let (url, quotas) = (cluster.database(), Quotas::default());
    let (one, two) = (store(&url).await, store(&url).await);
    one.open_batch(&[free(1), free(2)], DAYS, &quotas).await.unwrap();
    let frame = |octet| append(1, octet, 1024, false);
    let is_remembered =
        async |append: &Append| one.writer.lock().await.remembered.of(&[append], DAYS, &quotas).is_some();
    let append_to = async |store: &PostgresStore, appends: &[Append]| {
        store.append_batch(appends, DAYS, &quotas).await.unwrap().into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert!(!is_remembered(&frame(1)).await);
    let first = append_to(&one, &[frame(1), append(2, 1, 1024, false)]).await[0];
    assert!(is_remembered(&frame(2)).await);
    assert_eq!(append_to(&one, &[frame(2)]).await[0].head.sequence, Sequence(2));

    // Frames that are there already: by this node, and by another one since.
    let third = append_to(&two, &[frame(3)]).await[0];
    assert!(is_remembered(&frame(3)).await);
    let again = append_to(&one, &[frame(3), frame(1), frame(4)]).await;
    assert_eq!([again[0], again[1]], [third, first].map(|first| Appended { is_new: false, ..first }));
    assert_eq!((again[2].is_new, again[2].head.sequence), (true, Sequence(4)));
    assert!(is_remembered(&frame(1)).await);
    assert_eq!(append_to(&one, &[frame(1)]).await, [Appended { is_new: false, ..first }]);
    let bytes = one.totals().await.unwrap().frame_bytes;
    assert_eq!(bytes, 5 * 1024, "nothing was written twice");

    // Closed by another node: refused, and its frames are known all the same.
    append_to(&two, &[append(1, 9, 1024, true)]).await;
    let refused = one.append_batch(&[frame(5), frame(1)], DAYS, &quotas).await.unwrap();
    assert_eq!(refused, [Err(Refused::MailboxClosed), Ok(Appended { is_new: false, ..first })]);

    // Another server took over, which had lost the last frame and was given another one since.
    append_to(&one, &[append(2, 3, 1024, false)]).await;
    cluster.execute(&url, "update mailbox set chain = sha256(chain) where last_sequence = 2");
    let fourth = append(2, 4, 1024, false);
    assert!(is_remembered(&fourth).await);
    let [mailbox] = &append_to(&one, std::slice::from_ref(&fourth)).await[..] else { panic!("one") };
    let head = two.head(address(2), DAYS.today).await.unwrap().unwrap();
    assert_eq!((mailbox.head, head.sequence), (head, Sequence(3)));
    let page = two.page(address(2), Sequence::START, 1 << 20, DAYS.today).await.unwrap().unwrap();
    assert_eq!(page.frames.len(), 3);

    // Expired, and opened again elsewhere: it is another mailbox.
    let later = Days { today: ExpiryDay(DAYS.expires.0 + 1), expires: ExpiryDay(DAYS.expires.0 + 31) };
    let second = append(2, 2, 1024, false);
    append_to(&one, std::slice::from_ref(&second)).await;
    assert!(two.open_batch(&[free(2)], later, &quotas).await.unwrap()[0].unwrap().is_new);
    assert!(is_remembered(&second).await);
    let anew = append_to(&one, std::slice::from_ref(&second)).await[0];
    assert_eq!((anew.is_new, anew.head.sequence), (true, Sequence(1)));
}

#[tokio::test]
async fn a_batch_is_read_first_where_little_room_is_left() {
    let Some(cluster) = Cluster::shared() else { return };
    let store = store(&cluster.database()).await;
    let quotas = Quotas { relay_bytes_max: 16 * 1024, relay_closing_reserve_bytes: 0, ..Quotas::default() };
    store.open_batch(&[free(1)], DAYS, &quotas).await.unwrap();
    let mut remembered = Vec::new();
    for octet in 0..17 {
        let next = append(1, octet, 1024, false);
        remembered.push(store.writer.lock().await.remembered.of(&[&next], DAYS, &quotas).is_some());
        let stored = store.append_batch(&[next], DAYS, &quotas).await.unwrap();
        assert_eq!(stored[0].is_ok(), octet < 16);
        // Nobody has opened this one, and so nothing is told of the relay.
        let stray = store.append_batch(&[append(9, octet, 1024, false)], DAYS, &quotas).await.unwrap();
        assert_eq!(stray, [Err(Refused::MailboxUnknown)]);
    }
    assert!(!remembered[0] && remembered[1..8].contains(&true));
    assert_eq!(remembered[15..], [false, false], "less than an eighth is free");
}

#[tokio::test]
async fn quotas_of_the_relay_count_what_other_nodes_stored() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let (one, two) = (store(&url).await, store(&url).await);
    let quotas =
        Quotas { relay_bytes_max: 2048, relay_closing_reserve_bytes: 0, mailboxes_max: 2, ..Quotas::default() };
    one.open_batch(&[free(1), free(2)], DAYS, &quotas).await.unwrap();
    assert_eq!(two.open_batch(&[free(3)], DAYS, &quotas).await.unwrap(), [Err(Refused::RelayFull)]);
    for (store, octet) in [(&one, 1), (&two, 2)] {
        store.append_batch(&[append(1, octet, 1024, false)], DAYS, &quotas).await.unwrap()[0].unwrap();
    }
    for store in [&one, &two] {
        let third = store.append_batch(&[append(2, 3, 1024, false)], DAYS, &quotas).await.unwrap();
        assert_eq!(third, [Err(Refused::RelayFull)]);
    }
}

#[tokio::test]
async fn nodes_that_sweep_at_once_delete_all_and_count_each_once() {
    const MAILBOXES: u8 = 40;
    let Some(cluster) = Cluster::shared() else { return };
    let (url, quotas) = (cluster.database(), Quotas::default());
    let (one, two) = (store(&url).await, store(&url).await);
    let names: Vec<_> = (0..MAILBOXES).map(free).collect();
    one.open_batch(&names, DAYS, &quotas).await.unwrap();
    let frames = (0..MAILBOXES).flat_map(|name| (0..3).map(move |octet| append(name, octet, 1024, false)));
    one.append_batch(&frames.collect::<Vec<_>>(), DAYS, &quotas).await.unwrap();
    let later = ExpiryDay(DAYS.expires.0 + 1);
    // One was opened again in between: its old frames go all the same.
    let again = Days { today: later, expires: later.plus_days(30) };
    assert!(two.open_batch(&names[..1], again, &quotas).await.unwrap()[0].unwrap().is_new);
    let swept = join(one.sweep(later), two.sweep(later)).await;
    assert_eq!(swept.0.unwrap() + swept.1.unwrap(), u64::from(MAILBOXES) - 1);
    one.sweep(later).await.unwrap();
    let left = "select (select count(*) from frame), (select count(*) from departed), (select count(*) from mailbox)";
    assert_eq!(cluster.execute(&url, left), "0|0|1");
    assert_eq!(two.totals().await.unwrap(), Totals { mailboxes: 1, frame_bytes: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_spent_once_on_all_nodes_and_a_repeat_at_another_node_is_none() {
    const ROUNDS: u8 = 20;
    let Some(cluster) = Cluster::shared() else { return };
    let (url, quotas) = (cluster.database(), Quotas::default());
    let (one, two) = (store(&url).await, store(&url).await);
    let both = async |first: Open, second: Open| {
        let (first, second) = ([first], [second]);
        let (first, second) = join(one.open_batch(&first, DAYS, &quotas), two.open_batch(&second, DAYS, &quotas)).await;
        [first.unwrap()[0].map(|opening| opening.is_new), second.unwrap()[0].map(|opening| opening.is_new)]
    };
    for round in 0..ROUNDS {
        // One token for two mailboxes, at two nodes at once.
        let (mailbox, other) = (3 * round, 3 * round + 1);
        let mut verdicts = both(token(mailbox, mailbox), token(other, mailbox)).await;
        verdicts.sort_by_key(Result::is_err);
        assert_eq!(verdicts, [Ok(true), Err(Refused::TokenSpent)]);
        // The same opening at both, as when an answer did not come.
        let again = 3 * round + 2;
        let mut verdicts = both(token(again, again), token(again, again)).await;
        verdicts.sort_by_key(|verdict| *verdict != Ok(false));
        assert_eq!(verdicts, [Ok(false), Ok(true)], "whoever asks twice is not told that its token was spent");
    }
    assert_eq!(one.totals().await.unwrap().mailboxes, u64::from(2 * ROUNDS));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_tokens_for_one_mailbox_at_two_nodes_one_is_spent() {
    const ROUNDS: u8 = 40;
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let nodes = [Arc::new(store(&url).await), Arc::new(store(&url).await)];
    for round in 0..ROUNDS {
        let open = |node: usize| {
            let (store, open) = (nodes[node].clone(), [token(round, 2 * round + node as u8)]);
            tokio::spawn(
                async move { store.open_batch(&open, DAYS, &Quotas::default()).await.unwrap()[0].unwrap().is_new },
            )
        };
        let (first, second) = join(open(0), open(1)).await;
        assert!(first.unwrap() != second.unwrap(), "one of them made it");
        let spent = cluster.execute(&url, "select count(*) from spent_token");
        assert_eq!(spent, (round + 1).to_string());
    }
}
