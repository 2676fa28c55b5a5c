-- The submitter's records. Each invariant that the engine relies on stands here as a constraint as well.

-- Which chain these records are about. One row; a ledger that we have seen proves that it is still that chain.
create table submitter.network (
    one           boolean primary key default true check (one),
    passphrase    text not null,
    anchor_ledger bigint,
    anchor_hash   bytea check (length(anchor_hash) = 32),
    anchor_closed_at timestamptz,
    -- How far the source account's history was read: everything of ours before it is in landings.
    history_cursor bigint not null default 0,
    -- Nothing is signed before this ledger: envelopes of an earlier life of ours may still land.
    quarantine_until bigint,
    -- Where these records were last at home: see database_identity.
    database      text not null,
    -- Whether everything of ours on the chain is explained by them. Until then nothing is signed, and nothing is ended as
    -- if it had never landed.
    explained     boolean not null default false,
    updated_at    timestamptz not null default now(),
    check ((anchor_ledger is null) = (anchor_hash is null))
);

-- Tells this database from the one that its records may have been copied from: a restored backup, a replica that took
-- over. Records that wake up elsewhere may lack the last of what they knew.
create function submitter.database_identity() returns text language plpgsql stable as $$
begin
    return (select system_identifier from pg_control_system())
        || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
        || '/' || (select oid from pg_database where datname = current_database());
exception when insufficient_privilege then
    -- Where a host keeps these to itself, a copy on the same server still has a number of its own.
    return (select oid from pg_database where datname = current_database())::text;
end $$;

create function submitter.is_explained() returns boolean language sql stable as $$
    select coalesce((select explained and quarantine_until is null and database = submitter.database_identity()
                     from submitter.network), false)
$$;

-- Daemons. A row is one life of one process: a lease that ended is never renewed, the process starts as another.
create table submitter.workers (
    id          uuid primary key,
    name        text not null,
    started_at  timestamptz not null default now(),
    lease_until timestamptz not null
);

create table submitter.intents (
    id              uuid primary key,
    -- The order of acceptance.
    seq             bigint generated always as identity,
    -- Compared byte for byte: they are looked up, never sorted for people, and that costs less.
    tenant          text collate "C" not null check (char_length(tenant) between 1 and 255),
    workflow_id     text collate "C" not null check (char_length(workflow_id) between 1 and 255),
    method          text collate "C" not null check (char_length(method) between 1 and 255),
    -- 63 bits out of the key: what the transaction carries.
    tag             bigint check (tag > 0),
    -- 'system' for the submitter's own work (making channels): it uses the source account as its channel.
    lane            text not null default 'user' check (lane in ('user', 'system')),
    source          text,
    -- The normal form. Null until the daemon has read an intent that was enqueued in SQL.
    request         jsonb,
    -- What was enqueued in SQL, as it came.
    enqueued        jsonb,
    presigned       boolean not null default false,
    destinations    text[] not null default '{}',
    ordering_key    text,
    valid_until     timestamptz,
    status          text not null default 'queued'
        check (status in ('queued', 'in_flight', 'parked', 'succeeded', 'failed', 'expired', 'canceled')),
    -- When it may next be taken up; null for a parked one that waits for a person.
    due_at          timestamptz default now(),
    -- The worker whose lease covers its open attempt.
    owner           uuid,
    cancel_requested boolean not null default false,
    attempt_count   integer not null default 0 check (attempt_count >= 0),
    parked_times    integer not null default 0 check (parked_times >= 0),
    reason          jsonb,
    -- The recorded transaction that decided it.
    transaction     jsonb,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    finished_at     timestamptz,
    -- For ever: a workflow pays once.
    unique (tenant, workflow_id, method),
    check (request is not null or enqueued is not null),
    check ((finished_at is not null) = (status in ('succeeded', 'failed', 'expired', 'canceled'))),
    check (status <> 'succeeded' or transaction is not null),
    check (status not in ('failed', 'parked') or reason is not null),
    -- In flight means: somebody drives it. Only an unexplained sequence number is parked with its attempt open.
    check (status <> 'in_flight' or owner is not null),
    check (owner is null or status in ('in_flight', 'parked')),
    check (status <> 'queued' or due_at is not null)
);

-- What can be taken up, the longest due first. Small however many intents are finished.
create index intents_due on submitter.intents (due_at, seq) where status = 'queued';
-- What is rarely there, asked for in each round: by conditions that the index of all that is queued does not answer.
create index intents_unread on submitter.intents (seq) where request is null and finished_at is null;
create index intents_open_system on submitter.intents (seq) where lane = 'system' and finished_at is null;
create index intents_open_presigned on submitter.intents (seq) where presigned and finished_at is null;
create index intents_parked on submitter.intents (due_at) where status = 'parked' and owner is null;
create index intents_owned on submitter.intents (owner) where owner is not null;
-- Canceled, but not ended yet: it may have landed.
create index intents_unwanted on submitter.intents (owner) where cancel_requested and finished_at is null;
create index intents_expiring on submitter.intents (valid_until)
    where status in ('queued', 'parked') and valid_until is not null;
create index intents_ordered on submitter.intents (tenant, ordering_key, seq)
    where ordering_key is not null and finished_at is null;
create index intents_listed on submitter.intents (tenant, id);

create function submitter.refuse_change_of_final_intent() returns trigger language plpgsql as $$
begin
    raise exception 'intent % is final (%): it never changes again', old.id, old.status
        using errcode = 'integrity_constraint_violation';
end $$;

create trigger intents_final before update on submitter.intents
    for each row when (old.finished_at is not null)
    execute function submitter.refuse_change_of_final_intent();

-- Successful transactions of ours that the records did not know: sent by a submitter whose records were lost.
-- The intent whose tag it is, and that rebuilds to its hash, is done; it is never paid again.
create table submitter.landings (
    hash      bytea primary key check (length(hash) = 32),
    tag       bigint not null check (tag > 0),
    ledger    bigint not null,
    landed    jsonb not null,
    envelope  bytea not null,
    seen_at   timestamptz not null default now()
);
create index landings_tag on submitter.landings (tag);

-- Accounts that supply sequence numbers.
create table submitter.channels (
    account    text primary key,
    kind       text not null check (kind in ('source', 'channel')),
    -- m/44'/148'/index' of the channel seed.
    sep5_index integer check (sep5_index >= 0),
    -- The newest sequence number that is known to be consumed.
    sequence   bigint not null check (sequence >= 0),
    state      text not null default 'open' check (state in ('open', 'paused', 'lost')),
    reason     text,
    -- The intent whose open attempt uses it.
    busy_with  uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((kind = 'channel') = (sep5_index is not null)),
    check (state = 'open' or reason is not null)
);
create unique index channels_sep5 on submitter.channels (sep5_index) where sep5_index is not null;
-- Each transaction changes its channel twice. Room in each page, and no index on what changes, keep the row in its place:
-- reading all of a few thousand channels costs less than an index of the idle ones that grows with each change.
alter table submitter.channels set (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- Inner transactions. Committed before the first send; never changed but in how they end.
create table submitter.attempts (
    intent_id    uuid not null references submitter.intents (id),
    number       integer not null check (number >= 1),
    channel      text not null,
    sequence     bigint not null check (sequence > 0),
    min_time     bigint not null check (min_time >= 0),
    -- 0: no bound, as in XDR. Only a presigned transaction may lack one of the two.
    max_time     bigint not null check (max_time >= 0),
    max_ledger   bigint not null check (max_ledger >= 0),
    base_fee     bigint not null check (base_fee > 0),
    operations   integer not null check (operations between 1 and 100),
    plain_fee    bigint not null check (plain_fee > 0),
    sponsored    boolean not null,
    presigned    boolean not null,
    hash         bytea not null check (length(hash) = 32),
    envelope     bytea not null,
    -- The newest ledger when it was signed.
    signed_at_ledger bigint not null,
    state        text not null default 'signed'
        check (state in ('signed', 'submitted', 'landed', 'landed_failed', 'dead')),
    landed       jsonb,
    death_proof  jsonb,
    created_at   timestamptz not null default now(),
    ended_at     timestamptz,
    primary key (intent_id, number),
    check (max_time > 0 or max_ledger > 0),
    check ((ended_at is not null) = (state in ('landed', 'landed_failed', 'dead'))),
    check ((state in ('landed', 'landed_failed')) = (landed is not null)),
    check ((state = 'dead') = (death_proof is not null))
);
create unique index attempts_hash on submitter.attempts (hash);
-- The rule: no second attempt while one may still land.
create unique index attempts_one_open_per_intent on submitter.attempts (intent_id) where ended_at is null;
-- One transaction of an account at a time, as core's queue has it.
create unique index attempts_one_open_per_channel on submitter.attempts (channel) where ended_at is null;
-- A sequence number belongs to one attempt, unless that one is proven dead.
create unique index attempts_one_live_per_sequence on submitter.attempts (channel, sequence)
    where death_proof is null;

create table submitter.fee_bumps (
    intent_id  uuid not null,
    number     integer not null,
    ordinal    integer not null check (ordinal >= 1),
    hash       bytea not null check (length(hash) = 32),
    fee        bigint not null check (fee > 0),
    envelope   bytea not null,
    created_at timestamptz not null default now(),
    primary key (intent_id, number, ordinal),
    foreign key (intent_id, number) references submitter.attempts (intent_id, number)
);
create unique index fee_bumps_hash on submitter.fee_bumps (hash);

-- Submissions and events grow with every payment and are never changed. They are kept in a partition a month (UTC): what is
-- written stays small and in memory, and what is old goes at once, as a file (docs/adr/0009-partitions.md).
-- Neither has a primary key: nobody looks for one row by its number, and an index costs every insert. The numbers come out
-- of sequences, since the columns of partitions cannot be identities. Those must not be cached: a session would go on with
-- numbers smaller than those of others, and readers go on after the greatest that they saw.

-- POSTs and their answers, for people: nothing is decided by them after a restart.
create sequence submitter.submissions_id_seq;
create table submitter.submissions (
    id         bigint not null default nextval('submitter.submissions_id_seq'),
    intent_id  uuid not null,
    number     integer not null,
    hash       bytea not null,
    -- When the answer came, or was given up on.
    answered_at timestamptz not null default clock_timestamp(),
    answer     jsonb not null
) partition by range (answered_at);
alter sequence submitter.submissions_id_seq owned by submitter.submissions.id;
create index submissions_of_attempt on submitter.submissions (intent_id, number);
create table submitter.submissions_default partition of submitter.submissions default;

create sequence submitter.events_id_seq;
create table submitter.events (
    id        bigint not null default nextval('submitter.events_id_seq'),
    -- Of the insert, not of the beginning of its transaction, which may have been long before: so events are kept
    -- for as long as they were there, and in the month in which they came.
    at        timestamptz not null default clock_timestamp(),
    tenant    text not null,
    intent_id uuid not null,
    kind      text not null,
    data      jsonb not null
) partition by range (at);
alter sequence submitter.events_id_seq owned by submitter.events.id;
create index events_of_intent on submitter.events (intent_id, id);
create index events_of_tenant on submitter.events (tenant, id);
-- Where no partition was made in time, an insert does not fail.
create table submitter.events_default partition of submitter.events default;

-- The partitions, for people and for what keeps them; the default ones have no bounds.
create view submitter.partitions as
select parent.relname::text as parent, child.relname::text as name,
    substring(bound from 'FROM \(''([^'']+)''\)')::timestamptz as starts_at,
    substring(bound from 'TO \(''([^'']+)''\)')::timestamptz as ends_at,
    -- Null for one that is dropped just now.
    coalesce(pg_total_relation_size(child.oid), 0) as bytes
from pg_class parent
join pg_inherits i on i.inhparent = parent.oid
join pg_class child on child.oid = i.inhrelid
cross join lateral pg_get_expr(child.relpartbound, child.oid) bound
where parent.relnamespace = 'submitter'::regnamespace and parent.relkind = 'p';

-- Makes the partition of the month that has p_at, unless there is one, and says whether it did. Rows of that month that
-- came before it move into it. It waits for readers and others wait behind it: set a lock_timeout.
create function submitter.make_partition(p_parent text, p_at timestamptz) returns boolean language plpgsql as $$
declare
    v_first timestamp := date_trunc('month', p_at at time zone 'utc');
    v_from timestamptz := v_first at time zone 'utc';
    v_to timestamptz := (v_first + interval '1 month') at time zone 'utc';
    v_name text := p_parent || '_' || to_char(v_first, 'YYYYMM');
    v_time text := (select a.attname from pg_partitioned_table p
                    join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
                    where p.partrelid = format('submitter.%I', p_parent)::regclass);
    v_early boolean;
begin
    -- One maker at a time; readers and writers go on.
    execute format('lock table submitter.%I in share update exclusive mode', p_parent);
    if exists (select from submitter.partitions p
               where p.parent = p_parent and p.starts_at < v_to and p.ends_at > v_from) then
        return false;
    end if;
    execute format('select exists (select from submitter.%I where %I >= $1 and %I < $2)', p_parent || '_default', v_time, v_time)
        into v_early using v_from, v_to;
    if v_early or v_from <= now() + interval '1 hour' then
        -- Rows of this month may be on their way into the default partition, and would be refused there; and nobody may
        -- look for rows in either partition while they move. A month that is made ahead needs none of this.
        execute format('lock table submitter.%I in access exclusive mode', p_parent);
    end if;
    -- Rows are only added, so vacuum has no dead ones to wait for. It goes over what is new in portions of one size, and
    -- freezes it at once: else a month that is over would be left half frozen, and all months be read again together when
    -- the numbers of transactions run out. Pages are filled wholly (fillfactor 100, the default): no row is ever updated.
    execute format('create table submitter.%I (like submitter.%I) with (autovacuum_vacuum_insert_scale_factor = 0,
        autovacuum_vacuum_insert_threshold = 200000, autovacuum_freeze_min_age = 0)', v_name, p_parent);
    if v_early then
        execute format('with early as (delete from submitter.%I where %I >= $1 and %I < $2 returning *)
            insert into submitter.%I select * from early', p_parent || '_default', v_time, v_time, v_name)
            using v_from, v_to;
    end if;
    execute format('alter table submitter.%I attach partition submitter.%I for values from (%L) to (%L)',
        p_parent, v_name, v_from, v_to);
    return true;
end $$;

-- Drops a partition whose time was over at p_before, and says whether there was one. Set a lock_timeout, as above.
create function submitter.drop_partition(p_name text, p_before timestamptz) returns boolean language plpgsql as $$
declare
    v_parent text := (select p.parent from submitter.partitions p where p.name = p_name);
begin
    if v_parent is null then
        return false;
    end if;
    -- What dropping takes as well, but taken first: of several that want to drop it, one finds it.
    execute format('lock table submitter.%I in access exclusive mode', v_parent);
    if not exists (select from submitter.partitions p where p.name = p_name and p.ends_at <= p_before) then
        return false;
    end if;
    -- Whoever uses it alone, such as vacuum, is not waited for: meanwhile nobody could use the others.
    execute format('lock table submitter.%I in access exclusive mode nowait', p_name);
    execute format('drop table submitter.%I', p_name);
    return true;
end $$;

-- This month and those that may pass without a daemon.
select submitter.make_partition(parent,
    (date_trunc('month', now() at time zone 'utc') + months * interval '1 month') at time zone 'utc')
from unnest(array['events', 'submissions']) parent, generate_series(0, 3) months;

create table submitter.idempotency_keys (
    -- Compared byte by byte: nobody sorts keys, and by the rules of a language each costs the index several times as much.
    tenant      text collate "C" not null,
    key         text collate "C" not null check (length(key) between 1 and 255),
    -- SHA-256 of the request's normal form.
    fingerprint bytea not null check (length(fingerprint) = 32),
    -- The request, where it is not the one of the intent.
    request     jsonb,
    intent_id   uuid not null,
    state       text not null check (state in ('started', 'completed')),
    status      smallint,
    -- The stored body, byte for byte: jsonb would not keep the order of its fields. Null: the intent as it was accepted.
    response    json,
    -- A started one may be taken over after this: whoever started it is gone.
    locked_until timestamptz,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    primary key (tenant, key),
    check ((state = 'completed') = (status is not null)),
    check ((state = 'started') = (locked_until is not null))
);
create index idempotency_keys_expiry on submitter.idempotency_keys (expires_at);

create table submitter.api_keys (
    id         uuid primary key,
    tenant     text not null check (char_length(tenant) between 1 and 255),
    name       text not null,
    -- SHA-256 of the key: keys are random, so nothing slower is needed.
    hash       bytea not null unique check (length(hash) = 32),
    -- Its first characters, so that people can tell keys apart.
    hint       text not null,
    scopes     text[] not null check (scopes <@ array['intents:read', 'intents:write', 'admin']),
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);

-- Enqueues an intent within the caller's own transaction. The daemon reads the body fully when it pulls it; a body that
-- is not valid ends as failed, reason invalid_intent. The same body again returns the same id; another one is refused.
create function submitter.enqueue_intent(p_tenant text, p_workflow_id text, p_body jsonb) returns uuid
language plpgsql as $$
declare
    v_method text;
    v_id uuid := gen_random_uuid();
    v_existing record;
begin
    if p_tenant is null or char_length(p_tenant) not between 1 and 255 then
        raise exception 'tenant: must have 1 to 255 characters' using errcode = 'invalid_parameter_value';
    end if;
    if p_workflow_id is null or char_length(p_workflow_id) not between 1 and 255 then
        raise exception 'workflow_id: must have 1 to 255 characters' using errcode = 'invalid_parameter_value';
    end if;
    if p_body is null or jsonb_typeof(p_body) <> 'object' then
        raise exception 'body: must be a JSON object' using errcode = 'invalid_parameter_value';
    end if;
    if p_body ? 'workflow_id' and p_body ->> 'workflow_id' is distinct from p_workflow_id then
        raise exception 'body: /workflow_id differs from the workflow_id given' using errcode = 'invalid_parameter_value';
    end if;
    if not p_body ? 'transaction_xdr'
        and (p_body -> 'operations' is null or jsonb_typeof(p_body -> 'operations') <> 'array'
             or jsonb_array_length(p_body -> 'operations') not between 1 and 100) then
        raise exception 'body: /operations must be an array of 1 to 100 operations' using errcode = 'invalid_parameter_value';
    end if;
    v_method := coalesce(p_body ->> 'method', p_body -> 'operations' -> 0 ->> 'type');
    if v_method is null or char_length(v_method) not between 1 and 255 then
        raise exception 'body: /method must have 1 to 255 characters' using errcode = 'invalid_parameter_value';
    end if;
    -- A version 7 UUID, so that ids sort by time like those of the API.
    v_id := encode(set_bit(set_bit(overlay(uuid_send(v_id)
        placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6), 52, 1), 53, 1), 'hex')::uuid;
    insert into submitter.intents (id, tenant, workflow_id, method, ordering_key, enqueued)
    values (v_id, p_tenant, p_workflow_id, v_method,
        -- Its place in the order is taken at once, not when the daemon reads it.
        case when jsonb_typeof(p_body -> 'ordering_key') = 'string' and char_length(p_body ->> 'ordering_key') <= 255
            then p_body ->> 'ordering_key' end,
        p_body || jsonb_build_object('workflow_id', p_workflow_id, 'method', v_method))
    on conflict (tenant, workflow_id, method) do nothing;
    if not found then
        select id, enqueued into v_existing from submitter.intents
        where tenant = p_tenant and workflow_id = p_workflow_id and method = v_method;
        if v_existing.enqueued is distinct from p_body || jsonb_build_object('workflow_id', p_workflow_id, 'method', v_method) then
            raise exception 'workflow-conflict: workflow % with method % has another body, intent %',
                p_workflow_id, v_method, v_existing.id using errcode = 'unique_violation';
        end if;
        return v_existing.id;
    end if;
    insert into submitter.events (tenant, intent_id, kind, data) values (p_tenant, v_id, 'intent.accepted', '{"by": "sql"}');
    perform pg_notify('submitter_intents', '');
    return v_id;
end $$;
