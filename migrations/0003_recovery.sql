-- Noticing that the records are not what they were, and reading the chain's history for what they lack.

-- An operator said that nothing of ours is older than this ledger: what Horizon has forgotten of it is not waited for.
alter table submitter.network add column history_since bigint check (history_since > 0);

-- Failed transactions of ours use a sequence number as well, and an intent has them among its attempts. The result says what
-- follows; rows from before have none, and are all successful.
alter table submitter.landings add column successful boolean not null default true;
alter table submitter.landings add column result text check (result is not null or successful);

-- What has landed with a tag and is no attempt on record, the oldest first.
create function submitter.unknown_landings(p_tag bigint) returns jsonb language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'hash', encode(l.hash, 'hex'), 'envelope', translate(encode(l.envelope, 'base64'), E'\n', ''),
        'result', coalesce(l.result, ''), 'successful', l.successful, 'ledger', l.ledger,
        'closed_at', extract(epoch from (l.landed ->> 'closed_at')::timestamptz)::bigint,
        'fee_charged', (l.landed ->> 'fee_charged')::bigint) order by l.ledger, l.hash), '[]')
    from submitter.landings l
    where l.tag = p_tag and not exists (select from submitter.attempts a where a.hash = l.hash)
$$;

-- The table's own number tells as well: a dump that is read into the same database makes the table anew.
do $$
declare
    v_at_home boolean := (select database = submitter.database_identity() from submitter.network);
begin
    create or replace function submitter.database_identity() returns text language plpgsql stable as $body$
    begin
        return (select system_identifier from pg_control_system())
            || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
            || '/' || (select oid from pg_database where datname = current_database())
            || '/' || pg_relation_filenode('submitter.network');
    exception when insufficient_privilege or undefined_function or feature_not_supported then
        -- Where a host keeps these to itself, a copy on the same server still has numbers of its own.
        return (select oid from pg_database where datname = current_database())
            || '/' || pg_relation_filenode('submitter.network');
    end $body$;
    -- Records that were at home before this change still are.
    update submitter.network set database = submitter.database_identity() where v_at_home;
end $$;

-- How far the server's log goes. It never falls, unless the server's files were put back to what they were earlier.
create function submitter.log_position() returns bigint language plpgsql stable as $$
begin
    return (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint;
exception when insufficient_privilege or undefined_function or feature_not_supported then
    return 0;
end $$;
