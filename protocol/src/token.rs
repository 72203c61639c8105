//! Unlinkable tokens: who may open a mailbox is known, and which mailbox it was is not.
//!
//! Publicly verifiable tokens of Privacy Pass (RFC 9577, section 2.2; RFC 9578, section 6: type 0x0002, blind RSA of
//! 2048 bits by RFC 9474, RSABSSA-SHA384-PSS-Deterministic). An **issuer**, which is no relay, signs blinded messages
//! for whoever shows a grant; a relay has the public key only, so whoever takes it can check tokens and make none.
//!
//! ```text
//! client                         issuer                        relay
//!   blind(nonce) ── grant, blind message ─▶ sign
//!   finish ◀────────── blind signature ───┘
//!   … later …
//!   open a mailbox ──────── token ────────────────────────────▶ verify, spend
//! ```
//!
//! A token's challenge (RFC 9577, section 2.1) names the issuer by its key's id and the origin by the relay's key, and has no
//! redemption context: tokens are taken ahead of time, and are good at one relay.

use crate::encoding::{self, base64url_text};
use crate::grant::GrantMark;
use crate::{EncodingError, RelayAddress, RelayAddressError, RelayKey};
use blind_rsa_signatures::{
    BlindSignature as RsaBlindSignature, BlindingResult, DefaultRng, KeyPairSha384PSSDeterministic,
    PublicKeySha384PSSDeterministic, Secret, SecretKeySha384PSSDeterministic, Signature,
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

/// Blind RSA (2048-bit) in the registry of token types (RFC 9578, section 8.2.1).
const TOKEN_TYPE: u16 = 0x0002;
const MODULUS_BITS: usize = 2048;
const MODULUS_BYTES: usize = MODULUS_BITS / 8;
/// What is signed: type, nonce, digest of the challenge, id of the key.
const INPUT_BYTES: usize = 2 + 32 + 32 + 32;
const TOKEN_BYTES: usize = INPUT_BYTES + MODULUS_BYTES;

/// Tokens that a client asks for at once. All or none: an issuer that gave one at a time would learn when each is spent.
pub const TOKENS_AT_ONCE: usize = 16;

/// Why a token, a key or an answer of an issuer is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// No RSA key of 2048 bits in the form of RFC 9578, section 6.5.
    #[error("not a token key: it has to be an RSA key of 2048 bits for RSASSA-PSS")]
    Key,
    /// Not of the form or type of a token.
    #[error("not a token of a type that is known here")]
    Malformed,
    /// Of another issuer, for another relay, or not signed.
    #[error("the token is of another issuer, for another relay, or not signed")]
    Invalid,
    /// A blind message or signature that does not fit the key.
    #[error("the blind message or signature does not fit the key")]
    Blind,
}

/// Which token key: SHA-256 of its SubjectPublicKeyInfo (RFC 9578, section 6.5). What an alliance pins.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenKeyId([u8; 32]);

base64url_text!(TokenKeyId, 32);

impl TokenKeyId {
    /// The id with these octets.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets of the id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What an issuer is asked to sign: it tells nothing about the token that it becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BlindMessage([u8; MODULUS_BYTES]);

base64url_text!(BlindMessage, 256);

impl BlindMessage {
    /// The octets of the message.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What an issuer answers to a [`BlindMessage`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BlindSignature([u8; MODULUS_BYTES]);

base64url_text!(BlindSignature, 256);

/// By what a spent token is remembered: SHA-256 of what was signed. It is as random as the token's nonce, and tells
/// nothing but that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenMark([u8; 32]);

impl TokenMark {
    /// The mark with these octets.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets of the mark.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for TokenMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("TokenMark(redacted)")
    }
}

/// An issuer's public key. Its text form is its SubjectPublicKeyInfo as base64url.
#[derive(Clone)]
pub struct TokenKey {
    key: PublicKeySha384PSSDeterministic,
    spki: Vec<u8>,
    id: TokenKeyId,
}

impl TokenKey {
    /// The key with this SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`TokenError::Key`], also for an encoding that is not the one form of this key: its id would be another.
    pub fn from_spki(spki: &[u8]) -> Result<Self, TokenError> {
        let key = PublicKeySha384PSSDeterministic::from_spki(spki).map_err(|_| TokenError::Key)?;
        let key = Self::of(key)?;
        if key.spki == spki { Ok(key) } else { Err(TokenError::Key) }
    }

    fn of(key: PublicKeySha384PSSDeterministic) -> Result<Self, TokenError> {
        let spki = key.to_spki().map_err(|_| TokenError::Key)?;
        if key.components().n().len() != MODULUS_BYTES {
            return Err(TokenError::Key);
        }
        let id = TokenKeyId(Sha256::digest(&spki).into());
        Ok(Self { key, spki, id })
    }

    /// Which key it is.
    #[must_use]
    pub const fn id(&self) -> TokenKeyId {
        self.id
    }

    /// Checks a token that is shown to a relay, and gives the mark by which it is spent.
    ///
    /// # Errors
    /// [`TokenError::Invalid`].
    pub fn verify(&self, token: &Token, relay: &RelayKey) -> Result<TokenMark, TokenError> {
        let input = self.input(&token.nonce, relay);
        if token.octets.get(..INPUT_BYTES) != Some(input.as_slice()) {
            return Err(TokenError::Invalid);
        }
        let signature = Signature(token.octets.get(INPUT_BYTES..).unwrap_or_default().to_vec());
        self.key.verify(&signature, None, input).map_err(|_| TokenError::Invalid)?;
        Ok(TokenMark(Sha256::digest(input).into()))
    }

    /// Whether a blind message can be signed: it is a number below the modulus.
    #[must_use]
    pub fn takes(&self, message: &BlindMessage) -> bool {
        message.0.as_slice() < self.key.components().n().as_slice()
    }

    /// Prepares a token for a relay from a nonce that nobody else knows. The blinding is drawn from a generator that the
    /// operating system seeds.
    ///
    /// # Errors
    /// [`TokenError::Blind`], which no honest key causes.
    pub fn blind(&self, nonce: [u8; 32], relay: &RelayKey) -> Result<PendingToken, TokenError> {
        let blinding = self.key.blind(&mut DefaultRng, self.input(&nonce, relay)).map_err(|_| TokenError::Blind)?;
        let fit = |octets: &[u8]| octets.try_into().map_err(|_| TokenError::Blind);
        Ok(PendingToken {
            nonce,
            message: BlindMessage(fit(&blinding.blind_message.0)?),
            secret: Zeroizing::new(fit(&blinding.secret.0)?),
        })
    }

    /// Makes the token from what the issuer answered, and checks it.
    ///
    /// # Errors
    /// [`TokenError::Blind`] where the issuer did not sign, or not with this key.
    pub fn finish(
        &self,
        pending: &PendingToken,
        relay: &RelayKey,
        signature: &BlindSignature,
    ) -> Result<Token, TokenError> {
        let blinding = BlindingResult {
            blind_message: blind_rsa_signatures::BlindMessage(pending.message.0.to_vec()),
            secret: Secret(pending.secret.to_vec()),
            msg_randomizer: None,
        };
        let input = self.input(&pending.nonce, relay);
        let signature = RsaBlindSignature(signature.0.to_vec());
        let signature = self.key.finalize(&signature, &blinding, input).map_err(|_| TokenError::Blind)?;
        let octets = [&input, signature.0.as_slice()].concat();
        Ok(Token { nonce: pending.nonce, octets: octets.try_into().map_err(|_| TokenError::Blind)? })
    }

    /// `token_input` (RFC 9578, section 6.1).
    fn input(&self, nonce: &[u8; 32], relay: &RelayKey) -> [u8; INPUT_BYTES] {
        let parts = [&TOKEN_TYPE.to_be_bytes()[..], nonce, &self.challenge_digest(relay), &self.id.0];
        let mut input = [0; INPUT_BYTES];
        for (octet, given) in input.iter_mut().zip(parts.into_iter().flatten()) {
            *octet = *given;
        }
        input
    }

    /// SHA-256 of the TokenChallenge (RFC 9577, section 2.1).
    fn challenge_digest(&self, relay: &RelayKey) -> [u8; 32] {
        let mut challenge = Sha256::new();
        challenge.update(TOKEN_TYPE.to_be_bytes());
        let mut named = |name: &str| {
            challenge.update(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
            challenge.update(name);
        };
        named(&self.id.to_string());
        // No redemption context.
        challenge.update([0]);
        let origin = relay.to_string();
        challenge.update(u16::try_from(origin.len()).unwrap_or(u16::MAX).to_be_bytes());
        challenge.update(origin);
        challenge.finalize().into()
    }
}

impl PartialEq for TokenKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for TokenKey {}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKey({})", self.id)
    }
}

impl std::fmt::Display for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&encoding::encode(&self.spki))
    }
}

impl std::str::FromStr for TokenKey {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let spki = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| TokenError::Key)?;
        Self::from_spki(&spki)
    }
}

impl Serialize for TokenKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TokenKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An issuer's private key.
pub struct TokenSigningKey(SecretKeySha384PSSDeterministic);

impl TokenSigningKey {
    /// A new key, from a generator that the operating system seeds. Takes a moment.
    ///
    /// # Errors
    /// [`TokenError::Key`], where no key was found.
    pub fn generate() -> Result<Self, TokenError> {
        let pair = KeyPairSha384PSSDeterministic::generate(&mut DefaultRng, MODULUS_BITS);
        pair.map(|pair| Self(pair.sk)).map_err(|_| TokenError::Key)
    }

    /// The key in this PEM file (PKCS #8, RFC 5958).
    ///
    /// # Errors
    /// [`TokenError::Key`].
    pub fn from_pem(pem: &str) -> Result<Self, TokenError> {
        let key = Self(SecretKeySha384PSSDeterministic::from_pem(pem).map_err(|_| TokenError::Key)?);
        key.public().map(|_| key)
    }

    /// The key for its PEM file.
    ///
    /// # Errors
    /// [`TokenError::Key`], which no key that was read or made causes.
    pub fn expose_pem(&self) -> Result<Zeroizing<String>, TokenError> {
        self.0.to_pem().map(Zeroizing::new).map_err(|_| TokenError::Key)
    }

    /// The public half.
    ///
    /// # Errors
    /// [`TokenError::Key`], which no key that was read or made causes.
    pub fn public(&self) -> Result<TokenKey, TokenError> {
        TokenKey::of(self.0.public_key().map_err(|_| TokenError::Key)?)
    }

    /// Signs a blind message. Of its token, nothing is learnt.
    ///
    /// # Errors
    /// [`TokenError::Blind`] for a message that is no number below the modulus.
    pub fn sign(&self, message: &BlindMessage) -> Result<BlindSignature, TokenError> {
        let signature = self.0.blind_sign(message.0).map_err(|_| TokenError::Blind)?;
        signature.0.as_slice().try_into().map(BlindSignature).map_err(|_| TokenError::Blind)
    }
}

impl std::fmt::Debug for TokenSigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("TokenSigningKey(redacted)")
    }
}

/// A token that waits for its issuer's signature. The secret takes the blinding away: whoever has it and the issuer's
/// answer has the token.
pub struct PendingToken {
    nonce: [u8; 32],
    message: BlindMessage,
    secret: Zeroizing<[u8; MODULUS_BYTES]>,
}

impl PendingToken {
    /// Octets of its stored form.
    pub const BYTES: usize = 32 + 2 * MODULUS_BYTES;

    /// What goes to the issuer.
    #[must_use]
    pub const fn message(&self) -> &BlindMessage {
        &self.message
    }

    /// Its octets, for storage under encryption.
    #[must_use]
    pub fn expose_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([&self.nonce[..], &self.message.0, &self.secret[..]].concat())
    }

    /// From the octets that [`PendingToken::expose_bytes`] gave; `None` for others.
    #[must_use]
    pub fn from_bytes(octets: &[u8]) -> Option<Self> {
        let (nonce, rest) = octets.split_first_chunk()?;
        let (message, secret) = rest.split_first_chunk()?;
        Some(Self { nonce: *nonce, message: BlindMessage(*message), secret: Zeroizing::new(secret.try_into().ok()?) })
    }
}

impl std::fmt::Debug for PendingToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { .. } = self;
        f.write_str("PendingToken(redacted)")
    }
}

/// A right to open one mailbox at one relay (RFC 9577, section 2.2). Whoever has it has the right.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    nonce: [u8; 32],
    octets: [u8; TOKEN_BYTES],
}

impl Token {
    /// The token with these octets; nothing is verified.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] for another length or type.
    pub fn from_bytes(octets: &[u8]) -> Result<Self, TokenError> {
        let octets: [u8; TOKEN_BYTES] = octets.try_into().map_err(|_| TokenError::Malformed)?;
        let (kind, rest) = octets.split_first_chunk().ok_or(TokenError::Malformed)?;
        let (nonce, _) = rest.split_first_chunk().ok_or(TokenError::Malformed)?;
        if u16::from_be_bytes(*kind) == TOKEN_TYPE {
            Ok(Self { nonce: *nonce, octets })
        } else {
            Err(TokenError::Malformed)
        }
    }

    /// Its octets.
    #[must_use]
    pub const fn expose_bytes(&self) -> &[u8] {
        &self.octets
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { .. } = self;
        f.write_str("Token(redacted)")
    }
}

impl Serialize for Token {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encoding::encode(&self.octets))
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let octets: [u8; TOKEN_BYTES] = encoding::decode(&text).map_err(serde::de::Error::custom)?;
        Self::from_bytes(&octets).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
mod schemas {
    use super::{TOKEN_BYTES, Token, TokenKey};
    use utoipa::openapi::schema::Type;
    use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
    use utoipa::{PartialSchema, ToSchema};

    impl PartialSchema for Token {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some("A token (RFC 9577, section 2.2; type 0x0002) as base64url without padding"))
                // The type comes first: 0x0002.
                .pattern(Some(format!("^AA[I-L][A-Za-z0-9_-]{{{}}}$", TOKEN_BYTES * 4 / 3 - 3)))
                .into()
        }
    }

    impl ToSchema for Token {}

    impl PartialSchema for TokenKey {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(
                    "An issuer's SubjectPublicKeyInfo (RFC 9578, section 6.5) as base64url without padding",
                ))
                .into()
        }
    }

    impl ToSchema for TokenKey {}
}

/// A grant that an issuer exchanges for tokens, as the operator gives it to an alliance: where the issuer is, which token
/// key it has to use, and the secret. In text: the issuer's address, `#`, the key's id, `.`, the secret.
///
/// The key is in it so that the operator pins it: an issuer that used a key of its own for each member could tell their
/// tokens apart.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenGrant {
    /// The issuer. Its key and transport are as a relay's.
    pub issuer: RelayAddress,
    /// The token key.
    pub key: TokenKeyId,
    /// What the issuer knows the grant by.
    pub secret: String,
}

/// A text that looks like a grant for tokens and is none. The user's fault: copy it again, whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenGrantError {
    /// There is no secret, or there are characters that no secret has.
    #[error("the grant's secret, after the last dot, is missing or damaged")]
    Secret,
    /// The key's id is damaged.
    #[error("the grant's key, after #, is damaged ({0})")]
    Key(#[from] EncodingError),
    /// The address is damaged.
    #[error("the grant's address is damaged: {0}")]
    Address(#[from] RelayAddressError),
}

impl TokenGrant {
    /// Whether a grant is one for tokens: other grants are words without an address.
    #[must_use]
    pub fn is_one(grant: &str) -> bool {
        grant.contains("://")
    }

    /// The mark by which operators and members see that they mean the same grant.
    #[must_use]
    pub fn mark(&self) -> GrantMark {
        GrantMark::of_tokens(self.issuer.key(), &self.key, &Sha256::digest(&self.secret).into())
    }
}

impl std::fmt::Display for TokenGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}.{}", self.issuer, self.key, self.secret)
    }
}

impl std::fmt::Debug for TokenGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenGrant({}, redacted)", self.issuer)
    }
}

impl std::str::FromStr for TokenGrant {
    type Err = TokenGrantError;

    fn from_str(text: &str) -> Result<Self, TokenGrantError> {
        let (issuer, rest) = text.trim().split_once('#').ok_or(TokenGrantError::Secret)?;
        let (key, secret) = rest.split_once('.').ok_or(TokenGrantError::Secret)?;
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
        if secret.is_empty() || !secret.bytes().all(plain) {
            return Err(TokenGrantError::Secret);
        }
        Ok(Self { issuer: issuer.parse()?, key: key.parse()?, secret: secret.to_owned() })
    }
}

/// What `GET /v1/issuer` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerDescribe {
    /// The issuer's key, to be compared with the pin in its address.
    pub issuer_key: RelayKey,
    /// The key that it signs tokens with.
    pub token_key: TokenKey,
    /// Tokens in one request.
    pub tokens_per_request_max: usize,
    /// Tokens for one grant in a day (UTC).
    pub tokens_per_day_max: u64,
}

/// The body of `POST /v1/tokens`. The same request again is answered again, and counted once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// The grant's secret.
    pub grant: String,
    /// What is to be signed.
    pub messages: Vec<BlindMessage>,
}

impl std::fmt::Debug for IssueRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IssueRequest({} messages, redacted)", self.messages.len())
    }
}

/// What `POST /v1/tokens` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// The signatures, in the order of the messages.
    pub signatures: Vec<BlindSignature>,
}
