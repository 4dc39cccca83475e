"""Simulated transfers: see simulation."""
