"""Everything that hospitals and people speak to: HTTP, FHIR, pages, deliveries."""
