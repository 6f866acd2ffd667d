"""Data classes, and where the audit trail ends: how sensitive something is decides encryption, access and retention."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class DataClass(StrEnum):
    """How sensitive a record, or what it tells of, is."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class Head(BaseModel):
    """The end of one chain of the audit trail at some moment. Kept elsewhere, it is an anchor for what came before.

    Args:
        chain: the data class whose chain it is; text, so that a later daytwo's classes can be read, too.
        seq: the number of the chain's last event; nothing has been recorded yet when 0.
        hash: that event's hash, hexadecimal SHA-256.
    """

    model_config = ConfigDict(frozen=True)

    chain: str
    seq: int
    hash: str
