//! Records in memory that stand in for Postgres: the same promises, checked by the same tests (`tests/records`).
