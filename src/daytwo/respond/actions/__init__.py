"""What is done by itself about findings and alerts, and addresses that are shut out."""

from daytwo.respond.actions.acting import Actor
from daytwo.respond.actions.blocks import Block, BlockDesk
from daytwo.respond.actions.guards import Around, around, objection

__all__ = ["Actor", "Around", "Block", "BlockDesk", "around", "objection"]
