//! Leases: which worker drives what. They run on the database's clock, and are renewed once for a whole worker.

use uuid::Uuid;

use super::{Store, StoreError};

impl Store {
    /// Begins a life of a worker.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_lease(
        &self,
        worker: Uuid,
        name: &str,
        seconds: f64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into submitter.workers (id, name, lease_until) values ($1, $2, now() + make_interval(secs => $3))",
        )
        .bind(worker)
        .bind(name)
        .bind(seconds)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Renews a lease that has not ended.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] where it has: then somebody else may have the work.
    pub async fn renew_lease(&self, worker: Uuid, seconds: f64) -> Result<(), StoreError> {
        let done = sqlx::query(
            "update submitter.workers set lease_until = now() + make_interval(secs => $2)
             where id = $1 and lease_until > now()",
        )
        .bind(worker)
        .bind(seconds)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 1 {
            Ok(())
        } else {
            Err(StoreError::LeaseLost(worker))
        }
    }

    /// Ends a lease at once, so that others need not wait for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_lease(&self, worker: Uuid) -> Result<(), StoreError> {
        sqlx::query("update submitter.workers set lease_until = now() where id = $1 and lease_until > now()")
            .bind(worker)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Takes over intents whose worker's lease has ended, at most `limit`; returns their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_over(&self, worker: Uuid, limit: i64) -> Result<Vec<Uuid>, StoreError> {
        let rows: Vec<(Uuid,)> = sqlx::query_as(
            "with me as (select id from submitter.workers where id = $1 and lease_until > now() for key share),
             orphans as (
               select i.id from submitter.intents i
               where i.owner is not null and i.owner <> $1
                 and not exists (select from submitter.workers w where w.id = i.owner and w.lease_until > now())
               limit $2 for update skip locked)
             update submitter.intents i set owner = me.id, updated_at = now()
             from orphans o, me where i.id = o.id returning i.id",
        )
        .bind(worker)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Forgets workers whose lease ended long ago and who own nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_workers(&self) -> Result<(), StoreError> {
        sqlx::query(
            "delete from submitter.workers w where lease_until < now() - interval '1 hour'
             and not exists (select from submitter.intents i where i.owner = w.id)",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
