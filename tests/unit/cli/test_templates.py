"""Templates: the language, the fields, and what is told of a wrong one."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containerd_py.cli.templates import Row, Struct, Template
from containerd_py.errors import InvalidArgument
from containerd_py.wire import Exit, Pruned

EXIT = Exit(exit_code=3, reason="exited", finished_at="2026-01-02T03:04:05Z")
ROW = Row(
    EXIT,
    {
        "ID": "abc",
        "Labels": {"tier": "front", "a.b": "c\x1bd"},
        "State": Struct(Pid=7, Running=True),
        "Label": lambda key: {"tier": "front"}.get(key, ""),
        "Args": ("sh", "-c", "x"),
    },
)


def rendered(source: str, value: Any = ROW) -> str:
    return Template(source).render(value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{.ID}} {{.exit_code}} {{.ExitCode}} {{.OOMKilled}}", "abc 3 3 false"),
        ("{{.State.Pid}}|{{.State}}", "7|map[Pid:7 Running:true]"),
        ("{{.signal}}|{{.Labels.none}}|{{.Labels.none.deeper}}", "||"),
        ('{{.Labels.tier}} {{index .Labels "a.b"}}', "front c\\x1bd"),
        ('{{.Label "tier"}}{{.Label "x"}}', "front"),
        ("{{json .Labels}}", '{"tier":"front","a.b":"c\\u001bd"}'),
        ('{{.Args}} {{len .Args}} {{index .Args 1}} {{join .Args ","}}', "[sh -c x] 3 -c sh,-c,x"),
        ("{{range .Args}}<{{.}}>{{end}}{{range .Labels.none}}x{{else}}none{{end}}", "<sh><-c><x>none"),
        ("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a.b=c\\x1bd;tier=front;"),
        ("{{range $i, $v := .Args}}{{$i}}{{end}}", "012"),
        ("{{range $v := .Args}}{{$v}}{{$.ID}}{{end}}", "shabc-cabcxabc"),
        ('{{if .State.Running}}up{{else}}down{{end}}{{if .signal}}x{{else if eq .reason "exited"}}y{{end}}', "upy"),
        ("{{with .State}}{{.Pid}}{{end}}{{with .signal}}x{{else}}no{{end}}", "7no"),
        (
            '{{.reason | upper | printf "%-8s|"}}{{printf "%d %q %v %05.1f%%" .exit_code .ID .State.Running 2.25}}',
            'EXITED  |3 "abc" true 002.2%',
        ),
        ('{{truncate .ID 2}}{{pad .ID 1 1}}{{slice .ID 1}}{{title .reason}}{{split "a:b" ":"}}', "ab abc bcExited[a b]"),
        ("{{and .ID .signal}}{{or .signal .ID}}{{not .signal}}", "abctrue"),
        ('{{lt 1 2}}{{ge 1 2}}{{gt "b" "a"}}{{le 2 2}}{{ne 1 2}}{{eq 3 1 3}}', "truefalsetruetruetruetrue"),
        ("a \n {{- .ID -}} \n b{{/* nothing */}}", "aabcb"),
        ("{{println .ID 1}}{{print .ID 1}}", "abc 1\nabc1"),
        ('{{`raw\\n`}}{{"a\\tb"}}{{nil}}{{true}}', "raw\\na\tbtrue"),
        ("{{(index .Args 0) | upper}}{{(.State).Pid}}", "SH7"),
        ("plain", "plain"),
    ],
)
def test_what_templates_make(source: str, text: str) -> None:
    assert rendered(source) == text


def test_json_of_a_row_is_the_models() -> None:
    assert rendered("{{json .}}") == EXIT.model_dump_json()
    pruned = Pruned(removed=("a",), freed_bytes=1, failed=())
    assert rendered("{{json .}} {{.Removed}}", Row(pruned)) == '{"removed":["a"],"freed_bytes":1,"failed":[]} [a]'


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{{.Foo}}", ": Exit has no field 'Foo'"),
        ("{{.State.Foo}}", "has no field 'Foo'"),
        ("{{.ID.Foo}}", "has no field 'Foo'"),
        ("{{foo .}}", "there is no function 'foo'; there are and, eq"),
        ("{{(foo).x}}", "there is no function 'foo'"),
        ("{{.ID", "is not closed"),
        ("{{}}", "something is missing"),
        ("{{.ID |}}", "something is missing"),
        ("{{if .ID}}x", "this {{if}} has no {{end}}"),
        ("{{end}}", "nothing that this {{end}} belongs to"),
        ("{{else}}", "nothing that this {{else}} belongs to"),
        ("{{.ID)}}", "not expected"),
        ("{{(.ID}}", "a ) is missing"),
        ("{{?}}", "cannot be read"),
        ("{{$x}}", "there is no variable $x"),
        ("{{if $x := .ID}}{{end}}", "variables go with range only"),
        ("{{.ID 3}}", ".ID takes no value"),
        ("{{index .Args 9}}", "index cannot be done with"),
        ('{{join .ID ","}}', "'abc' is no list"),
        ('{{lt 1 "a"}}', "cannot be compared"),
        ("{{range .ID}}{{end}}", "range cannot go over 'abc'"),
        ("{{pad .ID 99999999 0}}", "more than 10000"),
        ('{{printf "%99999999s" .ID}}', "a width above 10000"),
        ('{{printf "%d"}}', "fewer values"),
        ('{{printf "x" .ID}}', "more values"),
        ('{{printf "%d" .ID}}', "cannot be done"),
        ("{{" + "(" * 99 + ".ID" + ")" * 99 + "}}", "nests deeper"),
        ("{{if .ID}}" * 99 + "{{end}}" * 99, "nests deeper"),
    ],
)
def test_what_is_told_of_a_wrong_one(source: str, told: str) -> None:
    with pytest.raises(InvalidArgument) as problem:
        rendered(source)
    assert told in problem.value.message


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidArgument) as problem:
        rendered("{{.Nmae}}")
    assert problem.value.hint is not None
    assert {"ID", "State", "exit_code"} <= set(problem.value.hint.removeprefix("fields are ").split(", "))


def test_headings() -> None:
    source = '{{.ID}}\t{{.created_at}}\t{{.Label "tier"}}\t{{json .RunningFor}}'
    template = Template(source + "{{if .X}}{{end}}{{range .Args}}{{.Y}}{{end}}")
    assert template.headers() == "CONTAINER ID\tCREATED AT\tTIER\tCREATEDXY"


@given(st.text(alphabet='{}.-|()$ "`\\abcIDifrangeend/*:=,01%', max_size=60))
@settings(max_examples=300, deadline=None)
def test_anything_is_a_template_or_told(source: str) -> None:
    with contextlib.suppress(InvalidArgument):
        rendered(source)
