"""Durable runs. The only package that knows DBOS, and it imports it when a run is about to begin, not before.

`config -> plan -> run -> record -> report`: a workflow gets its plan as JSON, does its work in named steps whose JSON
results are checkpointed, and writes records in transactional steps, so that row and checkpoint commit together.
"""

from daytwo.engine.engine import Engine, Interrupted, OnInterruption, Workflow, WorkflowBody, workflow
from daytwo.engine.steps import Steps

__all__ = ["Engine", "Interrupted", "OnInterruption", "Steps", "Workflow", "WorkflowBody", "workflow"]
