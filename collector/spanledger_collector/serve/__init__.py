"""The web port: health, metrics, the named queries, read-only SQL."""
