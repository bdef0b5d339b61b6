"""Everything that touches real MCP servers: their description, installation, processes and sandboxes.

Outside of this package all is synchronous. `LiveBackend` (``live.py``) is the facade: it implements
`Backend` and `ServerProvider` over the only event loop, which runs in a thread of its own.
"""
