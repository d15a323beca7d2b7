"""Things without end: each generator draws another one at every call."""
