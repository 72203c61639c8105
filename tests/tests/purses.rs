//! Tokens in a client's hands: what an issuer that does not do as it should, or two programs of one profile, make of them.

use anyhow::{Context, Result};
use async_trait::async_trait;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Barrier;
use twiza_client::engine::{AllianceNumber, MotionView};
use twiza_client::relay::{IssuerConnection, RelayError, Right};
use twiza_client::store::motions::MotionState;
use twiza_client::store::shown::ShownGrant;
use twiza_client::{ClientError, Engine};
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::Role;
use twiza_crypto::grant::Grant;
use twiza_crypto::name::Name;
use twiza_crypto::rules::{Quorums, Rules};
use twiza_protocol::{
    AdmissionMode, BlindSignature, IssueRequest, Issued, IssuerDescribe, MailboxAddress, MailboxKey, Problem,
    ProblemCode, RelayAddress, RelayKey, RelaySigningKey, TokenGrant, TokenKey, TokenSigningKey, Transport,
};
use twiza_tests::interposed::{Interposed, Interposer};
use twiza_tests::{World, admit, texts};

/// What an issuer does.
enum Manner {
    Honest,
    /// Says that so many are all that it signs at once.
    Few(usize),
    /// Signs one of those that it is asked for.
    OneOfMany,
    /// Has none left today.
    UsedUp,
    /// Answers two requests once both are there, and the second once it may.
    BothAtOnce(Arc<Barrier>, Arc<tokio::sync::Notify>, AtomicUsize),
}

/// An issuer in this process, and what the relay sees of tokens.
struct Issuer {
    key: TokenSigningKey,
    manner: Mutex<Arc<Manner>>,
    requests: AtomicUsize,
    described: AtomicUsize,
    shown: Mutex<HashMap<Vec<u8>, HashSet<MailboxAddress>>>,
}

impl Issuer {
    fn new() -> Result<Arc<Self>> {
        let (key, manner) = (TokenSigningKey::generate()?, Mutex::new(Arc::new(Manner::Honest)));
        let (requests, described) = (AtomicUsize::default(), AtomicUsize::default());
        Ok(Arc::new(Self { key, manner, requests, described, shown: Mutex::default() }))
    }

    fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = Arc::new(manner);
    }

    fn manner(&self) -> Arc<Manner> {
        self.manner.lock().unwrap().clone()
    }

    fn issuer_key() -> RelayKey {
        RelaySigningKey::from_seed(&[5; 32]).public()
    }

    fn grant(&self, secret: &str) -> Result<Grant> {
        let issuer = RelayAddress::new(Transport::Pinned, "tokens.example", 7443, Self::issuer_key())?;
        let grant = TokenGrant { issuer, key: self.key.public()?.id(), secret: secret.to_owned() };
        Ok(Grant::new(&grant.to_string())?)
    }

    /// Tokens that were shown for more than one mailbox.
    fn shown_twice(&self) -> usize {
        self.shown.lock().unwrap().values().filter(|mailboxes| mailboxes.len() > 1).count()
    }
}

struct Between(Arc<Issuer>);

#[async_trait]
impl Interposer for Between {
    async fn opening(&self, mailbox: &MailboxKey, right: Right<'_>) {
        if let Right::Token(token) = right {
            let mut shown = self.0.shown.lock().unwrap();
            shown.entry(token.expose_bytes().to_vec()).or_default().insert(mailbox.address());
        }
    }

    fn issuer(&self) -> Option<Arc<dyn IssuerConnection>> {
        Some(Arc::new(Connection(self.0.clone())))
    }
}

struct Connection(Arc<Issuer>);

#[async_trait]
impl IssuerConnection for Connection {
    async fn describe(&self) -> Result<IssuerDescribe, RelayError> {
        self.0.described.fetch_add(1, Ordering::SeqCst);
        let tokens_per_request_max = if let Manner::Few(few) = &*self.0.manner() { *few } else { 64 };
        let token_key = self.0.key.public().map_err(|_| RelayError::Protocol("no key"))?;
        Ok(IssuerDescribe {
            issuer_key: Issuer::issuer_key(),
            token_key,
            tokens_per_request_max,
            tokens_per_day_max: 1000,
        })
    }

    async fn issue(&self, request: &IssueRequest) -> Result<Issued, RelayError> {
        self.0.requests.fetch_add(1, Ordering::SeqCst);
        let signed = request.messages.iter().map(|message| self.0.key.sign(message));
        let mut signatures: Vec<BlindSignature> =
            signed.collect::<Result<_, _>>().map_err(|_| RelayError::Protocol("not signed"))?;
        match &*self.0.manner() {
            Manner::UsedUp => return Err(RelayError::Refused(Box::new(Problem::new(ProblemCode::TokensUsedUp)))),
            Manner::OneOfMany => signatures.truncate(1),
            Manner::BothAtOnce(both, second_may, answered) => {
                both.wait().await;
                if answered.fetch_add(1, Ordering::SeqCst) == 1 {
                    second_may.notified().await;
                }
            }
            Manner::Honest | Manner::Few(_) => {}
        }
        Ok(Issued { signatures })
    }
}

async fn world_of(issuer: &Issuer) -> Result<World> {
    world_of_keys(vec![issuer.key.public()?]).await
}

async fn world_of_keys(keys: Vec<TokenKey>) -> Result<World> {
    World::with(Arc::new(twiza_relay::SystemClock), |settings| {
        settings.admission = AdmissionMode::Token;
        settings.token_keys = keys;
    })
    .await
}

async fn found(engine: &Engine, world: &World, issuer: &Issuer, name: &str) -> Result<AllianceNumber, ClientError> {
    let grant = issuer.grant("spring").map_err(|error| ClientError::Store(error.to_string()))?;
    engine.found(&Name::new(name)?, &world.address(), Some(grant)).await
}

async fn amina(world: &World, issuer: &Arc<Issuer>) -> Result<Engine> {
    world.person_by("Amina", "Nour", Interposed::by(Arc::new(Between(issuer.clone())))).await
}

/// Amina, who founded an alliance, and Karim, whom she let in.
async fn two(world: &World, issuer: &Arc<Issuer>) -> Result<(Engine, AllianceNumber, Engine, AllianceNumber)> {
    let amina = amina(world, issuer).await?;
    let karim = world.person_by("Karim", "Amal", Interposed::by(Arc::new(Between(issuer.clone())))).await?;
    let alliance = found(&amina, world, issuer, "Tawiza").await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    Ok((amina, alliance, karim, of_karim))
}

/// The same two, each for an organisation, and both have to approve what changes.
async fn two_who_decide(
    world: &World,
    issuer: &Arc<Issuer>,
) -> Result<(Engine, AllianceNumber, Engine, AllianceNumber)> {
    let (amina, alliance, karim, of_karim) = two(world, issuer).await?;
    amina.set_role(alliance, "Karim", Role::Organiser).await?;
    amina.set_rules(alliance, &Rules { quorums: Quorums::all(2), ..Rules::default() }).await?;
    karim.sync(of_karim).await?;
    Ok((amina, alliance, karim, of_karim))
}

/// Uses up what is in the purse.
async fn spend_all(engine: &Engine, alliance: AllianceNumber, issuer: &Issuer) -> Result<()> {
    issuer.behave(Manner::UsedUp);
    for _ in 0..100 {
        if let Err(ClientError::Relay(RelayError::Issuer(_))) = engine.invite(alliance, Role::Member, 7).await {
            return Ok(());
        }
    }
    anyhow::bail!("the purse has no end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_that_comes_twice_brings_back_no_token_that_is_spent() -> Result<()> {
    let issuer = Issuer::new()?;
    let world = world_of(&issuer).await?;
    let one = amina(&world, &issuer).await?;
    let other = world.again_by("Amina", Interposed::by(Arc::new(Between(issuer.clone())))).await?;
    let second_may = Arc::new(tokio::sync::Notify::new());
    issuer.behave(Manner::BothAtOnce(Arc::new(Barrier::new(2)), second_may.clone(), AtomicUsize::default()));
    // Both find the purse empty, and ask the same.
    let founding = async |engine: &Engine, name: &str| {
        let number = found(engine, &world, &issuer, name).await?;
        issuer.behave(Manner::Honest);
        // Spends some, while the other still waits for its answer.
        for _ in 0..5 {
            engine.invite(number, Role::Member, 7).await?;
        }
        second_may.notify_one();
        anyhow::Ok(number)
    };
    let (first, second) = tokio::join!(founding(&one, "Tawiza"), founding(&other, "Amal"));
    for (engine, number) in [(&one, first?), (&other, second?)] {
        for _ in 0..20 {
            engine.invite(number, Role::Member, 7).await?;
        }
    }
    assert_eq!(issuer.shown_twice(), 0);
    assert!(issuer.requests.load(Ordering::SeqCst) >= 4, "it asked again when there were none left");
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_gives_one_at_a_time_gets_nothing_to_see() -> Result<()> {
    let issuer = Issuer::new()?;
    let world = world_of(&issuer).await?;
    let amina = amina(&world, &issuer).await?;
    for manner in [Manner::Few(1), Manner::OneOfMany, Manner::UsedUp] {
        issuer.behave(manner);
        let refused = found(&amina, &world, &issuer, "Tawiza").await;
        assert!(matches!(refused, Err(ClientError::Relay(RelayError::Issuer(_)))), "{refused:?}");
    }
    assert!(issuer.shown.lock().unwrap().is_empty());
    assert!(amina.alliances().await?.is_empty());
    issuer.behave(Manner::Honest);
    found(&amina, &world, &issuer, "Tawiza").await?;
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tokens_people_go_on_talking_and_changes_wait() -> Result<()> {
    let issuer = Issuer::new()?;
    let world = world_of(&issuer).await?;
    let amina = amina(&world, &issuer).await?;
    let alliance = found(&amina, &world, &issuer, "Tawiza").await?;
    amina.sync(alliance).await?;
    spend_all(&amina, alliance, &issuer).await?;
    let stuck = amina.rotate(alliance).await;
    assert!(matches!(stuck, Err(ClientError::Relay(RelayError::Issuer(_)))), "{stuck:?}");
    amina.send(alliance, "azul").await?;
    let report = amina.sync(alliance).await?;
    assert!(matches!(report.blocked, Some(RelayError::Issuer(_))), "the change waits, and that is told");
    assert_eq!(texts(&amina, alliance).await?, ["azul"]);
    let waiting = amina.outbox(alliance).await?;
    assert_eq!((waiting.messages, waiting.changes), (0, 1));
    issuer.behave(Manner::Honest);
    assert_eq!(amina.sync(alliance).await?.blocked, None);
    assert_eq!(amina.outbox(alliance).await?.changes, 0);
    assert_eq!(issuer.shown_twice(), 0);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_alliance_leaves_no_tokens() -> Result<()> {
    let issuer = Issuer::new()?;
    let world = world_of(&issuer).await?;
    let amina = amina(&world, &issuer).await?;
    let first = found(&amina, &world, &issuer, "Tawiza").await?;
    let second = found(&amina, &world, &issuer, "Amal").await?;
    let asked = || issuer.requests.load(Ordering::SeqCst);
    assert_eq!(asked(), 1, "both live on one purse");
    amina.forget(first, true).await?;
    amina.invite(second, Role::Member, 7).await.context("the other keeps it")?;
    assert_eq!(asked(), 1);
    amina.forget(second, true).await?;
    found(&amina, &world, &issuer, "Tawiza").await?;
    assert_eq!(asked(), 2, "what was left went with the last");
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_grant_is_tried_before_it_replaces_the_one_that_is_used_up() -> Result<()> {
    let (issuer, other, strange) = (Issuer::new()?, Issuer::new()?, Issuer::new()?);
    let world = world_of_keys(vec![issuer.key.public()?, other.key.public()?]).await?;
    let amina = amina(&world, &issuer).await?;
    let alliance = found(&amina, &world, &issuer, "Tawiza").await?;
    amina.sync(alliance).await?;
    spend_all(&amina, alliance, &issuer).await?;
    assert_eq!(amina.right(alliance).await?.tokens, Some(0));
    // Of an issuer that has another key than the grant says.
    issuer.behave(Manner::Honest);
    let refused = amina.set_grant(alliance, Some(&other.grant("autumn")?)).await;
    assert!(matches!(refused, Err(ClientError::NotPossible(Obstacle::GrantRefused))), "{refused:?}");
    let described = issuer.described.load(Ordering::SeqCst);
    let refused = amina.set_grant(alliance, Some(&strange.grant("autumn")?)).await;
    assert!(matches!(refused, Err(ClientError::NotPossible(Obstacle::GrantRefused))), "{refused:?}");
    let asked = issuer.described.load(Ordering::SeqCst) - described;
    assert_eq!(asked, 0, "an issuer whose tokens the relay does not take learns nothing");
    issuer.behave(Manner::UsedUp);
    let waits = amina.set_grant(alliance, Some(&issuer.grant("autumn")?)).await;
    assert!(matches!(waits, Err(ClientError::Relay(RelayError::Issuer(_)))), "{waits:?}");
    issuer.behave(Manner::Honest);
    amina.sync(alliance).await?;
    assert_eq!(amina.outbox(alliance).await?.changes, 0);
    let right = amina.right(alliance).await?;
    let mark = issuer.grant("autumn")?.expose().parse::<TokenGrant>()?.mark().to_string();
    assert_eq!(right.grant, ShownGrant::Tokens { issuer: "tokens.example:7443".to_owned(), mark });
    assert!(right.tokens.is_some_and(|tokens| tokens > 0), "in a purse of its own");
    amina.rotate(alliance).await?;
    assert_eq!(issuer.shown_twice(), 0);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_about_a_grant_whose_issuer_does_not_answer() -> Result<()> {
    let issuer = Issuer::new()?;
    let world = world_of(&issuer).await?;
    let (amina, alliance, karim, of_karim) = two_who_decide(&world, &issuer).await?;

    issuer.behave(Manner::Few(1));
    let action = amina.new_grant(alliance, Some(issuer.grant("autumn")?)).await?;
    let untried = amina.propose(alliance, action.clone()).await;
    assert!(matches!(untried, Err(ClientError::NotPossible(Obstacle::GrantUntried))), "{untried:?}");
    assert!(amina.motions(alliance).await?.is_empty());
    issuer.behave(Manner::Honest);
    amina.propose(alliance, action).await?;
    karim.sync(of_karim).await?;
    let motion = karim.motions(of_karim).await?.pop().context("a motion")?;
    issuer.behave(Manner::Few(1));
    let untried = karim.approve_motion(of_karim, motion.number).await;
    assert!(matches!(untried, Err(ClientError::NotPossible(Obstacle::GrantUntried))), "{untried:?}");
    // One that has given all that there is today knows the grant.
    issuer.behave(Manner::UsedUp);
    karim.approve_motion(of_karim, motion.number).await?;
    issuer.behave(Manner::Honest);
    amina.sync(alliance).await?;
    let is_enacted = |motions: Vec<MotionView>| motions.iter().any(|motion| motion.state == MotionState::Enacted);
    assert!(is_enacted(amina.motions(alliance).await?));
    assert_eq!(issuer.shown_twice(), 0);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_waits_for_its_issuer_keeps_nobody_from_leaving() -> Result<()> {
    let issuer = Issuer::new()?;
    let world = world_of(&issuer).await?;
    let (amina, alliance, karim, of_karim) = two(&world, &issuer).await?;
    amina.sync(alliance).await?;
    karim.sync(of_karim).await?;
    issuer.behave(Manner::UsedUp);
    let waits = amina.set_grant(alliance, Some(&issuer.grant("autumn")?)).await;
    assert!(matches!(waits, Err(ClientError::Relay(RelayError::Issuer(_)))), "{waits:?}");
    karim.leave(of_karim).await?;
    amina.sync(alliance).await?;
    amina.sync(alliance).await?;
    assert_eq!(amina.members(alliance).await?.len(), 1, "by the tokens in hand");
    assert_eq!(amina.outbox(alliance).await?.changes, 1, "the grant still waits");
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_grant_that_waits_for_approvals_stay_and_those_of_one_that_was_withdrawn_go() -> Result<()> {
    let issuer = Issuer::new()?;
    let world = world_of(&issuer).await?;
    let (amina, alliance, karim, of_karim) = two_who_decide(&world, &issuer).await?;
    let asked = || issuer.requests.load(Ordering::SeqCst);
    // Whenever an alliance is forgotten, tokens that none uses go.
    let tidy = async || -> Result<()> {
        let passing = found(&amina, &world, &issuer, "Amal").await?;
        Ok(amina.forget(passing, true).await?)
    };

    let withdrawn = amina.new_grant(alliance, Some(issuer.grant("summer")?)).await?;
    amina.propose(alliance, withdrawn.clone()).await?;
    let motion = amina.motions(alliance).await?.pop().context("a motion")?;
    let before = asked();
    amina.withdraw_motion(alliance, motion.number).await?;
    tidy().await?;
    assert_eq!(asked(), before);
    amina.propose(alliance, withdrawn).await?;
    assert_eq!(asked(), before + 1, "they went, and others were asked for");
    tidy().await?;

    karim.sync(of_karim).await?;
    let motion = karim.motions(of_karim).await?.into_iter().find(|motion| motion.state == MotionState::Open);
    let before = asked();
    karim.approve_motion(of_karim, motion.context("an open motion")?.number).await?;
    assert_eq!(asked(), before + 1, "Karim's own");
    amina.sync(alliance).await?;
    assert!(amina.right(alliance).await?.tokens.is_some_and(|tokens| tokens > 0));
    amina.rotate(alliance).await?;
    assert_eq!((asked(), issuer.shown_twice()), (before + 1, 0), "those of the trial were still there");
    world.stop().await?;
    Ok(())
}
