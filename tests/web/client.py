"""Starlette's client for tests. It warns that it would rather have another library than the one that is installed."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

__all__ = ["TestClient"]
