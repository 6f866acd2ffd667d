"""Files as a component: chosen by path or pattern, read with the tar that is where they are, staged beside, swapped by
rename. The service kinds `files` and `env` are made of this.
"""

from daytwo.core.fileset.choice import Choice
from daytwo.core.fileset.component import FilesComponent

__all__ = ["Choice", "FilesComponent"]
