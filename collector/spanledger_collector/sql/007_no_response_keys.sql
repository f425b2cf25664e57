-- Settling tells by itself which response ids came before (ledger/known_ids.py). The index of this primary key did, but had to
-- be in memory whole.

DROP TABLE store.response_keys;
