"""The benchmark of speed refuses what it does not know before it measures anything."""

import pytest

from benchmarks.speed.__main__ import PEERS, run


@pytest.mark.parametrize(
    ("arguments", "named", "allowed"),
    [
        (["--peers", "foo"], "no peer is called 'foo'", f"choose from {', '.join(PEERS)}, or none"),
        (["--peers", "evidently, foo,bar"], "no peer is called 'foo', 'bar'", "nannyml"),
        (["--peers", ""], "no peer is called ''", "nannyml"),
        (["--part", "foo"], "'foo'", "compare"),
    ],
)
def test_an_unknown_name_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], named: str, allowed: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert named in said.err
    assert allowed in said.err
