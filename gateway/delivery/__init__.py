"""Taking finished report versions to where they belong: a worker, its lease, and one module per kind of destination."""
