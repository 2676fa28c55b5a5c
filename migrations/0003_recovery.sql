-- Noticing that the records are not what they were, and reading the chain's history for what they lack.

-- An operator said that nothing of ours is older than this ledger: what Horizon has forgotten of it is not waited for.
alter table submitter.network add column history_since bigint check (history_since > 0);

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
