"""Temporal activities: what a journey has carried out. Each is one transaction of the database."""
