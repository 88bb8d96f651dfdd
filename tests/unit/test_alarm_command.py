"""What the benchmark of alarms cannot run is refused in words, before anything is computed."""

import pytest

from benchmarks.alarms.__main__ import run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--part", "null", "--cell", "t44"], "no cell and no drift is called 't44', or in part so; there are 30 rows"),
        (["--models", "0"], "'0' is not a whole number from 1 on"),
        (["--skip", "-1"], "'-1' is not a whole number from 0 on"),
        (["--weeks", "many"], "'many' is not a whole number from 1 on"),
    ],
)
def test_arguments_that_make_no_sense(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(arguments)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err
