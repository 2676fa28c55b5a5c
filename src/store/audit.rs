//! The records as an auditor reads them: all intents, whoever's, by their transactions and one after the other.

use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::{Store, StoreError};

/// An intent, as far as it is compared with the ledger.
#[derive(Clone, Debug, FromRow)]
pub struct AuditedIntent {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: String,
    /// The workflow.
    pub workflow_id: String,
    /// What of it.
    pub method: String,
    /// The tag; null until it is first read.
    pub tag: Option<i64>,
    /// Whose funds move.
    pub source: Option<String>,
    /// The normal form.
    pub request: Option<Value>,
    /// Its status.
    pub status: String,
    /// The recorded transaction that decided it.
    pub transaction: Option<Value>,
}

/// An intent, by one of its attempts.
#[derive(Clone, Debug, FromRow)]
pub struct AuditedAttempt {
    /// The inner hash that was asked for.
    pub hash: Vec<u8>,
    /// The attempt's state.
    pub state: String,
    /// Its intent.
    #[sqlx(flatten)]
    pub intent: AuditedIntent,
}

const COLUMNS: &str =
    "i.id, i.tenant, i.workflow_id, i.method, i.tag, i.source, i.request, i.status, i.transaction";

impl Store {
    /// The intents whose attempts have these inner hashes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audited_attempts(
        &self,
        hashes: &[Vec<u8>],
    ) -> Result<Vec<AuditedAttempt>, StoreError> {
        let sql = format!(
            "select a.hash, a.state, {COLUMNS} from submitter.attempts a
             join submitter.intents i on i.id = a.intent_id where a.hash = any ($1)"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(hashes);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// A page of all intents after one, by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audited_intents(
        &self,
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<AuditedIntent>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from submitter.intents i where i.id > $1 order by i.id limit $2"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(after)
            .bind(limit);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Whether everything of ours on the chain is explained by the records.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_explained(&self) -> Result<bool, StoreError> {
        let (explained,): (bool,) = sqlx::query_as("select submitter.is_explained()")
            .fetch_one(&self.pool)
            .await?;
        Ok(explained)
    }

    /// The envelope of a landing that was found on the chain and no attempt explains, by its inner hash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn landing_envelope(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<(Vec<u8>,)> =
            sqlx::query_as("select envelope from submitter.landings where hash = $1")
                .bind(hash.to_vec())
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(envelope,)| envelope))
    }

    /// Which of these hashes are on record as landed without an attempt that explains them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn known_landings(&self, hashes: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, StoreError> {
        let rows: Vec<(Vec<u8>,)> =
            sqlx::query_as("select hash from submitter.landings where hash = any ($1)")
                .bind(hashes)
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().map(|(hash,)| hash).collect())
    }
}
