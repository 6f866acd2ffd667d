"""The audit trail: every act by a person, a token or a schedule, so that nobody can change the past unnoticed.

One hash chain a data class, in segments: a new one each month, or after `SEGMENT` events. Old segments are pruned
whole; the segment's row stays, and its last hash anchors what follows. What the hashes cannot tell by themselves is a
chain that was written anew from some point on: heads kept elsewhere (every snapshot's manifest has them) tell that.
"""

from daytwo.ledger.audit.event import Event, Recorded, hash_of
from daytwo.ledger.audit.listing import Filter
from daytwo.ledger.audit.tail import SEGMENT
from daytwo.ledger.audit.trail import Audit
from daytwo.ledger.audit.verdict import Finding, Tampering, Verdict

__all__ = ["SEGMENT", "Audit", "Event", "Filter", "Finding", "Recorded", "Tampering", "Verdict", "hash_of"]
