"""The outbox: messages that were ordered, in the transaction of what they tell of, and are on their way until sent."""

from daytwo.respond.outbox.bucket import Bucket
from daytwo.respond.outbox.carrier import Carrier, Outcome
from daytwo.respond.outbox.outbox import Claim, Notification, Outbox, State
from daytwo.respond.outbox.standing import Standing

__all__ = ["Bucket", "Carrier", "Claim", "Notification", "Outbox", "Outcome", "Standing", "State"]
