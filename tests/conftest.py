"""Fixtures of all tests: ``engine`` runs a test once on each of the seven inputs."""

pytest_plugins = ["crmkit.testing.fixtures"]
