"""A comparison on the command line starts without what it does not need, and takes nothing from those who come later."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "pandas",
    "duckdb",
    "reference_data.declaration",
    "scipy.stats",
    "sklearn",
    "evidently",
    "streamlit",
    "sqlalchemy",
    "numpy.f2py",
    "numpy.testing",
}


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_comparing_small_files_imports_nothing_heavy(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"small.{ending}"
    write = (
        "import pyarrow as pa, pyarrow.csv, pyarrow.parquet\n"
        f"t = pa.table({{'x': [1.5, 2.5, None], 'c': ['a', 'b', 'a']}})\npa.{ending}.write_{'csv' if ending == 'csv' else 'table'}(t, {str(path)!r})\n"
        "print('done')"
    )
    assert _run(write) == "done"
    code = (
        f"import sys; sys.argv = ['driftdeck', 'compare', {str(path)!r}, {str(path)!r}]\nfrom service.cli import main\n"
        f"try:\n    main()\nexcept SystemExit:\n    pass\nprint(sorted({HEAVY!r} & set(sys.modules)))"
    )
    assert _run(code) == "[]"


@pytest.mark.slow
def test_what_was_spared_is_there_when_asked_for() -> None:
    code = (
        "from service.cli.lean import start_lean\nstart_lean()\nimport numpy as np, pyarrow as pa\n"
        "frame = pa.table({'x': [1, 2]}).to_pandas()\nimport scipy.stats, pandas as pd\n"
        "print(frame.x.sum(), np.testing.__name__, np.ma.__name__, np.fft.fft([1.0]).real, len(pa.array(pd.Series([1, 2]))))"
    )
    assert _run(code) == "3 numpy.testing numpy.ma [1.] 2"


@pytest.mark.slow
def test_opening_a_workspace_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\nfrom service.cli.lean import import_functions\nimport_functions()\n"
        f"from service.local import LocalWorkspace\nLocalWorkspace.open(pathlib.Path({str(tmp_path / 'home')!r})).close()\n"
        f"print(sorted({HEAVY - {'duckdb', 'reference_data.declaration'}!r} & set(sys.modules)))"
    )
    assert _run(code) == "[]"
