//! Accounts that supply sequence numbers.

use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, parsed};
use crate::domain::primitives::{AccountId, Sequence};

/// A channel as it is on record.
#[derive(Clone, Debug, FromRow)]
pub struct ChannelRow {
    /// Its account.
    pub account: String,
    /// `source` or `channel`.
    pub kind: String,
    /// `index` of m/44'/148'/index'.
    pub sep5_index: Option<i32>,
    /// The newest sequence number that is known to be consumed.
    pub sequence: i64,
    /// The newest one up to which the chain was compared with the records, in use or not.
    pub explained_sequence: i64,
    /// `open`, `paused` or `lost`.
    pub state: String,
    /// Why it is not open.
    pub reason: Option<String>,
    /// The intent whose open attempt uses it.
    pub busy_with: Option<Uuid>,
    /// Last changed.
    pub updated_at: OffsetDateTime,
}

impl ChannelRow {
    /// Its account, typed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn account_id(&self) -> Result<AccountId, StoreError> {
        parsed("channels", &self.account)
    }
}

impl Store {
    /// Every channel, the source accounts first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn channels(&self) -> Result<Vec<ChannelRow>, StoreError> {
        let rows = sqlx::query_as(
            "select account, kind, sep5_index, sequence, explained_sequence, state, reason, busy_with, updated_at
             from submitter.channels order by kind desc, sep5_index, account",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Puts an account on record as a channel, unless it is, or its index is another's (another seed made that one); its
    /// sequence number is as seen on the chain.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_channel(
        &self,
        account: AccountId,
        sep5_index: Option<i32>,
        sequence: Sequence,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into submitter.channels (account, kind, sep5_index, sequence)
             values ($1, case when $2::int is null then 'source' else 'channel' end, $2, $3)
             on conflict do nothing",
        )
        .bind(account.to_string())
        .bind(sep5_index)
        .bind(sequence.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes that everything up to this number, which the chain has, is on record; an idle channel goes on behind it. Neither ever
    /// falls.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raise_sequence(
        &self,
        account: AccountId,
        sequence: Sequence,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update submitter.channels set explained_sequence = greatest(explained_sequence, $2),
                 sequence = case when busy_with is null then greatest(sequence, $2) else sequence end, updated_at = now()
             where account = $1 and (explained_sequence < $2 or (sequence < $2 and busy_with is null))",
        )
        .bind(account.to_string())
        .bind(sequence.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Stops the use of a channel, or (without a reason) allows it again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pause_channel(
        &self,
        account: AccountId,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update submitter.channels set state = case when $2::text is null then 'open' else 'paused' end,
               reason = $2, updated_at = now()
             where account = $1 and state <> 'lost' and reason is distinct from $2",
        )
        .bind(account.to_string())
        .bind(reason)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
