"""Temporal workflows: thin drivers of the core. They know the core and the contract of the activities, no more."""
