"""The ledger: one DuckDB file, how rows get into it and how they are asked for."""
