"""The replay core: what a consumer of a Firefly data set needs, and nothing more.

Records of calls and tasks, canonical arguments, the cassette, the simulator that answers
from it, and grading. Relative imports only; pydantic and jsonschema are its only
dependencies, so that it also ships alone as the wheel ``firefly-replay`` (import name
``firefly_replay``).
"""
