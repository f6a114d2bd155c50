"""A report as FHIR R4 resources: pure functions from the report model to a transaction Bundle.

Resources are plain dictionaries; `gateway.fhir.gate` refuses what R4 or the house rules forbid before anything leaves.
``schemas/fhir/README.md`` describes the shape.
"""
