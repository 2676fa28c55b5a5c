//! API keys: only their hashes are kept.

use sha2::{Digest, Sha256};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError};

/// Characters of a key that are kept so that people can tell keys apart.
const HINT_CHARACTERS: usize = 6;

/// A key on record.
#[derive(Clone, Debug, FromRow)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: String,
    /// What for.
    pub name: String,
    /// Its first characters.
    pub hint: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// Made.
    pub created_at: OffsetDateTime,
    /// Of no use since.
    pub revoked_at: Option<OffsetDateTime>,
}

fn hash(key: &str) -> Vec<u8> {
    Sha256::digest(key.as_bytes()).to_vec()
}

impl Store {
    /// Who a key belongs to, and what it allows; `None` for one that is unknown or revoked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn api_key(&self, key: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        let row = sqlx::query_as(
            "select id, tenant, name, hint, scopes, created_at, revoked_at from submitter.api_keys
             where hash = $1 and revoked_at is null",
        )
        .bind(hash(key));
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// Puts a key on record; one that is there already stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_api_key(
        &self,
        id: Uuid,
        tenant: &str,
        name: &str,
        key: &str,
        scopes: &[&str],
    ) -> Result<(), StoreError> {
        let hint: String = key.chars().take(HINT_CHARACTERS).collect();
        sqlx::query(
            "insert into submitter.api_keys (id, tenant, name, hash, hint, scopes) values ($1, $2, $3, $4, $5, $6)
             on conflict (hash) do nothing",
        )
        .bind(id)
        .bind(tenant)
        .bind(name)
        .bind(hash(key))
        .bind(hint)
        .bind(scopes)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Every key, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        let rows = sqlx::query_as(
            "select id, tenant, name, hint, scopes, created_at, revoked_at from submitter.api_keys order by id desc",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Ends a key; `false` where there is none that is in use.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_api_key(&self, id: Uuid) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "update submitter.api_keys set revoked_at = now() where id = $1 and revoked_at is null",
        )
        .bind(id)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
