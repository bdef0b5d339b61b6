"""Three small MCP servers over one lending workshop, for tests, air-gapped use and the smoke run.

=============  ===================================================================================
``catalogue``  what can be borrowed, read from the workspace's files at every call
``desk``       members, loans and holds, kept in memory: no file ever shows what was lent
``almanac``    dates and fees worked out from the arguments alone, beside two volatile tools
=============  ===================================================================================

They behave as published servers do: structured answers beside CSV, ``key: value`` and Python
literals, errors with a flag and without. Start one with ``python -m firefly.bundled.<name>``.
"""

import gc

# What is imported lives as long as the server: looking for garbage meanwhile is a tenth of a start.
gc.set_threshold(100_000)
