//! Tokens between issuer, client and relay: what fits, and what does not.

use twiza_protocol::{
    BlindSignature, PendingToken, RelayKey, Token, TokenError, TokenGrant, TokenGrantError, TokenKey, TokenSigningKey,
};

const RELAY: RelayKey = RelayKey::from_bytes([7; 32]);
const ELSEWHERE: RelayKey = RelayKey::from_bytes([8; 32]);

/// A key that was made once, so that its texts can be compared.
const PEM: &str = include_str!("vectors/token_key.pem");

fn signing_key() -> TokenSigningKey {
    TokenSigningKey::from_pem(PEM).unwrap()
}

fn issue(issuer: &TokenSigningKey, nonce: [u8; 32], relay: &RelayKey) -> (PendingToken, BlindSignature) {
    let pending = issuer.public().unwrap().blind(nonce, relay).unwrap();
    let signature = issuer.sign(pending.message()).unwrap();
    (pending, signature)
}

#[test]
fn what_was_signed_blindly_is_verified_and_tells_nothing_of_how_it_was_signed() {
    let (issuer, key) = (signing_key(), signing_key().public().unwrap());
    let [(one, signed_one), (other, signed_other)] = [(); 2].map(|()| issue(&issuer, [1; 32], &RELAY));
    let [token, same] = [(&one, &signed_one), (&other, &signed_other)]
        .map(|(pending, signature)| key.finish(pending, &RELAY, signature).unwrap());
    assert_ne!(one.message(), other.message(), "the same token is blinded anew each time");
    assert_ne!(token.expose_bytes(), same.expose_bytes(), "its salt is drawn anew, too (RFC 9474, section 5)");
    assert_eq!(key.verify(&token, &RELAY), key.verify(&same, &RELAY), "but it is one token, which is spent once");
    let octets = |octets: &[u8]| octets.windows(16).map(<[u8]>::to_vec).collect::<std::collections::HashSet<_>>();
    let seen_by_issuer = [one.message().as_bytes().to_vec(), key.to_string().into_bytes()].map(|seen| octets(&seen));
    assert!(seen_by_issuer.iter().all(|seen| seen.is_disjoint(&octets(token.expose_bytes()))));
}

#[test]
fn a_token_is_good_for_one_relay_and_one_issuer() {
    let (issuer, stranger) = (signing_key(), TokenSigningKey::generate().unwrap());
    let (key, strange) = (issuer.public().unwrap(), stranger.public().unwrap());
    let (pending, signature) = issue(&issuer, [1; 32], &RELAY);
    let token = key.finish(&pending, &RELAY, &signature).unwrap();
    let [first, second] = [[1; 32], [2; 32]].map(|nonce| {
        let (pending, signature) = issue(&issuer, nonce, &RELAY);
        key.verify(&key.finish(&pending, &RELAY, &signature).unwrap(), &RELAY).unwrap()
    });
    assert_ne!(first, second);
    assert_eq!(key.verify(&token, &ELSEWHERE), Err(TokenError::Invalid));
    assert_eq!(strange.verify(&token, &RELAY), Err(TokenError::Invalid));
    for place in [2, 40, 70, 100, 353] {
        let mut changed = token.expose_bytes().to_vec();
        changed[place] ^= 1;
        assert_eq!(key.verify(&Token::from_bytes(&changed).unwrap(), &RELAY), Err(TokenError::Invalid), "{place}");
    }
    let mut other_type = token.expose_bytes().to_vec();
    other_type[1] = 1;
    assert_eq!(Token::from_bytes(&other_type), Err(TokenError::Malformed));
    assert_eq!(Token::from_bytes(&token.expose_bytes()[1..]), Err(TokenError::Malformed));
}

#[test]
fn an_issuer_that_signs_something_else_is_found_out() {
    let (issuer, stranger) = (signing_key(), TokenSigningKey::generate().unwrap());
    let key = issuer.public().unwrap();
    let (pending, _) = issue(&issuer, [1; 32], &RELAY);
    let (_, of_another) = issue(&issuer, [2; 32], &RELAY);
    assert_eq!(key.finish(&pending, &RELAY, &of_another), Err(TokenError::Blind));
    if let Ok(with_another_key) = stranger.sign(pending.message()) {
        assert_eq!(key.finish(&pending, &RELAY, &with_another_key), Err(TokenError::Blind));
    }
}

#[test]
fn what_waits_for_its_signature_survives_being_stored() {
    let (issuer, key) = (signing_key(), signing_key().public().unwrap());
    let (pending, signature) = issue(&issuer, [1; 32], &RELAY);
    let stored = PendingToken::from_bytes(&pending.expose_bytes()).unwrap();
    assert!(key.verify(&key.finish(&stored, &RELAY, &signature).unwrap(), &RELAY).is_ok());
    assert!(PendingToken::from_bytes(&pending.expose_bytes()[1..]).is_none());
    assert!(!format!("{pending:?}").contains(&pending.message().to_string()));
}

#[test]
fn keys_have_one_form() {
    let key = signing_key().public().unwrap();
    let text = key.to_string();
    assert_eq!(text.parse::<TokenKey>().unwrap(), key);
    // Frozen: alliances have pinned it.
    assert_eq!(key.id().to_string(), "fcuhuHK5ZQ8OoMGK8SWtpYD7ecowZ3otaddH89Jvpy4");
    let other = TokenSigningKey::generate().unwrap();
    assert_eq!(TokenSigningKey::from_pem(&other.expose_pem().unwrap()).unwrap().public(), other.public());
    for damaged in ["", "AAAA", &text[..text.len() - 4], &text.replace('M', "N"), &format!("{text}AAAA")] {
        assert_eq!(damaged.parse::<TokenKey>().unwrap_err(), TokenError::Key, "{damaged}");
    }
    assert!(TokenSigningKey::from_pem("no key").is_err());
}

#[test]
fn a_grant_for_tokens_survives_its_text_and_is_told_from_others() {
    let text = format!("twiza://tokens.example.org:7443/{RELAY}#{}.s3cret_-", signing_key().public().unwrap().id());
    let grant: TokenGrant = text.parse().unwrap();
    assert_eq!((grant.to_string(), grant.secret.as_str()), (text.clone(), "s3cret_-"));
    assert_eq!(format!(" {text}\n").parse::<TokenGrant>().unwrap(), grant);
    assert!(TokenGrant::is_one(&text) && !TokenGrant::is_one("s3cret_-"));
    assert!(!format!("{grant:?}").contains("s3cret_-"));
    let cases = [
        (text.replace(".s3cret_-", ""), TokenGrantError::Secret),
        (text.replace("s3cret_-", ""), TokenGrantError::Secret),
        (text.replace("s3cret_-", "s3 cret"), TokenGrantError::Secret),
        (text.replace('#', "/"), TokenGrantError::Secret),
    ];
    for (damaged, error) in cases {
        assert_eq!(damaged.parse::<TokenGrant>(), Err(error), "{damaged}");
    }
    assert!(matches!(text.replace('#', "#x").parse::<TokenGrant>(), Err(TokenGrantError::Key(_))));
    assert!(matches!(text.replace("twiza:", "tcp:").parse::<TokenGrant>(), Err(TokenGrantError::Address(_))));
}

#[test]
fn a_token_that_was_issued_once_stays_good() {
    let token: Token = serde_json::from_str(include_str!("vectors/token.json")).unwrap();
    assert!(signing_key().public().unwrap().verify(&token, &RELAY).is_ok());
    assert_eq!(serde_json::to_string(&token).unwrap(), include_str!("vectors/token.json").trim());
}
