"""Cases: the only service that remembers. Postgres decides what is due and who holds it; Celery only rings."""
