"""The HTTP API: one route table, handlers that return replies, one place that writes them. No use cases here."""
