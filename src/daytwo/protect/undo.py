"""The way back of an interrupted restore: what was staged goes, what was swapped is told."""

from daytwo.core.errors import DaytwoError
from daytwo.core.run import Run
from daytwo.ledger.runs import RunRow
from daytwo.protect.places import services_into
from daytwo.protect.workbench import Workbench


def undo_restore(bench: Workbench, row: RunRow, run: Run) -> list[str]:
    """Remove what a dead restore staged. Data that it had put in use stays, and is named.

    Args:
        bench: the workbench.
        row: the dead run; its journal says what it staged and swapped, and where.
        run: the run that cleans.

    Returns:
        What was done and what a person must know, in words.
    """
    said: list[str] = []
    swapped = {str(line["component"]): line for line in row.journal if line.get("act") == "swapped"}
    begun = {str(line["component"]) for line in row.journal if line.get("act") == "swap"}
    into = next((dict(line["into"]) for line in row.journal if line.get("act") == "restore"), {})
    parts = {part.name: part for service in services_into(bench, into).values() for part in service.components()}
    # What only adds (roles) has touched nothing of what was there.
    for name in [name for name in begun if name in parts and parts[name].additive]:
        begun.discard(name)
        swapped.pop(name, None)
    for line in row.journal:
        if line.get("act") != "stage" or line["component"] in begun:
            continue
        component = parts.get(str(line["component"]))
        if component is None:
            continue
        try:
            said += component.sweep(row.id, run)
        except DaytwoError as error:
            said.append(f"what was staged for {component.name} could not be removed: {error}")
    for name, line in swapped.items():
        kept = f"; the data from before is {line['kept']}" if line.get("kept") else ""
        said.append(f"{name} had been restored already{kept}")
    said += [
        f"{name} was being put in use when it stopped: look at it before anything else"
        for name in sorted(begun - swapped.keys())
    ]
    if not swapped and not begun:
        said.append("the data in use was not touched")
    return said
