"""Fuzzing: bytes and requests that nobody would send, with what must hold whatever comes."""
