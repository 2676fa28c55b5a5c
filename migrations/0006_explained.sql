-- How far the chain has been compared with what is on record: of a channel in use that may be beyond its attempt, where
-- somebody else has its key.
alter table submitter.channels add column explained_sequence bigint not null default 0 check (explained_sequence >= 0);
