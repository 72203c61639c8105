//! Who this profile is.

use crate::ClientError;
use crate::store::corrupt;
use sqlx::{Row, SqliteConnection};
use twiza_crypto::identity::IdentityKey;
use twiza_crypto::name::Name;
use zeroize::Zeroizing;

/// A profile's identity and the names under which it joins.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) key: IdentityKey,
    pub(crate) name: Name,
    pub(crate) organisation: Name,
}

pub(crate) async fn insert(connection: &mut SqliteConnection, profile: &Profile) -> Result<(), ClientError> {
    sqlx::query("insert into profile (id, identity_seed, name, organisation) values (1, ?, ?, ?)")
        .bind(&profile.key.expose_seed()[..])
        .bind(profile.name.as_str())
        .bind(profile.organisation.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn load(connection: &mut SqliteConnection) -> Result<Profile, ClientError> {
    let row = sqlx::query("select identity_seed, name, organisation from profile").fetch_one(connection).await?;
    let seed = Zeroizing::new(row.get::<Vec<u8>, _>("identity_seed"));
    let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| corrupt("profile", "identity_seed", 1))?;
    Ok(Profile {
        key: IdentityKey::from_seed(seed),
        name: Name::new(row.get("name"))?,
        organisation: Name::new(row.get("organisation"))?,
    })
}
