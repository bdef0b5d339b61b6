"""The files that disposable servers start from: a fixture world generated from a seed, or a user's folder.

A world is written once and copied into every sandbox, so it stays small. Equal arguments give
equal bytes on every machine: no clock, no host, no library version finds its way into a file.
"""
