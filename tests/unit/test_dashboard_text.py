"""Words and numbers: what users named cannot act, and numbers are written one way."""

import pytest
from markdown_it import MarkdownIt

from dashboard import text

HOSTILE = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/a.png)",
    "**bold** _it_ `code` ~~gone~~",
    "# heading",
    "1. list",
    "- list",
    "> quote",
    "| a | b |",
    "&lt;b&gt; &amp;",
    "a\n\n# b",
    "\\<b\\>",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_shows_names_letter_by_letter(name):
    tokens = MarkdownIt("commonmark").parse(text.plain(name))
    inline = [token for token in tokens if token.type == "inline"]
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    kinds = {child.type for child in inline[0].children or []}
    assert kinds <= {"text", "text_special"}
    shown = "".join(child.content for child in inline[0].children or [])
    assert shown.replace("\u2060", "") == text.clean(name)


@pytest.mark.parametrize(
    "name", [":smile:", ":material/home:", "http://evil.example", "www.evil.example", "a@evil.example"]
)
def test_what_streamlit_looks_for_after_escapes_is_parted(name):
    shown = "".join(text.plain(name).split("\\"))
    assert name not in shown
    assert shown.replace("\u2060", "") == name


def test_direction_and_control_marks_go():
    assert text.clean("a\u202eb\x00c\u200bd") == "a b c d"
    assert text.clean("   ") == "(empty)"
    assert text.clean("x" * 100, 10) == "xxxxxxxxx…"


def test_plotly_text_is_neither_html_nor_template():
    shown = text.figure("<b>%{x}</b> $a$", 40)
    assert "<" not in shown
    assert "%{" not in shown
    assert "$" not in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (12.643, "12.6"),
        (-0.00451, "−0.00451"),
        (5991.6, "5,992"),
        (0.0, "0"),
        (0.99999, "1.00"),
        (None, "—"),
        (float("nan"), "—"),
        (float("-inf"), "−∞"),
        (0.00001234, "1.2e-05"),
    ],
)
def test_three_digits_and_a_true_minus(value, shown):
    assert text.number(value) == shown


def test_unit_and_sign_go_with_the_number():
    assert text.number(4.98, "min", signed=True) == "+4.98 min"
    assert [text.measured(0.853, unit) for unit in ("min", "share", "area", "statistic", "")] == [
        "0.853 min",
        "85.3 %",
        "0.853",
        "0.853",
        "0.853",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0 %"), (0.0004, "< 0.1 %"), (0.9996, "> 99.9 %"), (1.0, "100 %"), (0.055, "5.5 %"), (None, "—")],
)
def test_shares_never_round_to_nothing_or_all(value, shown):
    assert text.share(value) == shown


def test_windows_are_named_in_the_zone_of_the_model():
    start, end = "2013-04-30T04:00:00+00:00", "2013-05-07T04:00:00+00:00"
    assert text.window_name(start, end, "America/New_York") == "week of 30 Apr 2013"
    assert text.period(start, end, "America/New_York") == "30 Apr – 6 May"
    assert (
        text.window_name("2013-03-10T05:00:00+00:00", "2013-03-11T04:00:00+00:00", "America/New_York") == "10 Mar 2013"
    )
    assert text.window_name("2013-03-10T05:00:00+00:00", "2013-03-10T06:00:00+00:00", "UTC") == "10 Mar 2013 05:00"


def test_a_week_with_a_clock_change_is_a_week():
    assert (
        text.window_name("2013-03-05T05:00:00+00:00", "2013-03-12T04:00:00+00:00", "America/New_York")
        == "week of 5 Mar 2013"
    )


@pytest.mark.parametrize(("value", "shown"), [(0.5, "30 min"), (4.2, "4.2 h"), (72.0, "3.0 days"), (None, "—")])
def test_lags_read_as_people_say_them(value, shown):
    assert text.hours(value) == shown


def test_an_unknown_zone_reads_as_utc():
    assert text.moment("2013-01-01T05:00:00+00:00", "No/Where") == "1 Jan 05:00"


def test_when_something_was_is_said_as_people_say_it() -> None:
    assert text.in_window("2013-04-30T00:00:00+00:00", "2013-05-01T00:00:00+00:00") == "on 30 Apr 2013"
    assert text.in_window("2013-04-30T00:00:00+00:00", "2013-05-07T00:00:00+00:00") == "in the week of 30 Apr 2013"
    assert (
        text.in_window("2013-04-30T07:00:00+00:00", "2013-04-30T08:00:00+00:00") == "in the window of 30 Apr 2013 07:00"
    )
