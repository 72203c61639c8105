//! What a cheat can make with a client of its own: key packages with any field changed and signed anew, and commits
//! whose public keys have another length, or whose path fails for one member.
#![allow(dead_code, reason = "each test file uses its own part")]

use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::{
    Extension, ExtensionType, Extensions, GroupContext, GroupId, KeyPackage, MlsGroup, UnknownExtension,
};
use openmls_memory_storage::MemoryStorage;
use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::{
    AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeCiphertext, HpkeConfig, HpkeKeyPair, KemOutput,
    SignatureScheme,
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tls_codec::{Deserialize, SecretVLBytes, Serialize, TlsDeserialize, TlsSerialize, TlsSize, VLBytes};
use twiza_crypto::alliance::AllianceState;
use twiza_crypto::content::AuthorSeal;
use twiza_crypto::group::Group;
use twiza_protocol::MailboxAddress;

/// A key package, taken apart (RFC 9420, sections 7.2 and 10).
#[derive(Debug, Clone, TlsSerialize, TlsDeserialize, TlsSize)]
pub(crate) struct KeyPackageParts {
    pub(crate) version: u16,
    pub(crate) suite: u16,
    pub(crate) init_key: VLBytes,
    pub(crate) leaf: LeafParts,
    leaf_signature: VLBytes,
    extensions: VLBytes,
    signature: VLBytes,
}

/// What a leaf's signature is over.
#[derive(Debug, Clone, TlsSerialize, TlsDeserialize, TlsSize)]
pub(crate) struct LeafParts {
    pub(crate) encryption_key: VLBytes,
    pub(crate) signature_key: VLBytes,
    credential_type: u16,
    pub(crate) credential: VLBytes,
    versions: VLBytes,
    suites: VLBytes,
    extension_types: VLBytes,
    proposal_types: VLBytes,
    credential_types: VLBytes,
    source: u8,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) extensions: VLBytes,
}

impl KeyPackageParts {
    pub(crate) fn of(octets: &[u8]) -> Self {
        Self::tls_deserialize_exact(octets).expect("a key package")
    }

    /// The key package with right signatures by this leaf key, whatever its fields are.
    pub(crate) fn sign(mut self, key: &SigningKey) -> Vec<u8> {
        let leaf = self.leaf.tls_serialize_detached().expect("a leaf");
        self.leaf_signature = sign_with_label(key, "LeafNodeTBS", &leaf).into();
        let unsigned = Self { signature: Vec::new().into(), ..self.clone() };
        let mut octets = unsigned.tls_serialize_detached().expect("a key package");
        octets.pop();
        self.signature = sign_with_label(key, "KeyPackageTBS", &octets).into();
        self.tls_serialize_detached().expect("a key package")
    }
}

/// `SignWithLabel` (RFC 9420, section 5.1.2).
fn sign_with_label(key: &SigningKey, label: &str, content: &[u8]) -> Vec<u8> {
    let label = VLBytes::from(format!("MLS 1.0 {label}").into_bytes());
    let mut octets = label.tls_serialize_detached().expect("a label");
    octets.extend(VLBytes::from(content).tls_serialize_detached().expect("a content"));
    key.sign(&octets).to_bytes().to_vec()
}

/// An author's seal, put together by the specification and not by the crate.
pub(crate) fn author_seal(key: &SigningKey, leaf_index: u32, address: &MailboxAddress, commit: &[u8]) -> AuthorSeal {
    author_seal_removing(key, leaf_index, address, commit, &[])
}

/// The same, with a claim of whom the commit removes.
pub(crate) fn author_seal_removing(
    key: &SigningKey,
    leaf_index: u32,
    address: &MailboxAddress,
    commit: &[u8],
    removes: &[u32],
) -> AuthorSeal {
    let mut signed = [&b"twiza commit v1\0"[..], address.as_bytes(), &Sha256::digest(commit)].concat();
    signed.extend(removes.iter().flat_map(|leaf| leaf.to_be_bytes()));
    AuthorSeal { leaf_index, removes: removes.to_vec(), signature: key.sign(&signed).to_bytes() }
}

struct LeafSigner(SigningKey);

impl Signer for LeafSigner {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// A member's state under OpenMLS alone, with a provider that cuts one of the public keys it derives.
pub(crate) struct CheatsGroup {
    mls: MlsGroup,
    signer: LeafSigner,
    provider: CheatsProvider,
}

/// What the cheat sends.
pub(crate) struct CheatsCommit {
    pub(crate) commit: Vec<u8>,
    pub(crate) welcome: Option<Vec<u8>>,
    pub(crate) author: AuthorSeal,
    /// How many key pairs were derived for it.
    pub(crate) derived: usize,
}

impl CheatsGroup {
    /// The group in these entries; the key pair with this number, counted from 0, gets the public key's first octets.
    pub(crate) fn load(entries: &HashMap<Vec<u8>, Vec<u8>>, key: SigningKey, cut: usize, length: usize) -> Self {
        let crypto = CheatsCrypto { derived: AtomicUsize::new(0), cut, length, ..CheatsCrypto::honest() };
        Self::load_with(entries, key, crypto)
    }

    /// The group in these entries; whatever is encrypted to the leaf with this index cannot be decrypted.
    pub(crate) fn load_against(entries: &HashMap<Vec<u8>, Vec<u8>>, key: SigningKey, victim: u32) -> Self {
        let mut cheat = Self::load_with(entries, key, CheatsCrypto::honest());
        let found = cheat.mls.members().find(|member| member.index.u32() == victim).expect("a victim");
        cheat.provider.crypto.failing = Failing::Only(found.encryption_key);
        cheat
    }

    /// The group in these entries; what is encrypted to the leaf with this index can be decrypted, and nothing else.
    pub(crate) fn load_for(entries: &HashMap<Vec<u8>, Vec<u8>>, key: SigningKey, spared: u32) -> Self {
        let mut cheat = Self::load_with(entries, key, CheatsCrypto::honest());
        let found = cheat.mls.members().find(|member| member.index.u32() == spared).expect("somebody spared");
        cheat.provider.crypto.failing = Failing::AllBut(found.encryption_key);
        cheat
    }

    fn load_with(entries: &HashMap<Vec<u8>, Vec<u8>>, key: SigningKey, crypto: CheatsCrypto) -> Self {
        let storage = MemoryStorage::default();
        storage.values.write().expect("a lock").extend(entries.clone());
        let provider = CheatsProvider { crypto, storage };
        let id = GroupId::from_slice(&entries[&b"twiza group id"[..]]);
        let mls = MlsGroup::load(provider.storage(), &id).expect("stored state").expect("a group");
        Self { mls, signer: LeafSigner(key), provider }
    }

    /// A commit that rotates, and adds somebody with a state to match, built by OpenMLS without any of our checks.
    pub(crate) fn commit(
        &mut self,
        add: Option<(KeyPackage, AllianceState)>,
        address: &MailboxAddress,
    ) -> CheatsCommit {
        let mut builder = self.mls.commit_builder().force_self_update(true);
        if let Some((key_package, state)) = add {
            let required = Extension::RequiredCapabilities(openmls::prelude::RequiredCapabilitiesExtension::new(
                &[0xF2A1, 0xF2A2].map(ExtensionType::Unknown),
                &[openmls::prelude::ProposalType::SelfRemove],
                &[openmls::prelude::CredentialType::Basic],
            ));
            let state = UnknownExtension(state.encode().expect("a state"));
            let state = Extension::Unknown(Group::ALLIANCE_EXTENSION_TYPE, state);
            let extensions: Extensions<GroupContext> = Extensions::from_vec(vec![required, state]).expect("extensions");
            builder = builder.propose_adds([key_package]);
            builder = builder.propose_group_context_extensions(extensions).expect("a proposal");
        }
        let bundle = builder
            .load_psks(self.provider.storage())
            .expect("no pre-shared keys")
            .build(self.provider.rand(), self.provider.crypto(), &self.signer, |_| true)
            .expect("a cheat's own client builds what it likes")
            .stage_commit(&self.provider)
            .expect("a staged commit");
        let (commit, welcome, _) = bundle.into_messages();
        let commit = commit.to_bytes().expect("a commit");
        let author = author_seal(&self.signer.0, self.mls.own_leaf_index().u32(), address, &commit);
        let welcome = welcome.map(|welcome| welcome.to_bytes().expect("a Welcome"));
        CheatsCommit { commit, welcome, author, derived: self.provider.crypto.derived.load(Ordering::Relaxed) }
    }
}

struct CheatsProvider {
    crypto: CheatsCrypto,
    storage: MemoryStorage,
}

impl OpenMlsProvider for CheatsProvider {
    type CryptoProvider = CheatsCrypto;
    type RandProvider = RustCrypto;
    type StorageProvider = MemoryStorage;

    fn storage(&self) -> &MemoryStorage {
        &self.storage
    }

    fn crypto(&self) -> &CheatsCrypto {
        &self.crypto
    }

    fn rand(&self) -> &RustCrypto {
        &self.crypto.honest
    }
}

struct CheatsCrypto {
    honest: RustCrypto,
    derived: AtomicUsize,
    cut: usize,
    length: usize,
    failing: Failing,
}

/// Whose ciphertexts cannot be decrypted.
enum Failing {
    Nobody,
    Only(Vec<u8>),
    AllBut(Vec<u8>),
}

impl Failing {
    fn fails(&self, key: &[u8]) -> bool {
        match self {
            Self::Nobody => false,
            Self::Only(victim) => key == victim,
            Self::AllBut(spared) => key != spared,
        }
    }
}

impl CheatsCrypto {
    fn honest() -> Self {
        let (honest, derived) = (RustCrypto::default(), AtomicUsize::new(0));
        Self { honest, derived, cut: usize::MAX, length: 0, failing: Failing::Nobody }
    }
}

/// Passes calls on to the honest provider.
macro_rules! honest {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> $result {
            self.honest.$name($($argument),*)
        })*
    };
}

impl OpenMlsCrypto for CheatsCrypto {
    honest! {
        supports(suite: Ciphersuite) -> Result<(), CryptoError>;
        supported_ciphersuites() -> Vec<Ciphersuite>;
        hkdf_extract(hash: HashType, salt: &[u8], ikm: &[u8]) -> Result<SecretVLBytes, CryptoError>;
        hmac(hash: HashType, key: &[u8], message: &[u8]) -> Result<SecretVLBytes, CryptoError>;
        hkdf_expand(hash: HashType, prk: &[u8], info: &[u8], length: usize) -> Result<SecretVLBytes, CryptoError>;
        hash(hash: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError>;
        aead_encrypt(alg: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError>;
        aead_decrypt(alg: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError>;
        signature_key_gen(alg: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError>;
        verify_signature(alg: SignatureScheme, data: &[u8], key: &[u8], signature: &[u8]) -> Result<(), CryptoError>;
        sign(alg: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptoError>;
        hpke_open(config: HpkeConfig, input: &HpkeCiphertext, key: &[u8], info: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError>;
        hpke_setup_sender_and_export(config: HpkeConfig, key: &[u8], info: &[u8], context: &[u8], length: usize) -> Result<(KemOutput, ExporterSecret), CryptoError>;
        hpke_setup_receiver_and_export(config: HpkeConfig, enc: &[u8], key: &[u8], info: &[u8], context: &[u8], length: usize) -> Result<ExporterSecret, CryptoError>;
    }

    fn hpke_seal(
        &self,
        config: HpkeConfig,
        key: &[u8],
        info: &[u8],
        aad: &[u8],
        text: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        let aad = if self.failing.fails(key) { &b"another context"[..] } else { aad };
        self.honest.hpke_seal(config, key, info, aad, text)
    }

    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Result<HpkeKeyPair, CryptoError> {
        let mut pair = self.honest.derive_hpke_keypair(config, ikm)?;
        if self.derived.fetch_add(1, Ordering::Relaxed) == self.cut {
            pair.public.resize(self.length, 0);
        }
        Ok(pair)
    }
}
