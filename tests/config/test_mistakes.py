"""Every class of mistake, with the very words a person reads. `mistakes/NAME.yaml` holds it, `NAME.txt` the answer.

After a wanted change: `DAYTWO_UPDATE_GOLDEN=1 pytest tests/config`, and read the difference.
"""

import os
import shutil
from pathlib import Path

import pytest

from daytwo.config import ConfigFileError, load

FOLDER = Path(__file__).parent / "mistakes"


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.yaml")))
def test_all_mistakes_at_once_in_words(name: str, tmp_path: Path) -> None:
    shutil.copy(FOLDER / f"{name}.yaml", tmp_path / "daytwo.yaml")
    with pytest.raises(ConfigFileError) as caught:
        load(tmp_path)
    text, golden = f"{caught.value}\n", FOLDER / f"{name}.txt"
    if os.environ.get("DAYTWO_UPDATE_GOLDEN") == "1":
        golden.write_text(text)
    assert text == golden.read_text()
    assert caught.value.exit_code == 2
    assert len(caught.value.problems) == text.count("\n") - 1
    assert "hunter2" not in text
    assert "pydantic" not in text.lower()
