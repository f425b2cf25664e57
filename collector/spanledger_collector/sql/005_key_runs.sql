-- Files beside the ledger that hold sorted keys of spans (journal/sealed.py). A file that is not in here is of no use.

CREATE TABLE store.key_runs (
    file VARCHAR NOT NULL,
    after_ns BIGINT NOT NULL,          -- it holds the keys of all spans that arrived later than this
    until_ns BIGINT NOT NULL,          -- and not later than that
    keys BIGINT NOT NULL
);
