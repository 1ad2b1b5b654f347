"""Milestones in: accept an event by one insert, apply it in one transaction, then tell the journeys that it concerns.

Nothing is refused and nothing is lost while Temporal is away: it is called after the commit, from stored rows, and a
repeated call is harmless.
"""
