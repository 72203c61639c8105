//! Two members of a group of a size, under OpenMLS alone: the same suite, nothing stored but in memory.

use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::tls_codec::Deserialize;
use openmls::prelude::{
    BasicCredential, Ciphersuite, CredentialWithKey, KeyPackage, MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY, MlsGroup,
    MlsGroupCreateConfig, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn, ProcessedMessageContent, ProtocolMessage,
    StagedWelcome,
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;

const SUITE: Ciphersuite = Ciphersuite::MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519;

/// Members who are added with one commit.
const BATCH: usize = 100;

struct Device(SigningKey);

impl Signer for Device {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// One member.
pub(crate) struct Raw {
    mls: MlsGroup,
    provider: OpenMlsRustCrypto,
    device: Device,
}

fn person(place: usize) -> (Device, CredentialWithKey) {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&place.to_be_bytes());
    let device = Device(SigningKey::from_bytes(&seed));
    let key = device.0.verifying_key().to_bytes().to_vec();
    let credential = BasicCredential::new(format!("Delegate {place}").into_bytes());
    (device, CredentialWithKey { credential: credential.into(), signature_key: key.into() })
}

/// A group's founder and its newest member.
pub(crate) fn raw_pair(members: usize) -> (Raw, Raw) {
    let provider = OpenMlsRustCrypto::default();
    let (device, credential) = person(0);
    let config = MlsGroupCreateConfig::builder()
        .ciphersuite(SUITE)
        .wire_format_policy(MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .build();
    let mls = MlsGroup::new(&provider, &device, &config, credential).expect("founded");
    let mut founder = Raw { mls, provider, device };
    for places in (1..members - 1).collect::<Vec<_>>().chunks(BATCH) {
        let packages: Vec<_> =
            places.iter().map(|place| key_package(&OpenMlsRustCrypto::default(), *place).1).collect();
        founder.add(&packages);
    }
    let provider = OpenMlsRustCrypto::default();
    let (device, package) = key_package(&provider, members - 1);
    let welcome = founder.add(&[package]);
    let MlsMessageBodyIn::Welcome(welcome) = welcome.extract() else { panic!("no Welcome") };
    let join = MlsGroupJoinConfig::builder()
        .wire_format_policy(MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .build();
    let staged = StagedWelcome::new_from_welcome(&provider, &join, welcome, None).expect("a Welcome");
    let mls = staged.into_group(&provider).expect("a member");
    (founder, Raw { mls, provider, device })
}

fn key_package(provider: &OpenMlsRustCrypto, place: usize) -> (Device, KeyPackage) {
    let (device, credential) = person(place);
    let bundle = KeyPackage::builder().build(SUITE, provider, &device, credential).expect("a key package");
    (device, bundle.key_package().clone())
}

impl Raw {
    fn add(&mut self, packages: &[KeyPackage]) -> MlsMessageIn {
        let added = self.mls.add_members(&self.provider, &self.device, packages);
        let (_, welcome, _) = added.expect("added");
        self.mls.merge_pending_commit(&self.provider).expect("merged");
        let octets = welcome.to_bytes().expect("octets");
        MlsMessageIn::tls_deserialize_exact(octets).expect("an MLS message")
    }

    pub(crate) fn say(&mut self, text: &str) -> Vec<u8> {
        let made = self.mls.create_message(&self.provider, &self.device, text.as_bytes()).expect("a message");
        made.to_bytes().expect("octets")
    }

    pub(crate) fn hear(&mut self, octets: &[u8]) -> Vec<u8> {
        let message = MlsMessageIn::tls_deserialize_exact(octets).expect("an MLS message");
        let message: ProtocolMessage = message.try_into_protocol_message().expect("a protocol message");
        let processed = self.mls.process_message(&self.provider, message).expect("processed");
        match processed.into_content() {
            ProcessedMessageContent::ApplicationMessage(application) => application.into_bytes(),
            _ => panic!("no text"),
        }
    }
}
