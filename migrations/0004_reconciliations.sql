-- Comparisons of the records with the chain. The newest with a watermark says where the next one begins.
create table submitter.reconciliations (
    id          bigint generated always as identity primary key,
    started_at  timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    -- Everything up to this ledger was compared, and is settled. Null where nothing could be, or the chain is another since.
    watermark   bigint check (watermark >= 0),
    -- Whether nothing was missing in what was read.
    complete    boolean not null,
    findings    bigint not null check (findings >= 0),
    -- What each account held at which ledger: where the next account of its balances begins.
    balances    jsonb not null,
    report      jsonb not null
);
create index reconciliations_with_findings on submitter.reconciliations (id) where findings > 0;

-- What they found, for people who ask in SQL: the first thousand of each.
create table submitter.reconciliation_findings (
    run     bigint not null references submitter.reconciliations (id) on delete cascade,
    n       integer not null check (n >= 1),
    kind    text not null,
    detail  text not null,
    finding jsonb not null,
    primary key (run, n)
);

-- An operator said that the records may lack something: the longest validity, in ledgers, that an envelope of an earlier life
-- could have. Null when that is explained.
alter table submitter.network add column recovery_window bigint check (recovery_window between 1 and 1000000);
