"""Everything that runs on its own: what services stand on, the services, and the launcher."""
