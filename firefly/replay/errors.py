"""The error tree of everything a user can cause or meet.

::

    FireflyError              a message for people: what was asked, what was found, what to do next
     +-- ReplayError          anything about a finished data set or its cassette
     |    +-- CassetteError   a cassette that is damaged, of a newer format, or not there
     |    +-- DatasetError    a data set folder or answers file that can't be used
     +-- ... (``firefly.errors`` continues the tree)

A message names the thing, what was found, and the next step; it is printed without a traceback.
"""

from __future__ import annotations


class FireflyError(Exception):
    """Base of every error that is shown to the user as a message, without a traceback."""


class ReplayError(FireflyError):
    """A finished data set can't be used as asked."""


class CassetteError(ReplayError):
    """A cassette is missing, damaged, or of a format this version can't read."""


class DatasetError(ReplayError):
    """A data set folder, or a file of answers for it, is missing or malformed."""
