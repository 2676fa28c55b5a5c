-- Contract operations: what an attempt declares beyond its operation, what a call came to, and which intents are taken up
-- only after a simulation.

-- Resources, their fee and signed authorisations, XDR in base64: with them an attempt is built again, byte for byte.
alter table submitter.attempts add column soroban jsonb
    check (soroban is null or (jsonb_typeof(soroban -> 'data') = 'string' and jsonb_typeof(soroban -> 'auth') = 'array'
        and jsonb_typeof(soroban -> 'restores') = 'boolean'));
-- What the ledger says of a landed call beyond its result: value, error, events.
alter table submitter.attempts add column call jsonb;
alter table submitter.attempts add constraint attempts_call_has_landed
    check (call is null or (landed is not null and soroban is not null)) not valid;

alter table submitter.intents add column contract boolean not null default false;
-- What the call returned, as JSON.
alter table submitter.intents add column result jsonb;
alter table submitter.intents add constraint intents_result_of_success
    check (result is null or (contract and status = 'succeeded')) not valid;
create index intents_open_contract on submitter.intents (due_at, seq) where contract and finished_at is null;

-- Whether a request in its normal form is about contracts: then it stands alone in its transaction.
create function submitter.is_contract(p_request jsonb) returns boolean language sql immutable parallel safe as $$
    select coalesce(p_request -> 'operations' -> 0 ->> 'type'
        in ('invoke_contract', 'token_transfer', 'extend_footprint_ttl', 'restore_footprint'), false)
$$;

-- As before, and notes which intents are about contracts.
create or replace function submitter.accept_intents(
    p_ids uuid[], p_tenants text[], p_workflows text[], p_methods text[], p_tags bigint[], p_lanes text[], p_sources text[],
    p_requests jsonb[], p_presigned boolean[], p_destinations text[], p_ordering_keys text[],
    p_not_before timestamptz[], p_valid_until timestamptz[],
    p_keys text[], p_fingerprints bytea[], p_locked_seconds float8[], p_kept_seconds float8[],
    out accepted_at timestamptz, out taken integer[], out existing integer[]
) language plpgsql as $$
declare
    v_wanted bigint;
    v_got bigint;
begin
    accepted_at := now();
    taken := '{}';
    existing := '{}';

    v_wanted := cardinality(array_remove(p_keys, null));
    if v_wanted > 0 then
        insert into submitter.idempotency_keys as k
            (tenant, key, fingerprint, intent_id, state, status, locked_until, expires_at)
        select distinct on (tenant collate "C", key collate "C") tenant, key, fingerprint, id,
            case when locked is null then 'completed' else 'started' end,
            case when locked is null then 202 end,
            now() + make_interval(secs => locked), now() + make_interval(secs => kept)
        from unnest(p_ids, p_tenants, p_keys, p_fingerprints, p_locked_seconds, p_kept_seconds)
            with ordinality as t (id, tenant, key, fingerprint, locked, kept, n)
        where key is not null
        order by tenant collate "C", key collate "C", n
        on conflict (tenant, key) do update set
            fingerprint = excluded.fingerprint, request = null, intent_id = excluded.intent_id, state = excluded.state,
            status = excluded.status, response = null, locked_until = excluded.locked_until,
            created_at = now(), expires_at = excluded.expires_at
            where k.expires_at <= now();
        get diagnostics v_got = row_count;
        if v_got < v_wanted then
            select coalesce(array_agg(n::integer), '{}') into taken
            from unnest(p_ids, p_tenants, p_keys) with ordinality as t (id, tenant, key, n)
            where key is not null and not exists (
                select from submitter.idempotency_keys k where k.tenant = t.tenant and k.key = t.key and k.intent_id = t.id);
        end if;
    end if;

    v_wanted := cardinality(p_ids) - cardinality(taken);
    with numbered as (
        select *, nextval('submitter.intents_seq_seq') as seq
        from unnest(p_ids, p_tenants, p_workflows, p_methods, p_tags, p_lanes, p_sources, p_requests, p_presigned,
                    p_destinations, p_ordering_keys, p_not_before, p_valid_until)
            with ordinality as t (id, tenant, workflow_id, method, tag, lane, source, request, presigned,
                                  destinations, ordering_key, not_before, valid_until, n)
        where n <> all (taken)),
    new as (
        insert into submitter.intents
            (id, seq, tenant, workflow_id, method, tag, lane, source, request, presigned, contract, destinations, ordering_key,
             due_at, valid_until)
        overriding system value
        select id, seq, tenant, workflow_id, method, tag, lane, source, request, presigned, submitter.is_contract(request),
            destinations::text[], ordering_key,
            coalesce(not_before, now()), valid_until
        from numbered
        order by tenant collate "C", workflow_id collate "C", method collate "C", n
        on conflict (tenant, workflow_id, method) do nothing
        returning id, tenant)
    insert into submitter.events (tenant, intent_id, kind, data)
    select tenant, id, 'intent.accepted', '{}' from new;
    get diagnostics v_got = row_count;
    if v_got < v_wanted then
        select coalesce(array_agg(n::integer), '{}') into existing
        from unnest(p_ids) with ordinality as t (id, n)
        where n <> all (taken) and not exists (select from submitter.intents i where i.id = t.id);
        -- Their answers are others, stored once they are known.
        delete from submitter.idempotency_keys k
        using unnest(p_ids, p_tenants, p_keys) with ordinality as t (id, tenant, key, n)
        where t.n = any (existing) and k.tenant = t.tenant and k.key = t.key and k.intent_id = t.id;
    end if;
end $$;

-- As before; the default method of a call is its function.
create or replace function submitter.enqueue_intent(p_tenant text, p_workflow_id text, p_body jsonb) returns uuid
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
    v_method := coalesce(p_body ->> 'method',
        -- A call is named by its function.
        case when p_body -> 'operations' -> 0 ->> 'type' = 'invoke_contract' then p_body -> 'operations' -> 0 ->> 'function' end,
        p_body -> 'operations' -> 0 ->> 'type');
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
