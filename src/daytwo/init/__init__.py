"""`daytwo init`: from a Compose file, or a folder, to a configuration with its reasons written beside it."""

from daytwo.init.findings import Findings, Found, LeftOut
from daytwo.init.planning import InitPlan, plan
from daytwo.init.writing import add_recipient, write

__all__ = ["Findings", "Found", "InitPlan", "LeftOut", "add_recipient", "plan", "write"]
