//! Taking intents up: intents and idle channels are paired, built, signed and put on record in one transaction, so a
//! crash leaves either nothing or an attempt that is committed.

use serde_json::Value;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

use super::accept::Lane;
use super::bounded::within;
use super::landings::Landing;
use super::{Store, StoreError, bytes32, to_timestamp};
use crate::domain::attempt::Attempt;
use crate::domain::primitives::{AccountId, ChainTime, Sequence, TxHash};

/// An intent that is taken up, with the channel that it gets.
#[derive(Clone, Debug, FromRow)]
pub struct Claimed {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: String,
    /// Its normal form.
    pub request: Value,
    /// How many attempts it had.
    pub attempt_count: i32,
    /// How often it was parked.
    pub parked_times: i32,
    /// The channel; empty for a presigned transaction, which brings its own.
    pub channel: String,
    /// The channel's newest consumed sequence number.
    pub sequence: i64,
    /// Transactions with this intent's tag that landed without the records knowing.
    #[sqlx(json)]
    pub landings: Vec<Landing>,
    /// Of a presigned transaction: whether its account is a channel of ours, whose numbers nobody else may use.
    pub on_our_channel: bool,
}

/// What was claimed, in an open transaction that holds the rows.
pub struct Claim {
    tx: sqlx::Transaction<'static, sqlx::Postgres>,
    worker: Uuid,
    /// The pairs.
    pub claimed: Vec<Claimed>,
    /// Channels that were idle, as far as they were counted: up to the limit. Of presigned transactions: none needed.
    pub idle: i64,
}

/// Work that is rarely there, so that nobody looks for it in vain; who shares it, and on what.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct RareWork {
    /// Intents that were enqueued in SQL and not yet read.
    pub unread: bool,
    /// Intents of the submitter's own.
    pub system: bool,
    /// Transactions that somebody else signed.
    pub presigned: bool,
    /// Intents about contracts, which are simulated before they are taken up.
    pub contracts: bool,
    /// Waiting intents whose time is over.
    pub expired: bool,
    /// Parked intents whose time has come.
    pub resumable: bool,
    /// Waiting intents that were canceled.
    pub unwanted: bool,
    /// Whether user intents have channels of their own.
    pub has_channels: bool,
    /// Workers whose lease is good.
    pub workers: i64,
}

/// An attempt to be put on record.
pub struct NewAttempt {
    /// Whose.
    pub intent_id: Uuid,
    /// The attempt.
    pub attempt: Attempt,
    /// The plain envelope, XDR.
    pub envelope: Vec<u8>,
}

impl Store {
    /// Pairs due intents of a lane with idle channels of a kind, at most `limit`, and holds them. Channels are counted first, so
    /// that neither more intents than channels are held nor the other way round.
    ///
    /// `now` is the chain's time: what is over by it is left alone. What is due is decided by the later of it and the
    /// database's clock, which only schedules: a transaction that comes early is refused and sent again.
    /// Of one ordering key only the oldest that is not final is taken, and only while none is in flight: one whose
    /// acceptance was committed late may be older than one that was taken before.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or another [`StoreError`].
    pub async fn claim(
        &self,
        worker: Uuid,
        lane: Lane,
        channel_kind: &str,
        now: ChainTime,
        limit: i64,
    ) -> Result<Claim, StoreError> {
        self.claim_some(worker, lane, channel_kind, now, limit, None)
            .await
    }

    /// The same of some contract intents, or (with `None`) of all that are none: those are simulated first.
    pub(super) async fn claim_some(
        &self,
        worker: Uuid,
        lane: Lane,
        channel_kind: &str,
        now: ChainTime,
        limit: i64,
        contracts: Option<&[Uuid]>,
    ) -> Result<Claim, StoreError> {
        let mut tx = self.pool.begin().await?;
        within(self.hold_lease(&mut tx, worker)).await?;
        let wanted = if contracts.is_some() {
            "i.contract and i.id = any ($5)"
        } else {
            "not i.contract"
        };
        let sql = format!(
            "with room as (
               select count(*) as n from (
                 select from submitter.channels where kind = $1 and state = 'open' and busy_with is null limit $2) c),
             due as (
               select i.id, i.due_at, i.seq from submitter.intents i
               where i.status = 'queued' and i.due_at <= greatest($3, now()) and i.lane = $4
                 and i.request is not null and not i.presigned and {wanted}
                 -- What has landed unknown to the records is taken up to be ended by that, whatever else is the matter.
                 and ((not i.cancel_requested and coalesce(i.valid_until >= $3, true))
                   or exists (select from submitter.landings l where l.tag = i.tag and l.successful))
                 and (i.ordering_key is null or not exists (
                   select from submitter.intents e where e.tenant = i.tenant and e.ordering_key = i.ordering_key
                     and e.finished_at is null and (e.seq < i.seq or e.owner is not null)))
               order by i.due_at, i.seq limit (select n from room)
               for update of i skip locked),
             idle as (
               select account, sequence from submitter.channels
               where kind = $1 and state = 'open' and busy_with is null
               limit (select count(*) from due) for update skip locked)
             select room.n as idle, claimed.* from room left join (
               select i.id, i.tenant, i.request, i.attempt_count, i.parked_times, pair.channel, pair.sequence,
                      case when (select exists (select from submitter.landings))
                        then submitter.unknown_landings(i.tag) else '[]' end as landings,
                      false as on_our_channel
               -- Side by side, not joined: without statistics a join of the two would compare each with each.
               from unnest((select array_agg(id order by due_at, seq) from due),
                           (select array_agg(account order by account) from idle),
                           (select array_agg(sequence order by account) from idle)) as pair (id, channel, sequence)
               join submitter.intents i on i.id = pair.id
               where pair.channel is not null) claimed on true",
        );
        let due = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(channel_kind)
            .bind(limit)
            .bind(to_timestamp(now))
            .bind(lane.as_str());
        let due = match contracts {
            Some(ids) => due.bind(ids),
            None => due,
        };
        let rows = within(due.fetch_all(&mut *tx)).await?;
        let mut idle = 0;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            idle = row.try_get("idle")?;
            if row.try_get::<Option<Uuid>, _>("id")?.is_some() {
                claimed.push(Claimed::from_row(&row)?);
            }
        }
        Ok(Claim {
            tx,
            worker,
            claimed,
            idle,
        })
    }

    /// Whether there is work that is rarely there, and how many share it. `now` is the chain's time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rare_work(&self, now: ChainTime) -> Result<RareWork, StoreError> {
        let rare = sqlx::query_as(
            "select exists (select from submitter.intents where request is null and finished_at is null) as unread,
                    exists (select from submitter.intents where lane = 'system' and finished_at is null) as system,
                    exists (select from submitter.intents where presigned and finished_at is null) as presigned,
                    exists (select from submitter.intents where contract and finished_at is null and status = 'queued') as contracts,
                    exists (select from submitter.intents
                      where status in ('queued', 'parked') and owner is null and valid_until < $1
                        and not (contract and attempt_count > 0)) as expired,
                    exists (select from submitter.intents
                      where status = 'parked' and owner is null and due_at <= now()) as resumable,
                    exists (select from submitter.intents
                      where cancel_requested and owner is null and finished_at is null
                        and not (contract and attempt_count > 0)) as unwanted,
                    exists (select from submitter.channels where kind = 'channel' and state = 'open') as has_channels,
                    (select count(*) from submitter.workers where lease_until > now()) as workers",
        )
        .bind(to_timestamp(now));
        Ok(rare.fetch_one(&self.pool).await?)
    }

    /// Takes up presigned transactions whose account has none in flight, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or another [`StoreError`].
    pub async fn claim_presigned(
        &self,
        worker: Uuid,
        now: ChainTime,
        limit: i64,
    ) -> Result<Claim, StoreError> {
        let mut tx = self.pool.begin().await?;
        within(self.hold_lease(&mut tx, worker)).await?;
        let due = sqlx::query_as(
            "select i.id, i.tenant, i.request, i.attempt_count, i.parked_times, '' as channel, 0::bigint as sequence,
                    submitter.unknown_landings(i.tag) as landings,
                    exists (select from submitter.channels c where c.account = i.source) as on_our_channel
             from submitter.intents i
             where i.status = 'queued' and i.presigned and i.due_at <= greatest($1, now()) and i.request is not null
               and ((not i.cancel_requested and coalesce(i.valid_until >= $1, true))
                 or exists (select from submitter.landings l where l.tag = i.tag and l.successful))
               and not exists (select from submitter.attempts a where a.channel = i.source and a.ended_at is null)
               and not exists (
                 select from submitter.intents e where e.presigned and e.status = 'queued' and e.source = i.source and e.seq < i.seq)
               and (i.ordering_key is null or not exists (
                 select from submitter.intents e where e.tenant = i.tenant and e.ordering_key = i.ordering_key
                   and e.finished_at is null and (e.seq < i.seq or e.owner is not null)))
             order by i.due_at, i.seq limit $2 for update of i skip locked",
        )
        .bind(to_timestamp(now))
        .bind(limit);
        let claimed = within(due.fetch_all(&mut *tx)).await?;
        Ok(Claim {
            tx,
            worker,
            claimed,
            idle: limit,
        })
    }
}

impl Store {
    /// The lease must be good when the claim begins. The lock keeps the worker's row, but not its renewal: claims that overlap
    /// would else hold that up until the lease has ended. Should it end meanwhile, what is claimed is taken over like anything
    /// else of that worker. And nothing is signed by records that have moved, not even once another daemon has noticed and
    /// waits for what they may lack.
    async fn hold_lease(
        &self,
        tx: &mut sqlx::Transaction<'static, sqlx::Postgres>,
        worker: Uuid,
    ) -> Result<(), StoreError> {
        let position = self.pool.position();
        let before = position.farthest();
        let lease: Option<(bool, i64)> = sqlx::query_as(
            "select submitter.is_explained(), submitter.log_position() from submitter.workers
             where id = $1 and lease_until > now() for key share of workers",
        )
        .bind(worker)
        .fetch_optional(&mut **tx)
        .await?;
        if let Some((_, now)) = lease {
            position.note(before, now);
        }
        if self.note_fallen_log().await? {
            return Err(StoreError::Moved);
        }
        match lease {
            Some((true, _)) => Ok(()),
            Some((false, _)) => Err(StoreError::Moved),
            None => Err(StoreError::LeaseLost(worker)),
        }
    }
}

impl Claim {
    /// The transaction on record that has this inner hash, or else one that has used this sequence number or still may.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user_of(
        &mut self,
        hash: TxHash,
        channel: AccountId,
        sequence: Sequence,
    ) -> Result<Option<TxHash>, StoreError> {
        let user = sqlx::query_as(
            "select hash from submitter.attempts
             where hash = $1 or (channel = $2 and sequence = $3 and death_proof is null)
             order by hash <> $1 limit 1",
        )
        .bind(hash.0.to_vec())
        .bind(channel.to_string())
        .bind(sequence.0);
        let user: Option<(Vec<u8>,)> = within(user.fetch_optional(&mut *self.tx)).await?;
        user.map(|(hash,)| bytes32("attempts", &hash).map(TxHash))
            .transpose()
    }

    /// Puts the attempts on record and ends the claim. Claimed intents without an attempt stay queued.
    ///
    /// # Errors
    /// [`StoreError`]: whether they were recorded is not known, but nothing was sent yet.
    pub async fn commit(mut self, attempts: &[NewAttempt]) -> Result<(), StoreError> {
        if attempts.is_empty() {
            within(self.tx.rollback()).await?;
            return Ok(());
        }
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let column = |pick: &dyn Fn(&Attempt) -> i64| {
            attempts
                .iter()
                .map(|new| pick(&new.attempt))
                .collect::<Vec<i64>>()
        };
        let chain_time = |at: ChainTime| i64::try_from(at.0).unwrap_or(i64::MAX);
        let recorded = sqlx::query(
            "with rows as (
               select * from unnest($2::uuid[], $3::int[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
                 $9::bigint[], $10::int[], $11::bigint[], $12::bool[], $13::bool[], $14::bytea[], $15::bytea[], $16::bigint[],
                 $17::jsonb[])
               as t (intent_id, number, channel, sequence, min_time, max_time, max_ledger, base_fee, operations, plain_fee,
                     sponsored, presigned, hash, envelope, signed_at_ledger, soroban)),
             taken as (
               update submitter.intents i set status = 'in_flight', owner = $1, attempt_count = r.number, updated_at = now(),
                 reason = null
               -- Held since it was claimed. Not an equation, which would offer the index of all that is queued.
               from rows r where i.id = r.intent_id and i.status || '' = 'queued' returning i.id, i.tenant, r.number, r.hash),
             used as (
               update submitter.channels c set busy_with = r.intent_id, updated_at = now()
               from rows r where c.account = r.channel),
             noted as (
               insert into submitter.events (tenant, intent_id, kind, data)
               select tenant, id, 'attempt.signed', jsonb_build_object('attempt', number, 'hash', encode(hash, 'hex')) from taken)
             insert into submitter.attempts
               (intent_id, number, channel, sequence, min_time, max_time, max_ledger, base_fee, operations, plain_fee,
                sponsored, presigned, hash, envelope, signed_at_ledger, soroban)
             select r.* from rows r",
        )
        .bind(self.worker)
        .bind(attempts.iter().map(|new| new.intent_id).collect::<Vec<_>>())
        .bind(attempts.iter().map(|new| number(new.attempt.number)).collect::<Vec<_>>())
        .bind(attempts.iter().map(|new| new.attempt.plan.channel.to_string()).collect::<Vec<_>>())
        .bind(column(&|a| a.plan.sequence.0))
        .bind(column(&|a| chain_time(a.plan.min_time)))
        .bind(column(&|a| chain_time(a.plan.max_time)))
        .bind(column(&|a| i64::from(a.plan.max_ledger.0)))
        .bind(column(&|a| a.plan.base_fee.get()))
        .bind(attempts.iter().map(|new| number(new.attempt.operations)).collect::<Vec<_>>())
        .bind(column(&|a| a.plain_fee.get()))
        .bind(attempts.iter().map(|new| new.attempt.sponsored).collect::<Vec<_>>())
        .bind(attempts.iter().map(|new| new.attempt.presigned).collect::<Vec<_>>())
        .bind(attempts.iter().map(|new| new.attempt.inner_hash.0.to_vec()).collect::<Vec<_>>())
        .bind(attempts.iter().map(|new| new.envelope.clone()).collect::<Vec<_>>())
        .bind(column(&|a| i64::from(a.signed_at.0)))
        .bind(attempts.iter().map(|new| new.attempt.plan.soroban_json()).collect::<Vec<_>>());
        within(recorded.execute(&mut *self.tx)).await?;
        within(self.tx.commit()).await?;
        Ok(())
    }
}
