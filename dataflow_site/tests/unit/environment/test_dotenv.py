"""A settings file is read as docker compose reads it, or refused with the number of its line; nothing is skipped.

What compose makes of each text was taken from the parser of compose-go 2.16.2 (dotenv.GetEnvFromFile), with `HOME_DIR=/home`
and `EMPTY=` in the environment.
"""

from __future__ import annotations

import pytest

from dataflow_site.environment import dotenv

ENVIRONMENT = {"HOME_DIR": "/home", "EMPTY": ""}

# Each is what compose reads, too.
READ: dict[str, tuple[bytes, dict[str, str]]] = {
    "plain": (b"A=1\nB=two\n", {"A": "1", "B": "two"}),
    "an empty file": (b"", {}),
    "blank lines and remarks": (b"\n  \n# A=1\n   # B=2\n", {}),
    "no line feed at the end": (b"A=1", {"A": "1"}),
    "a byte order mark": (b"\xef\xbb\xbfA=1\nB=2\n", {"A": "1", "B": "2"}),
    "a byte order mark before a remark": (b"\xef\xbb\xbf# remark\r\nA=1\r\n", {"A": "1"}),
    "line ends of Windows": (b"A=1\r\nB=\"2\"\r\nC='3'\r\nD=\r\n", {"A": "1", "B": "2", "C": "3", "D": ""}),
    "blanks around =": (b"A = 1\nB =2\nC= 3\n", {"A": "1", "B": "2", "C": "3"}),
    "tabs around =": (b"A\t=\t1\t\n", {"A": "1"}),
    "hard blanks of a word processor": ("\u00a0A\u00a0=\u00a01\u00a0\n".encode(), {"A": "1"}),
    "wide blanks": ("\u2003A=\u20031\u2003\n".encode(), {"A": "\u20031"}),
    "an indented line": (b"    A=1\n\tB=2\n", {"A": "1", "B": "2"}),
    "blanks after a value": (b"A=1   \nB=two words  \n", {"A": "1", "B": "two words"}),
    "a remark after a value": (b"A=1 # remark\nB=2   # remark # more\n", {"A": "1", "B": "2"}),
    "a # within a value": (b"A=a#b\nB=#c\n", {"A": "a#b", "B": "#c"}),
    "a remark after quotes": (b"A=\"1\" # remark\nB='2'# remark\nC='3'#\n", {"A": "1", "B": "2", "C": "3"}),
    "a # in quotes": (b"A=\"a # b\"\nB='a # b'\n", {"A": "a # b", "B": "a # b"}),
    "export": (b"export A=1\n  export   B = 2\n", {"A": "1", "B": "2"}),
    "a colon": (b"A: 1\nB:2\nC:a=b\n", {"A": "1", "B": "2", "C": "a=b"}),
    "= within a value": (b"A=a=b==\nB=postgres://u:p@h/d?x=1\n", {"A": "a=b==", "B": "postgres://u:p@h/d?x=1"}),
    "nothing after =": (b"A=\nB=   \nC=''\nD=\"\"\n", {"A": "", "B": "", "C": "", "D": ""}),
    "blanks in quotes": (b"A=\"  1 \"\nB='  1 '\n", {"A": "  1 ", "B": "  1 "}),
    "quotes within a value": (b"A=a\"b\"c\nB=it's\n", {"A": 'a"b"c', "B": "it's"}),
    "other quotes in quotes": (b"A=\"it's\"\nB='say \"x\"'\n", {"A": "it's", "B": 'say "x"'}),
    "a quote after a backslash": (b"A=\"say \\\"x\\\"\"\nB='it\\'s'\n", {"A": 'say "x"', "B": "it's"}),
    "backslashes in double quotes": (b'A="a\\\\b"\nB="c\\\\"\nC="\\d\\w"\n', {"A": "a\\b", "B": "c\\", "C": "\\d\\w"}),
    "backslashes elsewhere": (b"A=c:\\new\nB='c:\\new\\\\x'\n", {"A": "c:\\new", "B": "c:\\new\\\\x"}),
    "escapes in double quotes": (b'A="a\\nb\\tc\\c"\nB=\'a\\nb\'\nC=a\\nb\n', {"A": "a\nb\tc\\c", "B": "a\\nb", "C": "a\\nb"}),
    "a variable of the environment": (b"A=$HOME_DIR/x\nB=${HOME_DIR}x\n", {"A": "/home/x", "B": "/homex"}),
    "a variable of an earlier line": (b"A=1\nB=$A$A\nC=\"${A}\"\n", {"A": "1", "B": "11", "C": "1"}),
    "the environment before an earlier line": (b"HOME_DIR=/x\nB=$HOME_DIR\n", {"HOME_DIR": "/x", "B": "/home"}),
    "a variable in single quotes": (b"A='$HOME_DIR ${X} $$'\n", {"A": "$HOME_DIR ${X} $$"}),
    "an empty variable": (b"A=a${EMPTY}b$EMPTY\n", {"A": "ab"}),
    "a default": (b"A=${X:-1}\nB=${X-2}\nC=${EMPTY:-3}\nD=${EMPTY-4}\nE=${HOME_DIR:-5}y\n", {"A": "1", "B": "2", "C": "3", "D": "", "E": "/homey"}),
    "two defaults": (b"A=${X:-1}${Y:-a-b}z\nB=${X:-}\nC=${X-:-}\n", {"A": "1a-bz", "B": "", "C": ":-"}),
    "$$": (b"A=$$ecret\nB=a$$$$b\nC=\"\\$ecret\"\nD=\"a$$b\"\n", {"A": "$ecret", "B": "a$$b", "C": "$ecret", "D": "a$b"}),
    "a $ that begins no name": (b"A=pa$\nB=5$ x\nC=$1x\nD=a$-b\n", {"A": "pa$", "B": "5$ x", "C": "$1x", "D": "a$-b"}),
    "letters of other scripts": ("A=Grüße “x”\nB=日本\n".encode(), {"A": "Grüße “x”", "B": "日本"}),
    "a remark of another encoding": (b"# Gr\xfc\xdfe\nA=1\n", {"A": "1"}),
    "a name alone takes over a variable": (b"HOME_DIR\nA=1\n", {"HOME_DIR": "/home", "A": "1"}),
    "a value that looks like a name": (b"A=B=2\nC=export D=1\n", {"A": "B=2", "C": "export D=1"}),
}  # fmt: skip

# The line that is refused, and what compose makes of the text: an error, or something that leaves a line out.
REFUSED: dict[str, tuple[bytes, int, str, dict[str, str] | None]] = {
    "UTF-16": ("A=1\n".encode("utf-16"), 1, "save it as UTF-8", None),
    "another encoding": (b"A=1\nB=Gr\xfc\xdfe\n", 2, "save the file as UTF-8", {"A": "1", "B": "Gr\udcfc\udcdfe"}),
    "a blank in a name": (b"A=1\nSECRET KEY=x\n", 2, "no NAME=value", None),
    "a tab in a name": (b"SECRET\tKEY=x\n", 1, "no NAME=value", {"SECRET\tKEY": "x"}),
    "a sign in a name": (b"A=1\n\n$B=2\n", 3, "no NAME=value", None),
    "a name in quotes": (b'"A"=1\n', 1, "no NAME=value", None),
    "no name": (b"=1\n", 1, "no NAME=value", {"": "1"}),
    "export and no name": (b"export =1\n", 1, "no NAME=value", {"": "1"}),
    "a second mark, of files that were joined": (b"A=1\n\xef\xbb\xbfB=2\n", 2, "no NAME=value", None),
    "an invisible blank": ("A=1\n\u200bB=2\n".encode(), 2, "no NAME=value", None),
    "a name alone": (b"A=1\nDATAFLOW_DEBUG\nB=2\n", 2, "no value", {"A": "1", "B": "2"}),
    "a name alone at the end": (b"A=1\nDATAFLOW_DEBUG", 2, "no value", {"A": "1", "": "DATAFLOW_DEBUG"}),
    "two of one name": (b"A=1\n\nA=2\n", 3, "set in line 1 already", {"A": "2"}),
    "a $ before letters": (b"A=1\nB=$ecret\n", 2, "write a $ that means itself as $$", {"A": "1", "B": ""}),
    "a $ in a value": (b'A="pa$word"\n', 1, "put single quotes around", {"A": "pa"}),
    "a variable that is set nowhere": (b"A=${NONE}\n", 1, "a variable that is not set", {"A": ""}),
    "a variable of a later line": (b"A=$B\nB=1\n", 1, "a variable that is not set", {"A": "", "B": "1"}),
    "a brace that stays open": (b"A=${HOME_DIR\n", 1, "a ${ that is not read", None),
    "a condition": (b"A=${X:?needed}\n", 1, "a ${ that is not read", None),
    "an alternative": (b"A=${HOME_DIR:+x}\n", 1, "a ${ that is not read", {"A": "x"}),
    "a default within a default": (b"A=${X:-${Y:-1}}\n", 1, "a ${ that is not read", {"A": "1"}),
    "an open double quote": (b'A="1\nB="2"\n', 1, "not closed in its line", None),
    "an open single quote": (b"A=1\nB='2\n", 2, "not closed in its line", None),
    "a quote that takes in other lines": (b'A="1\nDEBUG=0\nB="\n', 1, "not closed in its line", {"A": "1\nDEBUG=0\nB="}),
    "a closing quote after a backslash": (b"A='c:\\'\nB='x'\n", 1, "not closed in its line", None),
    "a word after quotes": (b'A="1" B\nC=2\n', 1, "follows the closing quote", {"A": "1", "C": "2"}),
    "a setting after quotes": (b"A='1' B=2\n", 1, "follows the closing quote", {"A": "1", "B": "2"}),
    "a remark in place of a value": (b"A= # remark\n", 1, "in place of the value", {"A": "# remark"}),
    "a remark after a tab": (b"A=0\t# remark\n", 1, "needs a blank before", {"A": "0\t# remark"}),
    "line ends of old Macs": (b"A=1\rB=2\r", 1, "a carriage return", {"A": "1\rB=2"}),
    "an old Mac's remark": (b"# remark\rA=1\rB=2\r", 1, "a carriage return", {}),
    "a NUL": (b"A=1\nB=x\x00y\n", 2, "a control character", {"A": "1", "B": "x\x00y"}),
    "an escape code in quotes": (b'A="\x1b[0m"\n', 1, "a control character", {"A": "\x1b[0m"}),
    "an octal escape": (b'A="\\0101"\n', 1, "an octal escape", {"A": "A"}),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_as_compose_reads_it(name: str) -> None:
    text, expected = READ[name]

    assert {found: setting.value for found, setting in dotenv.parse(text, ENVIRONMENT).items()} == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_which_something_would_be_skipped_is_refused_with_its_line(name: str) -> None:
    text, line, what, _ = REFUSED[name]

    with pytest.raises(dotenv.Unreadable) as refused:
        dotenv.parse(text, ENVIRONMENT)

    assert str(refused.value).startswith(f"line {line}: ")
    assert what in str(refused.value)


def test_a_refusal_never_shows_a_secret() -> None:
    for text in (b"A=$ecret\n", b'A="s$ecret\n', b"s$ecret\n", b"A='1' s$ecret\n"):
        with pytest.raises(dotenv.Unreadable) as refused:
            dotenv.parse(text, {})

        assert "ecret" not in str(refused.value)


def test_each_setting_tells_its_line() -> None:
    found = dotenv.parse(b"# one\n\nA=1\r\n  B=2\n", {})

    assert {name: setting.line for name, setting in found.items()} == {"A": 3, "B": 4}
