-- Accepts a batch of intents in one statement: one round trip, and one commit for all. The n-th entries of all arrays are
-- one intent; p_keys[n] is null where it came without an idempotency key.
--
-- Of each intent one thing is true afterwards:
--   it is on record, with its key and its event;
--   n is in taken: its key was on record already (or came twice in the batch), and nothing was stored;
--   n is in existing: its (workflow, method) was on record already (or came twice), and nothing was stored, not even the key.
--
-- Keys, and then intents, are taken in one order everywhere, so that two batches never wait for each other. The order of
-- acceptance (seq) is that of the batch nevertheless.
create function submitter.accept_intents(
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
            (id, seq, tenant, workflow_id, method, tag, lane, source, request, presigned, destinations, ordering_key,
             due_at, valid_until)
        overriding system value
        select id, seq, tenant, workflow_id, method, tag, lane, source, request, presigned, destinations::text[], ordering_key,
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
