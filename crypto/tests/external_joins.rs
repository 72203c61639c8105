//! External commits (RFC 9420, section 12.4.3.2): nobody publishes a GroupInfo, and whoever gets one from a member, stale
//! or not, cannot join by it.

mod support;

use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::{
    BasicCredential, Capabilities, CredentialWithKey, Extension, ExtensionType, Extensions, GroupId,
    LeafNodeParameters, MlsGroup, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, OpenMlsProvider as _, ProposalType,
    UnknownExtension,
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use sha2::{Digest, Sha256};
use support::{Party, alliance_of, pass, random};
use tls_codec::{Deserialize as _, Serialize as _};
use twiza_crypto::content::AuthorSeal;
use twiza_crypto::credential;
use twiza_crypto::group::commit::Change;
use twiza_crypto::identity::IdentityKey;
use twiza_crypto::name::Name;
use twiza_crypto::recovery::RecoveryKey;

struct LeafSigner(SigningKey);

impl Signer for LeafSigner {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// What a member with a client of its own can give away: the octets of a signed GroupInfo with the whole tree.
fn leaked_group_info(insider: &Party) -> Vec<u8> {
    let provider = OpenMlsRustCrypto::default();
    provider.storage().values.write().expect("a lock").extend(insider.stored().clone());
    let id = GroupId::from_slice(&insider.stored()[&b"twiza group id"[..]]);
    let group = MlsGroup::load(provider.storage(), &id).expect("stored state").expect("a group");
    let signer = LeafSigner(insider.device_key());
    let info = group.export_group_info(provider.crypto(), &signer, true).expect("a GroupInfo");
    info.tls_serialize_detached().expect("octets")
}

/// An outsider's commit by which it would join: everything about it is right, but that it comes from outside.
fn external_commit(info: &[u8]) -> (Vec<u8>, SigningKey) {
    let provider = OpenMlsRustCrypto::default();
    let (identity, device) = (IdentityKey::from_seed(&[41; 32]), SigningKey::from_bytes(&[42; 32]));
    let name = Name::new("Mallory").expect("a name");
    let leaf_key = device.verifying_key().to_bytes();
    let certificate = credential::certify(&identity, &leaf_key, &name, &name).expect("a certificate");
    let credential = BasicCredential::new(certificate).into();
    let credential = CredentialWithKey { credential, signature_key: leaf_key.to_vec().into() };
    let recovery = RecoveryKey::generate(&random()).expect("a key").extension_octets().expect("an extension");
    let recovery = Extension::Unknown(RecoveryKey::EXTENSION_TYPE, UnknownExtension(recovery));
    let message = MlsMessageIn::tls_deserialize_exact(info).expect("a message");
    let MlsMessageBodyIn::GroupInfo(info) = message.extract() else { panic!("no GroupInfo") };
    let extensions = [0xF2A1, 0xF2A2].map(ExtensionType::Unknown);
    let capabilities = Capabilities::builder()
        .ciphersuites(vec![info.ciphersuite()])
        .extensions(extensions.to_vec())
        .proposals(vec![ProposalType::SelfRemove])
        .build();
    let parameters = LeafNodeParameters::builder()
        .with_capabilities(capabilities)
        .with_extensions(Extensions::single(recovery).expect("extensions"))
        .build();
    let signer = LeafSigner(device.clone());
    let (_, bundle) = MlsGroup::external_commit_builder()
        .skip_lifetime_validation()
        .build_group(&provider, info, credential)
        .expect("the GroupInfo is right")
        .leaf_node_parameters(parameters)
        .load_psks(provider.storage())
        .expect("no pre-shared keys")
        .build(provider.rand(), provider.crypto(), &signer, |_| true)
        .expect("a commit")
        .finalize(&provider)
        .expect("a commit");
    let commit: MlsMessageOut = bundle.into_commit();
    (commit.to_bytes().expect("octets"), device)
}

/// Everything that somebody could write into the mailbox with such a commit, by its own key or by an accomplice's.
fn refused_by_all(parties: &mut [Party], commit: &[u8], keys: &[(u32, SigningKey)]) {
    for party in parties {
        let (address, before) = (party.address(), party.group().members().expect("members").len());
        let epoch = party.group().epoch();
        for (leaf_index, key) in keys {
            let signed = [&b"twiza commit v1\0"[..], address.as_bytes(), &Sha256::digest(commit)].concat();
            let seal =
                AuthorSeal { leaf_index: *leaf_index, removes: Vec::new(), signature: key.sign(&signed).to_bytes() };
            assert!(party.try_receive_commit(&address, commit, &seal).is_err(), "taken, as by leaf {leaf_index}");
        }
        assert!(party.group_mut().receive_proposal(commit).is_err());
        assert!(party.group_mut().receive_message(commit).is_err());
        assert_eq!((party.group().epoch(), party.group().members().expect("members").len()), (epoch, before));
    }
}

#[test]
fn an_outsider_with_a_members_group_info_cannot_join_by_it() {
    let mut parties = alliance_of(3);
    let (commit, device) = external_commit(&leaked_group_info(&parties[2]));
    // By its own hand, and by that of the member who gave the GroupInfo away.
    let keys = [(3, device), (2, parties[2].device_key())];
    refused_by_all(&mut parties[..2], &commit, &keys);
    pass(&mut parties, 0, &Change::Rotate).expect("life goes on");
}

#[test]
fn a_stale_group_info_does_not_undo_a_rotation() {
    let mut parties = alliance_of(3);
    let stale = leaked_group_info(&parties[2]);
    for author in 0..2 {
        pass(&mut parties, author, &Change::Rotate).expect("a rotation");
    }
    let (commit, device) = external_commit(&stale);
    let keys = [(3, device), (2, parties[2].device_key())];
    refused_by_all(&mut parties[..2], &commit, &keys);
}
