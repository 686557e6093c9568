"""Renders the files that end in `.jinja`, and says what is made.

A file with `__entity__` in its name is rendered once for each entity, one with
`__migration__` once for each change of the schema, any other once with all of them.
What cookiecutter renders itself is the names of folders; the text of every file is
either copied or made here. Nothing is written: the hook does that.
"""

import ast
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from unicodedata import combining, east_asian_width

from jinja2 import (
    Environment,
    FileSystemBytecodeCache,
    FunctionLoader,
    StrictUndefined,
    Template,
)

RECORD = ".cruft.json"
PARTS = (  # of the template: what services are made from; git looks at nothing else
    *("cookiecutter.json", "hexagonal_answers.py", "language.py", "rendering.py"),
    *("hooks/post_gen_project.py", "{{cookiecutter.project_slug}}"),
)
WIDTH = 88
IDENTITY = "gt=0, lt=2**63"  # what PostgreSQL takes as one
OF_HTTP = re.compile(  # the templates that `api` = `none` leaves out
    r"(src/\w+|tests)/entrypoints/http/|dev/(serve|over_http)|tests/dev/test_serve"
    r"|docs/|\.github/workflows/image|Dockerfile|compose|\.dockerignore"
)


def render_all(model: dict[str, Any], template: Path) -> dict[str, Any]:
    """Return the files to write, the templates to delete, and what there is to say.

    `template` is the folder that cookiecutter copies.
    """
    survey(model)
    jinja = environment(template)
    names = {
        source: source.replace("{{cookiecutter.package_name}}", model["package"])
        for path in sorted(template.rglob("*"))
        if (source := path.relative_to(template).as_posix()) and path.is_file()
    }
    templates = [source for source in names if source.endswith(".jinja")]
    copied = names.keys() - templates
    files = record(model["answers"])
    for source in templates:
        if model["api"] != "none" or not OF_HTTP.match(names[source]):
            target = names[source].removesuffix(".jinja")
            files |= render(target, jinja.get_template(source), model)
    tests = [text for name, text in files.items() if _is_test(name)]
    tests += [(template / name).read_text("utf-8") for name in filter(_is_test, copied)]
    number = len(files) + len(copied)
    return {
        "files": files,
        "templates": [names[source] for source in templates],
        "report": report(model, number, sum(map(count_tests, tests))),
    }


def _is_test(name: str) -> bool:
    return Path(name).name.startswith("test_")


def render(target: str, source: Template, model: dict[str, Any]) -> dict[str, str]:
    """Return the files that a template stands for, but for those with nothing in."""
    if "__entity__" in target:
        contexts = {
            target.replace("__entity__", entity["module"]): {"entity": entity}
            for entity in model["entities"]
        }
    elif "__migration__" in target:
        contexts = {
            target.replace("__migration__", change["file"]): change
            for change in model["changes"]
        }
    else:
        contexts = {target: {}}
    texts = {name: source.render(model | own) for name, own in contexts.items()}
    return {
        name: lay_out(text, model["package"]) if name.endswith(".py") else text
        for name, text in texts.items()
        if text.strip()
    }


# What the code says of a field: each kind of field is written in the same way by every
# template, so that what differs is here.


class Scalar(NamedTuple):
    """What a scalar type is in each layer, and values to test it with.

    In the texts `{0}` and `{1}` are the arguments of the type, `{field}` is the
    attribute, `{label}` its label, `{value}` an expression.
    """

    python: str
    column: str = ""  # of SQLAlchemy, where the annotation does not tell it
    check: str = ""  # the statement that raises InvalidValue
    boundary: str = ""  # constraints of pydantic
    first: str = ""
    second: str = ""  # at the limit of the column, where it has one
    other: str = ""  # what the demonstration shows instead
    fresh: str = ""  # another value for each `number`
    bad: tuple[str, ...] = ()  # what the domain refuses
    message: str = ""  # the type at the boundary, where it is another
    refused: tuple[str, ...] = ()  # what the boundary refuses
    migration: str = ""
    mapped: str = "{value}"  # how it is copied between entity and row
    diagram: str = ""
    query: str = ""  # the type in a URL, where it is another
    queried: str = "value"  # what is made of it


BAD_TEXT = ('"a\\0b"', '"a\\ud800b"')
SCALARS = {
    "str": Scalar(
        python="str",
        column="String({0})",
        migration="sa.String(length={0})",
        check='check_line("{field}", {value}, longest={0})',
        boundary="min_length=1, max_length={0}",
        bad=('""', '" \\t"', '"x" * {longer}', *BAD_TEXT),
        refused=('""', '"x" * {longer}', "1"),
        first='"{some}"',
        second='"x" * {0}',
        other='"{another}"',
        fresh="{fresh}",
        diagram="string",
    ),
    "text": Scalar(
        python="str",
        column="Text",
        migration="sa.Text()",
        check='check_text("{field}", {value})',
        bad=BAD_TEXT,
        refused=("1",),
        first='"some {label}"',
        second='"some text, " * 99',
        other='"another {label}"',
        diagram="text",
    ),
    "int": Scalar(
        python="int",
        migration="sa.Integer()",
        check='check_integer("{field}", {value}, bits=32)',
        boundary="ge=-(2**31), lt=2**31",
        bad=("2**31", "-(2**31) - 1"),
        refused=("2**31", "-(2**31) - 1", '"many"', "1.5"),
        first="42",
        second="2**31 - 1",
        other="43",
        fresh="number",
        diagram="int",
    ),
    "bigint": Scalar(
        python="int",
        column="BigInteger",
        migration="sa.BigInteger()",
        check='check_integer("{field}", {value}, bits=64)',
        boundary="ge=-(2**63), lt=2**63",
        bad=("2**63", "-(2**63) - 1"),
        refused=("2**63", "-(2**63) - 1", '"many"'),
        first="42",
        second="2**63 - 1",
        other="43",
        fresh="number",
        diagram="bigint",
    ),
    "float": Scalar(
        python="float",
        migration="sa.Float()",
        check='check_finite("{field}", {value})',
        boundary="allow_inf_nan=False",
        bad=('float("nan")', 'float("-inf")'),
        refused=('float("nan")', 'float("-inf")', '"much"'),
        first="120.5",
        second="-456.7",
        fresh="float(number)",
        diagram="float",
    ),
    "bool": Scalar(
        python="bool",
        migration="sa.Boolean()",
        refused=('"perhaps"',),
        first="False",
        second="True",
        diagram="boolean",
    ),
    "Decimal": Scalar(
        python="Decimal",
        column="Numeric({0}, {1})",
        migration="sa.Numeric(precision={0}, scale={1})",
        check='check_decimal("{field}", {value}, digits={0}, places={1})',
        boundary="max_digits={0}, decimal_places={1}",
        bad=(
            'Decimal("nan")',
            "Decimal(1).scaleb({whole})",
            "Decimal(1).scaleb(-{1} - 1)",
        ),
        refused=('"much"', "Decimal(1).scaleb({whole})"),
        first='Decimal("{low}")',
        second='Decimal("-{high}")',
        other='Decimal("{middle}")',
        fresh="Decimal(number).scaleb(-{1})",
        message="Decimal{1}Field",
        diagram="decimal",
    ),
    "date": Scalar(
        python="dt.date",
        migration="sa.Date()",
        refused=('"some day"',),
        first="dt.date(2026, 1, 31)",
        second="dt.date(2028, 2, 29)",
        fresh="dt.date.fromordinal(number)",
        diagram="date",
    ),
    "datetime": Scalar(
        python="dt.datetime",
        migration="sa.DateTime(timezone=True)",
        check='check_aware("{field}", {value})',
        bad=(
            "dt.datetime(2026, 1, 31)",
            "dt.datetime.min.replace(tzinfo=dt.UTC)",
            "dt.datetime.max.replace(tzinfo=dt.UTC)",
        ),
        refused=('"some time"',),
        first="dt.datetime(2026, 1, 31, 12, 30, tzinfo=dt.UTC)",
        second="dt.datetime(2028, 2, 29, 23, 59, 59, 999999, tzinfo=dt.UTC)",
        fresh="dt.datetime.fromtimestamp(number, dt.UTC)",
        message="DatetimeField",
        diagram="timestamptz",
        query="AwareDatetime",
    ),
    "time": Scalar(
        python="dt.time",
        migration="sa.Time()",
        check='check_naive("{field}", {value})',
        bad=("dt.time(14, tzinfo=dt.UTC)",),
        refused=('"some time"',),
        first="dt.time(14, 0)",
        second="dt.time(15, 1, 1, 1)",
        fresh="dt.time(number // 60 % 24, number % 60)",
        diagram="time",
    ),
    "timedelta": Scalar(
        python="dt.timedelta",
        migration="sa.Interval()",
        refused=('"a while"',),
        first="dt.timedelta(minutes=90)",
        second="dt.timedelta(days=-400, microseconds=1)",
        fresh="dt.timedelta(seconds=number)",
        diagram="interval",
    ),
    "UUID": Scalar(
        python="UUID",
        migration="sa.Uuid()",
        refused=('"no UUID"',),
        first="UUID(int=1)",
        second="UUID(int=2**128 - 1)",
        fresh="UUID(int=number)",
        diagram="uuid",
    ),
    "bytes": Scalar(
        python="bytes",
        migration="sa.LargeBinary()",
        refused=("1.5",),
        first='b"\\0\\xff"',
        second='b""',
        fresh='number.to_bytes(4, "big")',
        diagram="bytea",
        query="Base64UrlBytes",
    ),
    "json": Scalar(
        python="dict[str, Any]",
        column="JSONB(none_as_null=True)",
        migration="postgresql.JSONB(astext_type=sa.Text())",
        check='check_json("{field}", {value})',
        bad=(
            '{open}"some": float("nan"){close}',
            '{open}"some": "a\\0b"{close}',
            '{open}"some": b""{close}',
        ),
        refused=('"no object"',),
        first='{open}"some": ["{label}", 1.5, True, None]{close}',
        second='{open}"another": {open}"nested": [1, 2]{close}{close}',
        mapped="deepcopy({value})",
        diagram="jsonb",
    ),
    "Email": Scalar(
        python="Email",
        column="EmailType",
        migration="sa.String(length=254)",
        message="EmailField",
        refused=('"nobody"', '"nobody@"', '"a b@example.com"', "1"),
        first='Email("user@example.com")',
        second='Email("another.user+tag@mail.example.com")',
        fresh='Email(f"user{number}@example.com")',
        diagram="string",
        query="str",
        queried="Email(value)",
    ),
    "Url": Scalar(
        python="Url",
        column="UrlType",
        migration="sa.String(length=2048)",
        message="UrlField",
        refused=('"example.com"', '"ftp://example.com"', '"https://"', "1"),
        first='Url("https://example.com/")',
        second='Url("http://localhost:8080/a/path?with=query#fragment")',
        fresh='Url(f"https://example.com/{number}")',
        diagram="string",
        query="str",
        queried="Url(value)",
    ),
}
PLAIN_DECIMAL = SCALARS["Decimal"]._replace(
    column="",
    migration="sa.Numeric()",
    check='check_decimal("{field}", {value}, digits=1000, places=500)',
    boundary="allow_inf_nan=False",
    bad=('Decimal("nan")', "Decimal(1).scaleb(500)", "Decimal(1).scaleb(-501)"),
    refused=('"much"', 'Decimal("nan")'),
    first='Decimal("120.50")',
    second='Decimal("-123456789012345678901234567890.0123456789")',
    other='Decimal("456.70")',
    fresh="Decimal(number)",
    message="DecimalField",
)
Entity: TypeAlias = dict[str, Any]
Field: TypeAlias = dict[str, Any]


def survey(model: dict[str, Any]) -> None:
    """Add to each entity what the templates say of its fields and relations."""
    entities = {entity["name"]: entity for entity in model["entities"]}
    fields = [field for entity in entities.values() for field in every_field(entity)]
    kinds = {field["kind"] for field in fields}
    types = {field["type"] for field in fields}
    model |= {
        "value_objects": sorted(types & {"Email", "Url"}),
        "has_datetimes": "datetime" in types,
        "has_manys": "many" in kinds,
        "scales": sorted(
            {f["arguments"][1:] for f in fields if f["type"] == "Decimal"}
        ),
    }
    in_base64 = ', ser_json_bytes="base64", val_json_bytes="base64"'
    model["bytes_config"] = in_base64 if "bytes" in types else ""
    ordered = in_order(model["entities"])
    for rank, entity in enumerate(ordered, start=1):
        entity |= {"rank": rank, "incoming": [], "incoming_manys": []}
    for entity in entities.values():
        for child in (field["child"] for field in entity["fields"] if field["child"]):
            describe(child, entity, entities)
        describe(entity, entity, entities)
    for entity in entities.values():
        relate(entity)
    model |= {
        "example": ordered[0],
        "by_need": by_need(ordered),
        "changes": changes(ordered),
    }
    checks = " ".join(check for field in fields for check in field.get("checks", ()))
    model["checks"] = set(re.findall(r"check_\w+", checks))


def every_field(entity: Entity) -> Iterator[Field]:
    """Walk the fields of an entity and of its children."""
    for field in entity["fields"]:
        yield field
        if field["child"]:
            yield from field["child"]["fields"]


def in_order(entities: list[Entity]) -> list[Entity]:
    """Go from step to step, and put each entity after those that it refers to.

    Where that goes round in a circle, one that may be None refers to a later entity.
    What an entity was given in a later step moves nothing: its table was there.
    """
    ordered: list[Entity] = []
    for step in sorted({entity["step"] for entity in entities}):
        waiting = {one["name"]: one for one in entities if one["step"] == step}
        needed = {
            name: [
                {
                    field["target"]
                    for field in every_field(entity)
                    if field["kind"] == "reference"
                    and field["step"] == step
                    and (optional or not field["optional"])
                }
                - {name}
                for optional in (True, False)
            ]
            for name, entity in waiting.items()
        }
        while waiting:
            left = waiting.keys()
            free = [name for name in left if not needed[name][0] & left]
            free = free or [name for name in left if not needed[name][1] & left]
            ordered.append(waiting.pop(free[0]))
    return ordered


def describe(entity: Entity, owner: Entity, entities: dict[str, Entity]) -> None:
    """Say what the code of an entity is made of, or of a child that its owner has."""
    state = [field for field in entity["fields"] if field["kind"] != "reverse"]
    for field in state:
        field["target"] = entities.get(field["target"])
        field["finder"] = field["finder"] or field["name"]
        field |= in_code(field, entity, owner)
    entity |= {
        "owner": owner,
        "state": state,
        "parameters": ", ".join(f["parameter"] + f["equals"] for f in state),
        "required": ", ".join(f["parameter"] for f in state),
        "checks": [line for field in state for line in field["checks"]],
        "uniques": [field for field in state if field["unique"]],
        "finders": [f for f in state if f["unique"] and f["kind"] != "reference"],
        "enums": of_kind("enum", state),
        "has_arrays": bool(of_kind("array", state)),
        "references": of_kind("reference", state),
        "manys": of_kind("many", state),
        "children": of_kind("children", state),
    }
    entity |= {
        "parts": parts(entity),
        "varying": quoted(f for f in state if f["kind"] not in ("reference", "many")),
        "has_fresh": any(f["fresh"] for f in entity["finders"]),
        "columns": [f for f in state if f["kind"] not in ("many", "children")],
        "bad": [(f["attribute"], bad) for f in state for bad in f["bad"]],
        "optionals": quoted(f for f in state if f["optional"]),
        "defaulted": [f for f in state if f["equals"]],
    }


def of_kind(kind: str, fields: list[Field]) -> list[Field]:
    """List the fields of this kind."""
    return [field for field in fields if field["kind"] == kind]


def quoted(fields: Iterable[Field]) -> str:
    """List the attributes as texts."""
    return ", ".join(f'"{field["attribute"]}"' for field in fields)


def in_code(field: Field, entity: Entity, owner: Entity) -> Field:
    """Write a field as the code of each layer does."""
    attribute = field["attribute"]
    code = {
        "column": [],
        "checks": [],
        "boundary": "",
        "bad": [],
        "refused": [],
        "fresh": "",
        "default": field["default"],
        "commanded": f"command.{attribute}",
        "in_model": attribute,
        "read": f"model.{attribute}",
        "write": f"{entity['variable']}.{attribute}",
    }
    code |= WRITERS[field["kind"]](field, entity, owner)
    code["plain"] = code["type"]
    message = code.get("message", code["type"])
    if field["optional"]:
        code["type"], message = f"{code['type']} | None", f"{message} | None"
        code["default"] = code["default"] or "None"
    else:
        code["refused"] = [*code["refused"], "None"]
    default, boundary = code["default"], code["boundary"]
    equals = f" = {default}" if default else ""
    both = ", ".join(filter(None, [default and f"default={default}", boundary]))
    line = f"{attribute}: {message}"
    if field["index"] and not field["unique"]:
        code["column"] = [*code["column"], "index=True"]
    column = f" = mapped_column({', '.join(code['column'])})" if code["column"] else ""
    nullable = f"nullable={field['optional']}"
    given = "" if field["optional"] else in_database(field | code)
    initial = f"server_default={given}, " if given else ""
    made = f'sa.Column("{attribute}", {code.get("migration")}, '
    return code | {
        "message": message,
        "none": " | None" if field["optional"] else "",
        "marks": marks(field),
        "pascal": "".join(w[0].upper() + w[1:] for w in field["name"].split("_")),
        "parameter": f"{attribute}: {code['type']}",
        "equals": equals,
        "created": line + (f" = pydantic.Field({both})" if boundary else equals),
        "updated": line + (f" = pydantic.Field({boundary})" if boundary else ""),
        "mapped": f"{attribute}: Mapped[{code['type']}]{column}",
        "migrated": f"{made}{nullable})",
        "added": f"{made}{initial}{nullable})",
        "has_initial": bool(given),
        "is_owed": not (field["optional"] or given),
    }


def in_database(field: Field) -> str:
    """Write the default of a field for PostgreSQL, which reads any type from a text."""
    default: str = field["default"]
    if not default or field["kind"] == "array":
        return default and '"{}"'
    if field["kind"] == "enum":
        (value,) = (v for v in field["values"] if default.endswith(f".{v.upper()}"))
        return f'"{value}"'
    if field["type"] == "Decimal":
        return default.removeprefix("Decimal(").removesuffix(")")
    return default if field["type"] == "str" else f'"{default.lower()}"'


def marks(field: Field) -> str:
    """Tell in a diagram what a column is beside its type."""
    keys = ["FK"] * (field["kind"] == "reference") + ["UK"] * field["unique"]
    optional = ' "optional"' if field["optional"] else ""
    return (f" {', '.join(keys)}" if keys else "") + optional


def scalar(field: Field, entity: Entity, owner: Entity) -> dict[str, Any]:
    """Write a field of one scalar."""
    kind, spell = spelling(field)
    plain = field["type"] == "str" and field["arguments"] == (255,)
    return {
        "type": kind.python,
        "message": spell(kind.message or kind.python),
        "column": [spell(kind.column)] if kind.column and not plain else [],
        "checks": [spell(kind.check, f"self.{field['attribute']}")] * bool(kind.check),
        "boundary": spell(kind.boundary),
        "bad": [spell(bad) for bad in kind.bad],
        "refused": [spell(refused) for refused in kind.refused],
        "first": spell(kind.first),
        "second": spell(kind.second),
        "other": spell(kind.other or kind.second),
        "fresh": spell(kind.fresh) if field["unique"] else "",
        "migration": spell(kind.migration),
        "read": spell(kind.mapped, f"model.{field['attribute']}"),
        "write": spell(kind.mapped, f"{entity['variable']}.{field['attribute']}"),
        "diagram": kind.diagram,
        "query": kind.query or kind.python,
        "queried": kind.queried,
    }


def spelling(field: Field) -> tuple[Scalar, Callable[..., str]]:
    """Find a scalar type, and what puts the words of the field into its texts."""
    kind, arguments, label = SCALARS[field["type"]], field["arguments"], field["label"]
    words = {"field": field["attribute"], "label": label, "open": "{", "close": "}"}
    words["number"] = "{number}"  # in the text of an f-string
    if field["type"] == "str":
        (longest,) = arguments
        fresh = f"{label} " if len(label) + 7 <= longest else ""
        words |= {
            "longer": longest + 1,
            "some": f"some {label}"[:longest].strip(),
            "another": f"another {label}"[:longest].strip(),
            "fresh": f'f"{fresh}' + '{number}"'
            if longest > 5
            else "chr(0x4E00 + number)",
        }
    elif field["type"] == "Decimal" and arguments:
        digits, places = arguments
        if digits == places:  # pydantic counts the 0 before the point as a digit
            kind = kind._replace(boundary="decimal_places={1}, gt=-1, lt=1")
        words |= {
            "whole": digits - places,
            "low": with_point("1205"[-digits:], places),
            "middle": with_point("4567"[-digits:], places),
            "high": with_point("9" * digits, places),
        }
    elif field["type"] == "Decimal":
        kind = PLAIN_DECIMAL
    return kind, lambda text, value="": text.format(*arguments, value=value, **words)


def with_point(digits: str, places: int) -> str:
    """Put the decimal point where so many digits follow it."""
    padded = digits.rjust(places + 1, "0")
    return f"{padded[:-places]}.{padded[-places:]}" if places else digits


def enum(field: Field, entity: Entity, owner: Entity) -> dict[str, Any]:
    """Write a field that is one of a few words."""
    first, second, *_ = (f"{field['enum']}.{v.upper()}" for v in field["values"])
    listed = ", ".join(f'"{value}"' for value in field["values"])
    return {
        "type": field["enum"],
        "refused": ['"no such value"'],
        "first": first,
        "second": second,
        "migration": "sa.String(length=63)",
        "condition": f'sa.column("{field["attribute"]}").in_([{listed}])',
        "diagram": "enum",
        "query": field["enum"],
        "queried": "value",
    }


def array(field: Field, entity: Entity, owner: Entity) -> dict[str, Any]:
    """Write a field of many scalars."""
    kind, spell = spelling(field)
    item = spell(kind.migration)
    column = spell(kind.column) or item.removeprefix("sa.").removesuffix("()")
    items = f"self.{field['attribute']}" + (" or ()" if field["optional"] else "")
    one = kind.check.partition("(")[0].removeprefix("check_")
    check = [f"for {one} in {items}:", f"    {spell(kind.check, one)}"]
    return {
        "type": f"tuple[{kind.python}, ...]",
        "message": f"tuple[{spell(kind.message or kind.python)}, ...]",
        "default": "" if field["optional"] else "()",
        "column": [f"ARRAY({column}, as_tuple=True)"],
        "checks": check if kind.check else [],
        "bad": [f"({spell(bad)},)" for bad in kind.bad],
        "refused": ['"none"'],
        "first": f"({spell(kind.first)}, {spell(kind.second)})",
        "second": f"({spell(kind.second)},)",
        "migration": f"postgresql.ARRAY({item})",
        "diagram": f"{kind.diagram}_array",
    }


def reference(field: Field, entity: Entity, owner: Entity) -> dict[str, Any]:
    """Write the identity of another entity."""
    target = field["target"]
    is_later = target["rank"] > owner["rank"]
    late = ", use_alter=True" if is_later else ""
    is_late = is_later and field["step"] == owner["step"]
    target["incoming"].append(
        field | {"holder": entity, "owner": owner, "is_late": is_late}
    )
    column = f'ForeignKey("{target["plural"]}.id", ondelete="RESTRICT"{late})'
    return {
        "type": f"{target['name']}Id",
        "boundary": IDENTITY,
        "refused": ["0", "2**63", '"some"'],
        "column": [column],
        "migration": "sa.BigInteger()",
        "diagram": "bigint",
        "is_late": is_late,
    }


def many(field: Field, entity: Entity, owner: Entity) -> dict[str, Any]:
    """Write the identities of other entities."""
    target = field["target"]
    identity = f"{target['name']}Id"
    field |= {
        "own_column": f"{entity['snake']}_id",
        "other_column": f"{field['singular']}_id",
    }
    target["incoming_manys"].append(field | {"owner": owner})
    return {
        "type": f"frozenset[{identity}]",
        "message": f"IdentitiesField[{identity}]",
        "default": "frozenset()",
        "refused": ['"none"', "[0]", "[2**63]"],
        "in_model": field["name"],
        "read": f"frozenset({identity}(other.id) for other in model.{field['name']})",
        "write": f"[row_of({target['name']}Model, id=other)"
        f" for other in {entity['variable']}.{field['attribute']}]",
    }


def children(field: Field, entity: Entity, owner: Entity) -> dict[str, Any]:
    """Write what an entity owns."""
    child = field["child"]
    return {
        "type": f"tuple[{child['name']}, ...]",
        "message": f"tuple[{child['name']}Data, ...]",
        "default": "()",
        "refused": ['"none"'],
        "commanded": f"tuple(part.to_domain() for part in command.{field['name']})",
        "read": f"tuple(map(read_{child['snake']}, model.{field['name']}))",
        "write": f"[write_{child['snake']}(position, {child['variable']})"
        f" for position, {child['variable']} in"
        f" enumerate({entity['variable']}.{field['name']})]",
    }


WRITERS: dict[str, Callable[[Field, Entity, Entity], dict[str, Any]]] = {
    "scalar": scalar,
    "enum": enum,
    "array": array,
    "reference": reference,
    "many": many,
    "children": children,
}


def relate(entity: Entity) -> None:
    """Say what follows from the relations, once every entity is described."""
    children = entity["children"]
    related = [
        *(
            field["target"]
            for field in every_field(entity)
            if field["kind"] in ("reference", "many")
        ),
        *(field["owner"] for field in entity["incoming"] + entity["incoming_manys"]),
    ]
    others = {other["name"]: other for other in related if other is not entity}
    enums = [
        field | {"of": holder["a_label"]}
        for holder in (entity, *(field["child"] for field in children))
        for field in holder["enums"]
    ]
    entity |= {
        "relatives": [others[name] for name in sorted(others)],
        "ids": [f"{name}Id" for name in sorted({entity["name"], *others})],
        "models": [entity["name"], *(field["child"]["name"] for field in children)],
        "all_enums": enums,
        "parts_of_domain": [
            entity["name"],
            *(field["child"]["name"] for field in children),
            *(field["enum"] for field in enums),
        ],
        "child_references": [
            reference | {"children": field["name"]}
            for field in children
            for reference in field["child"]["references"]
        ],
        "relations": [
            line for _, line in sorted(relations(entity), key=lambda one: -one[0])
        ],  # what came last is first, as an owner's come behind them
        "unique_indexes": [
            f'Index("uq_{entity["plural"]}_{f["attribute"]}", "{f["attribute"]}",'
            f' unique=True, postgresql_where=text("is_active"))'
            for f in reversed(entity["uniques"])  # an owner's come behind them
        ],
        "linked_with": ", ".join(
            f'"{field["attribute"]}": {field["target"]["name"]}'
            for field in entity["manys"]
        ),
    }
    for field in entity["incoming"]:
        owned = field["owner"]["children"]
        names = [one["name"] for one in owned if one["child"] is field["holder"]]
        field["children"] = "".join(names)
    for field in entity["references"]:
        target = field["target"]
        own = "" if target is entity else f"{target['snake'].upper()}_"
        field["target_parts"] = f", {own}PARTS" if target["parts"] else ""
    entity["guarded"] = any(
        entity[name] for name in ("references", "manys", "child_references")
    )
    entity["links"] = [
        *(field for field in entity["references"] if field["optional"]),
        *entity["manys"],
        *(one for one in entity["child_references"] if one["optional"]),
    ]
    entity["linked"] = ("linked_" if entity["links"] else "new_") + entity["snake"]
    entity["listings"] = listings(entity)
    entity["use_cases"] = use_cases(entity)
    entity |= builders(entity)


def by_need(entities: Iterable[Entity]) -> list[Entity]:
    """Put each entity after those that it needs, and keep the order else.

    A later step may give it a need of what was created after it.
    """
    ordered: dict[str, Entity] = {}

    def put(entity: Entity) -> None:
        if entity["name"] not in ordered:
            for other in entity["needed"]:
                put(other)
            ordered[entity["name"]] = entity

    for entity in entities:
        put(entity)
    return list(ordered.values())


def changes(entities: list[Entity]) -> list[dict[str, Any]]:
    """List the migrations, so that a later step leaves those of earlier ones alone.

    In each step the new entities are created, then older ones get their new fields.
    """
    steps = {entity["step"] for entity in entities}
    steps |= {field["step"] for entity in entities for field in every_field(entity)}
    found: list[dict[str, Any]] = []
    for step in sorted(steps):
        found += [creation(entity) for entity in entities if entity["step"] == step]
        older = [entity for entity in entities if entity["step"] < step]
        older.sort(key=lambda entity: entity["module"])
        extensions = [extension(entity, step) for entity in older]
        made = ("extended", "children", "associations")
        found += [one for one in extensions if any(one[what] for what in made)]
    for number, change in enumerate(found, start=1):
        revision, entity = f"{number:04}", change["entity"]
        change |= {
            "file": f"{revision}_{change['verb']}_{entity['snake']}",
            "revision": revision,
            "down_revision": f"{number - 1:04}" if number > 1 else None,
        }
        entity.setdefault("revision", revision)  # of its creation, which comes first
    return found


def creation(entity: Entity) -> dict[str, Any]:
    """Say what is made with the table of an entity.

    A table of a many-to-many comes with the later of its two, and so does the key of
    a reference to what was not there yet.
    """
    step, rank = entity["step"], entity["rank"]
    own = [
        f | {"owner": entity}
        for f in entity["manys"]
        if f["step"] == step and f["target"]["rank"] <= rank
    ]
    others = [
        f
        for f in entity["incoming_manys"]
        if f["step"] == f["owner"]["step"] and f["owner"]["rank"] < rank
    ]
    return {
        "verb": "create",
        "entity": entity,
        "created": [at_step(step, entity)],
        "extended": [],
        "children": children_of(entity, step),
        "associations": [*own, *others],
        "late_keys": [field for field in entity["incoming"] if field["is_late"]],
    }


def extension(entity: Entity, step: int) -> dict[str, Any]:
    """Say what a later step makes of an entity; all that it refers to is there."""
    owned = [field["child"] for field in entity["children"] if field["step"] < step]
    extended = [at_step(step, table) for table in (entity, *owned)]
    return {
        "verb": "extend",
        "entity": entity,
        "created": [],
        "extended": [table for table in extended if table["columns"]],
        "children": children_of(entity, step),
        "associations": [
            f | {"owner": entity} for f in entity["manys"] if f["step"] == step
        ],
        "late_keys": [
            field | {"holder": table}
            for table in extended
            for field in table["references"]
        ],
    }


def children_of(entity: Entity, step: int) -> list[Entity]:
    """List the children that came with a step, as they were then."""
    fields = (field for field in entity["children"] if field["step"] == step)
    return [at_step(step, field["child"]) for field in fields]


def at_step(step: int, table: Entity) -> Entity:
    """Say what a step brings to a table."""
    kinds = ("columns", "enums", "references", "state", "uniques")
    table = table | {
        kind: [field for field in table[kind] if field["step"] == step]
        for kind in kinds
    }
    return table | {"constraints": constraints(table), "indexes": indexes(table)}


def listings(entity: Entity) -> list[dict[str, str]]:
    """Say how those that are related to another one can be listed, with what text."""

    def listing(by: str, key: str, kind: str, where: str, what: str) -> dict[str, str]:
        return {"by": by, "key": key, "type": kind, "where": where, "what": what}

    def having(relation: str, other: Entity, by: str, what: str) -> dict[str, str]:
        key = f"{other['snake']}_id"
        return listing(by, key, f"{other['name']}Id", f"{relation}={key}", what)

    return [
        *(
            listing(
                field["finder"],
                field["attribute"],
                field["plain"],
                "{0}={0}".format(field["attribute"]),
                f"those that refer to this {field['label']}, the oldest first",
            )
            for field in entity["references"]
        ),
        *(
            having(
                field["name"],
                field["target"],
                field["finder"],
                f"those with this one among their {field['label']}",
            )
            for field in entity["manys"]
        ),
        *(
            having(
                field["reverse"],
                field["owner"],
                field["inverse"],
                f"the {field['label']} of {field['owner']['a_label']},"
                " the oldest first",
            )
            for field in entity["incoming_manys"]
        ),
    ]


def use_cases(entity: Entity) -> str:
    """Name what the service of an entity offers, beside what each of them does."""
    cases = [f"find_by_{field['finder']}" for field in entity["finders"]]
    cases += [f"list_by_{listing['by']}" for listing in entity["listings"]]
    for field in entity["references"]:
        cases += [f"{verb}_{field['finder']}" for verb in ("any_by", "get_with")]
    return ", ".join(f"`{case}`" for case in cases)


def builders(entity: Entity) -> dict[str, Any]:
    """Say how the tests and the demonstration make one, and what it needs before."""
    needed = needs(entity)
    identities = [
        "{0}: {1} = {1}(1)".format(need["name"], need["target"]["name"] + "Id")
        for need in needed
    ]
    variable = entity["variable"]
    return {
        "needs": needed,
        "needed": list({n["target"]["name"]: n["target"] for n in needed}.values()),
        "needs_text": "A new one; what it refers to need not be there."
        if needed
        else "A new one.",
        "builder_parameters": ", ".join(["*", *identities] if needed else []),
        "builder_arguments": ", ".join(
            f"{need['name']}=(await add_{need['target']['snake']}(uow)).id"
            for need in needed
        ),
        "kept_arguments": ", ".join(f"{n['name']}=kept.{n['path']}" for n in needed),
        "slips": "".join(f'"{name}": {bad}' for name, bad in entity["bad"][:1]),
        "first": sample(entity, "first", ".create", lambda name, _: name),
        "second": sample(entity, "second", ".create", kept_by(variable), kept=variable),
        "shown": sample(entity, "first", "Data", lambda _, other: shown(other)),
        "exampled": sample(entity, "first", "Data", first_of, is_alone=True),
        "reshown": sample(entity, "other", "Data", kept_by("one"), kept="one"),
    }


def parts(entity: Entity) -> list[str]:
    """List the relationships whose rows belong to an aggregate."""
    fields = [*entity["manys"], *entity["children"]]
    return [f"{entity['name']}Model.{field['name']}" for field in fields]


def relations(entity: Entity) -> Iterator[tuple[int, str]]:
    """Write the relationships of the model, each with the step that it came with.

    They are loaded only where they are asked for.
    """
    model = f"{entity['name']}Model"
    for field in entity["references"]:
        target = field["target"]
        itself = f', remote_side="{model}.id"' if target is entity else ""
        yield (
            field["step"],
            f'{field["name"]}: Mapped["{target["name"]}Model{field["none"]}"] ='
            f' relationship(back_populates="{field["reverse"]}",'
            f' foreign_keys={field["attribute"]}{itself}, lazy="raise")',
        )
    for field in entity["manys"]:
        ends = (field["own_column"], field["other_column"])
        line = association(entity, field, field["target"], field["through"], ends)
        yield field["step"], line
    for field in entity["children"]:
        child = f"{field['child']['name']}Model"
        yield (
            field["step"],
            f"{field['name']}: Mapped[list[{child}]] = relationship("
            f'cascade="all, delete-orphan",'
            f' foreign_keys={child}.{entity["snake"]}_id, lazy="raise",'
            f" order_by={child}.position, passive_deletes=True)",
        )
    for field in entity["incoming"]:
        holder = f"{field['holder']['name']}Model"
        kind = f'"{holder} | None"' if field["unique"] else f'list["{holder}"]'
        yield (
            field["step"],
            f"{field['reverse']}: Mapped[{kind}] = relationship("
            f'back_populates="{field["name"]}",'
            f' foreign_keys="{holder}.{field["attribute"]}",'
            f' lazy="raise", passive_deletes="all")',
        )
    for field in entity["incoming_manys"]:
        back = field | {"name": field["reverse"], "reverse": field["name"]}
        ends = (field["other_column"], field["own_column"])
        through = f'"{field["through"]}"'
        yield field["step"], association(entity, back, field["owner"], through, ends)


def association(
    entity: Entity, field: Field, other: Entity, table: str, ends: tuple[str, str]
) -> str:
    """Write one side of a many-to-many."""
    joins = [
        f'{name}join="{entity["name"]}Model.id == {field["through"]}.c.{end}"'
        for name, end in zip(("primary", "secondary"), ends, strict=True)
        if other is entity
    ]
    options = [
        f'back_populates="{field["reverse"]}"',
        'lazy="raise"',
        "passive_deletes=True",
        *joins,
        f"secondary={table}",
    ]
    name, model = field["name"], other["name"]
    return f'{name}: Mapped[list["{model}Model"]] = relationship({", ".join(options)})'


def needs(entity: Entity) -> list[dict[str, Any]]:
    """List the identities without which none can be made."""
    groups = [("", "", entity)]
    for field in entity["children"]:
        groups.append((f"{field['singular']}_", f"{field['name']}[0].", field["child"]))
    return [
        {
            "name": prefix + field["attribute"],
            "path": path + field["attribute"],
            "target": field["target"],
        }
        for prefix, path, holder in groups
        for field in holder["references"]
        if not field["optional"]
    ]


def sample(
    entity: Entity,
    which: str,
    made: str,
    key: Callable[[str, Entity], str],
    kept: str = "",
    path: str = "",
    is_alone: bool = False,
) -> str:
    """Write the arguments that make one, or change the one that is `kept`.

    One that `is_alone` needs no values that others of its kind do not have.
    """
    arguments: list[str] = []
    last = "other" if made == "Data" else "second"
    for field in entity["state"]:
        attribute = field["attribute"]
        if field["kind"] in ("reference", "many"):
            if not (field["optional"] or field["kind"] == "many"):
                arguments.append(
                    f"{attribute}={key(path + attribute, field['target'])}"
                )
            elif kept and not path:
                arguments.append(f"{attribute}={kept}.{attribute}")
        elif field["kind"] == "children":
            child = field["child"]
            inner = f"{attribute}[0]." if kept else f"{field['singular']}_"
            values = [
                sample(child, row, made, key, kept, inner, is_alone)
                for row in ([which] if kept else ["first", last])
            ]
            rows = [f"{child['name']}{made}({value})" for value in values]
            comma = "," if len(rows) == 1 else ""
            arguments.append(f"{attribute}=({', '.join(rows)}{comma})")
        else:
            fresh = "" if is_alone else field["fresh"]
            value = fresh or field.get(which) or field["second"]
            arguments.append(f"{attribute}={value}")
    return ", ".join(arguments)


def kept_by(variable: str) -> Callable[[str, Entity], str]:
    """Take an identity from what is kept in this variable."""
    return lambda path, _: f"{variable}.{path}"


def first_of(_path: str, entity: Entity) -> str:
    """Take the identity that the first one of all is given."""
    return f"{entity['name']}Id(1)"


def shown(entity: Entity) -> str:
    """Take an identity from a new entity, as the demonstration does."""
    return f"(await new_{entity['snake']}(container)).id"


def constraints(table: Entity) -> list[str]:
    """Write the constraints of a table for its migration."""
    name = table["plural"]
    return [
        *(
            f'sa.ForeignKeyConstraint(["{f["attribute"]}"],'
            f' ["{f["target"]["plural"]}.id"],'
            f' name=op.f("fk_{name}_{f["attribute"]}"), ondelete="RESTRICT")'
            for f in table["references"]
            if not f["is_late"]
        ),
        *(
            f"sa.CheckConstraint({f['condition']},"
            f' name=op.f("ck_{name}_{f["enum"].lower()}"))'
            for f in table["enums"]
        ),
    ]


def indexes(table: Entity) -> list[dict[str, str]]:
    """Write the indexes of a table for its migration."""
    name = table["plural"]
    return [
        *(
            {
                "name": f'"uq_{name}_{f["attribute"]}"',
                "of": f'["{f["attribute"]}"], unique=True,'
                ' postgresql_where=sa.text("is_active")',
            }
            for f in table["uniques"]
        ),
        *(
            {
                "name": f'op.f("ix_{name}_{f["attribute"]}")',
                "of": f'["{f["attribute"]}"]',
            }
            for f in table["state"]
            if f["index"] and not f["unique"]
        ),
    ]


# Templates have one statement on one line and their imports in any order, since both
# depend on names. What follows puts them as ruff would, for what the templates need.


def lay_out(text: str, package: str) -> str:
    """Leave out imports that nothing uses, sort the others, fold what is too long."""
    lines = used_imports(text.splitlines())
    return _folded(sorted_imports(lines, (package, "dev", "tests")))


IMPORT = re.compile(r"( *(?:from \S+ )?import )([^#]*[^#(])")
DEFINITION = ("def ", "async ", "class ", "@")
LONG_TEXT = re.compile(r'(^ *)?"""[^"]*(?:"{1,2}[^"]+)*"""', re.MULTILINE)


def used_imports(lines: list[str]) -> list[str]:
    """Leave out what is imported and not used: templates import all they may need."""
    found = {
        number: match
        for number, line in enumerate(before_definitions(lines))
        if "import " in line and (match := IMPORT.fullmatch(line))
    }
    if not found or "__all__ = [" in lines:
        return lines
    end = max(found) + 1
    if "if TYPE_CHECKING:" in lines:
        end = max(end, lines.index("if TYPE_CHECKING:") + 1)
    code = [lines[number] for number in range(end) if number not in found]
    text = "\n".join([*code, *lines[end:], ""]).replace("if TYPE_CHECKING:", "")
    text = LONG_TEXT.sub(without_docstring, text)
    head: list[str] = []
    for number in reversed(range(end)):
        line = lines[number]
        if line == "if TYPE_CHECKING:":
            if not head or not head[-1].startswith(" "):
                continue
            text += "TYPE_CHECKING\n"
        elif number in found:
            start, members = found[number].groups()
            used = [m for m in members.split(", ") if _is_used(m.split()[-1], text)]
            if not used:
                continue
            line = start + ", ".join(used)
        if line or (head and head[-1]):
            head.append(line)
    while head and not head[-1]:
        head.pop()
    tail = lines[end:]
    while tail and not tail[0]:
        del tail[0]
    blank = ["", ""] if tail and tail[0].startswith(DEFINITION) else [""]
    return [*head[::-1], *(blank if head and tail else []), *tail]


def without_docstring(text: re.Match[str]) -> str:
    """Leave out a text that begins a line; another may be a program."""
    return text[0] if text[1] is None else ""


def before_definitions(lines: list[str]) -> Iterator[str]:
    """Give the lines up to the first function or class: where modules import."""
    return takewhile(lambda line: not line.startswith(DEFINITION), lines)


def _is_used(name: str, text: str) -> bool:
    """Tell whether a name is read: not given as in `name: type` and `name=value`."""
    place = text.find(name)
    while place >= 0:
        end = place + len(name)
        before, after = text[place - 1 : place], text[end : end + 3]
        is_whole = not (before == "." or before.isidentifier() or before.isdigit())
        is_whole = is_whole and not f"_{after[:1]}".isidentifier()
        start = text.rfind("\n", 0, place) + 1
        line = text[start:place]
        is_type = after[:2] == ": " and re.fullmatch(r"(.*[(,])? *\**", line)
        is_value = after[:1] == "=" and after[1:2] not in ("=", " ")
        if is_whole and not (is_type or is_value) and _is_code(line, after):
            return True
        place = text.find(name, end)
    return False


def _is_code(before: str, after: str) -> bool:
    """Tell whether what follows is code: no comment or text, but for annotations."""
    if "#" in re.sub('"[^"]*"', "", before) or before.count('"') % 2:
        opening, _, text = before.rpartition('"')
        if opening.endswith("f"):
            return text.count("{") > text.count("}")
        is_annotation = before.endswith('["') and after.startswith(('"]', " | "))
        return opening.endswith(("> ", "cast(")) or is_annotation
    return True


def _folded(lines: Iterable[str]) -> str:
    folded: list[str] = []
    for line in lines:
        if len(line) <= WIDTH and line.isascii():
            folded.append(line)
        else:
            folded += fold(line)
    return "\n".join([*folded, ""])


def sorted_imports(lines: list[str], roots: Iterable[str]) -> list[str]:
    """Sort each run of `from ... import ...` lines of these packages, one a module."""
    ours = re.compile(rf" *from (?:{'|'.join(roots)})\b")
    result: list[str] = []
    run: dict[str, set[str]] = {}
    end = max((n for n, line in enumerate(lines) if "from " in line[:9]), default=-1)
    for line in [*lines[: end + 1], ""]:
        if "from " in line[:9] and ours.match(line):
            head, _, members = line.partition(" import ")
            one = f"{head} {members}" if " as " in members else head
            run.setdefault(one, set()).update(members.split(", "))
            continue
        if not run:
            result.append(line)
            continue
        for one in sorted(run, key=lambda one: _natural(one.split()[1])):
            head = " ".join(one.split()[:2])
            indent = one[: len(one) - len(one.lstrip())]
            members = ", ".join(sorted(run[one], key=_member_key))
            result.append(f"{indent}{head} import {members}")
        result.append(line)
        run = {}
    return result[:-1] + lines[end + 1 :]


@cache
def _member_key(name: str) -> tuple[int, list[Any], list[Any]]:
    """Constants first, then classes, then the rest."""
    is_constant = len(name) > 1 and name.isupper()
    kind = 0 if is_constant else 1 if name[0].isupper() else 2
    return kind, _natural(name.lower()), _natural(name)


@cache
def _natural(text: str) -> list[Any]:
    parts = re.split(r"(\d+)", text)
    return [int(part) if part.isdigit() else part for part in parts]


def fold(line: str) -> list[str]:
    """Break what is wider than the line: at its last brackets, or in new ones."""
    stripped = line.lstrip()
    indent = line[: len(line) - len(stripped)]
    if width(line) <= WIDTH or stripped.startswith(("#", '"""')):
        return [line]
    if stripped.startswith("from "):
        head, _, members = line.partition(" import ")
        inner = [f"{indent}    {name}," for name in members.split(", ")]
        return [f"{head} import (", *inner, f"{indent})"]
    pairs = _brackets(line)
    if stripped.startswith(("def ", "async def ", "class ")):
        return _broken(line, *pairs[0])  # those after `->` are not to be touched
    prefixes = _before_value(line)
    for start, end in reversed(pairs):
        if len(prefixes[0]) <= start and width(line[: start + 1]) <= WIDTH:
            return _broken(line, start, end)
    for prefix in prefixes:
        value = f"{indent}    {line[len(prefix) :]}"
        inside = _brackets(value)
        fits = width(value) <= WIDTH or not inside
        broken = [value] if fits else _broken(value, *inside[-1])
        if prefix != indent and max(width(prefix) + 1, width(broken[0])) <= WIDTH:
            return [f"{prefix}(", *broken, f"{indent})"]
    for start, end in pairs:
        if start < len(prefixes[0]):  # those of an annotation
            head, body, tail = line[: start + 1], line[start + 1 : end], line[end:]
            return [head, f"{indent}    {body}", *fold(indent + tail)]
    if pairs:
        return _broken(line, *pairs[-1])
    if found := re.fullmatch(r"( +\w+: \w+)( \| None = .+,)", line):
        return [found[1], indent + found[2].strip()]
    return [line]


def _before_value(line: str) -> list[str]:
    """Find what stands before the value of a statement, without and with `await`."""
    indent = line[: len(line) - len(line.lstrip())]
    if line.endswith(","):
        return [indent]
    left, equals, right = line.partition(" = ")
    prefix = indent
    if equals and not any(start < len(left) < end for start, end in _brackets(line)):
        prefix = f"{left} = "
    elif line.lstrip().startswith("return "):
        prefix, right = f"{indent}return ", line.lstrip()[7:]
    elif line.lstrip().startswith("await "):
        return [f"{indent}await "]
    elif re.fullmatch(r"\w+: [\w |]+", line.lstrip()):
        prefix = line[: line.index(": ") + 2]
    return [prefix, f"{prefix}await "] if right.startswith("await ") else [prefix]


def width(text: str) -> int:
    """Count the columns that a text takes, as the formatter does."""
    if text.isascii():
        return len(text)
    wide = {"W": 2, "F": 2}
    return sum(
        0 if combining(mark) else wide.get(east_asian_width(mark), 1) for mark in text
    )


def _broken(line: str, start: int, end: int) -> list[str]:
    """Put what is in these brackets on lines of its own."""
    indent = line[: len(line) - len(line.lstrip())]
    inner = f"{indent}    "
    head, body, tail = line[: start + 1], line[start + 1 : end], line[end:]
    if clauses := _clauses(body):
        if width(inner + body) <= WIDTH:
            clauses = [body]
        parts = [part for clause in clauses for part in fold(inner + clause)]
        return [head, *parts, indent + tail]
    parts = [part for part in _split(body) if part]
    is_definition = line.lstrip().startswith(("def ", "async def "))
    is_call = is_definition or re.search(r"[\w\])]$", line[:start]) is not None
    comma = "," if is_definition and len(parts) == 1 else ""
    end_lines = [indent + tail]
    if is_definition and width(indent + tail) > WIDTH:
        returned = tail.removeprefix(") -> ").removesuffix(":")
        end_lines = [f"{indent}) -> (", inner + returned, f"{indent}):"]
    if is_call and width(inner + body + comma) <= WIDTH:
        return [head, f"{inner}{body}{comma}", *end_lines]
    is_group = is_call or line[start] == "("
    if len(parts) == 1 and is_group and not is_definition and not body.endswith(","):
        return [head, *fold(inner + body), indent + tail]
    parts = [piece for part in parts for piece in fold(f"{inner}{part},")]
    return [head, *parts, *end_lines]


def _brackets(line: str) -> list[tuple[int, int]]:
    """Find the outermost brackets of a line that have something in them."""
    pairs: list[tuple[int, int]] = []
    stack: list[int] = []
    for position, character in _code(line):
        if character in "([{":
            stack.append(position)
        elif character in ")]}" and stack:
            start = stack.pop()
            if not stack and position > start + 1:
                pairs.append((start, position))
    return pairs


def _split(body: str) -> list[str]:
    """Split at the commas outside of brackets."""
    parts, depth, start = [], 0, 0
    for position, character in _code(body):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(body[start:position].strip())
            start = position + 1
    return [*parts, body[start:].strip()]


def _clauses(body: str) -> list[str]:
    """Split a comprehension before its `for` and `if`; return nothing for others."""
    if " for " not in body:
        return []
    starts = [0]
    depth = 0
    for position, character in _code(body):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and re.match(r" (?:for|if) ", body[position:]):
            starts.append(position + 1)
    if not any(body.startswith("for ", start) for start in starts):
        return []
    return [body[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]


MARKS = re.compile(r'"[^"]*"|[][(){}, ]')


def _code(line: str) -> Iterable[tuple[int, str]]:
    """Walk the brackets, commas and spaces of a line that are not in a string."""
    for found in MARKS.finditer(line):
        if found[0][0] != '"':
            yield found.start(), found[0]


def without_bodies(text: str) -> str:
    """Keep of each function what stands before its body, which takes long to parse."""
    kept: list[str] = []
    is_body = False
    for line in text.splitlines():
        is_body = is_body and line[:1] in ("", " ")
        if not is_body:
            kept.append(line)
            if line.endswith(":") and line.startswith(("def ", "async def ", ")")):
                kept.append("    ...")
                is_body = True
    return "\n".join(kept)


def count_tests(module: str) -> int:
    """Count the tests of a module as pytest does: each with every value it is given."""
    tree = ast.parse(without_bodies(module))
    lists: dict[str, ast.expr] = {}
    fixtures: dict[str, set[str]] = {"unit_of_work": {"unit_of_work"}}
    count = 0
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                lists[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.List() as value):
                lists[name] = value
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        names = {argument.arg for argument in node.args.args}
        for name in tuple(names):
            names |= fixtures.get(name, set())
        fixtures[node.name] = names
        if node.name.startswith("test_"):
            tests = 2 if "unit_of_work" in names else 1
            for mark in node.decorator_list:
                match mark:
                    case ast.Call(func=ast.Attribute(attr="parametrize"), args=args):
                        values = args[1]
                        if isinstance(values, ast.Name):
                            values = lists[values.id]
                        tests *= len(values.elts) if isinstance(values, ast.List) else 0
            count += tests
    return count


def record(answers: dict[str, Any]) -> dict[str, str]:
    """Keep what this was made from, in the form of cruft, unless cruft will do so.

    Where the template has no commit, or changes beside it, none is told.
    """
    if "_commit" in answers:
        return {}
    given = answers["_template"]
    starts = (os.environ.get("PWD", ""), answers["_output_dir"])
    folders = [folder for s in starts if (folder := Path(s, given)).is_dir()]
    folder = folders[0].resolve() if folders else Path(answers["_repo_dir"])
    template, commit, directory = str(folder) if folders else given, None, ""
    named = git(folder, "rev-parse", "HEAD", "--show-toplevel", "--show-prefix")
    if named and not git(folder, "status", "--porcelain", "--ignored", "--", *PARTS):
        commit, template, directory = named.split("\n")[:3]
        if not folders:
            template = git(folder, "remote", "get-url", "origin").strip()
    kept = {
        "template": template,
        "commit": commit,
        "checkout": answers["_checkout"],
        "context": {
            "cookiecutter": {
                question: answer
                for question, answer in answers.items()
                if not question.startswith("_")
            }
        },
        "directory": directory.strip("/") or None,
    }
    return {RECORD: json.dumps(kept, ensure_ascii=False, indent=2) + "\n"}


def git(folder: Path, *arguments: str) -> str:
    """Ask git; nothing where it is not there, or the folder is not its own."""
    command = ["git", "-C", str(folder), *arguments]
    own = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    with suppress(OSError):
        done = subprocess.run(
            command, capture_output=True, check=False, encoding="utf-8", env=own
        )
        return done.stdout if done.returncode == 0 else ""
    return ""


def report(model: dict[str, Any], files: int, tests: int) -> str:
    """Say what is made and which commands remain; the hook knows the folder."""
    entities = model["entities"]
    noun = "entity" if len(entities) == 1 else "entities"
    widest = max(len(entity["name"]) for entity in entities)
    commands = {
        "cd {folder}": "",
        "uv lock": "the versions of all that it stands on",
        f'git init && git add -A && git commit -m "Generate {model["slug"]}"': "",
        "uv run pytest": f"{tests} tests, on a PostgreSQL that starts by itself",
        "uv run python -m dev.demo": "every use case at work",
    }
    if model["api"] == "fastapi":
        commands[f"uv run {model['slug']} dev"] = "HTTP, with documentation to try it"
    commands["uv run dev/template.py -h"] = "later: more entities, a newer template"
    width = max(len(command) for command in commands if commands[command])
    return "\n".join(
        [
            "",
            f"Created {model['slug']}: {len(entities)} {noun}, {files} files,"
            f" {tests} tests",
            *(f"  {e['name']:<{widest}}  in table {e['plural']}" for e in entities),
            "",
            "What remains:",
            *(
                f"  {command:<{width}}  # {purpose}" if purpose else f"  {command}"
                for command, purpose in commands.items()
            ),
        ]
    )


class OfDictionaries(Environment):
    """Looks for `entity.name` in the dictionary first, which is where it is."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what the template asks for."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def as_text(text: str) -> str:
    """Write a text as ruff does: in other quotes where that spares escapes."""
    written = json.dumps(text, ensure_ascii=False)
    if text.count('"') > text.count("'"):
        return "'" + written[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
    return written


FILTERS = {
    "fold": lambda text: _folded(text.splitlines()),
    "append": lambda text, suffix: text + suffix,
    "capital": lambda text: text[0].upper() + text[1:],
    "text": as_text,
    "python": lambda text: "None" if text is None else json.dumps(text),
    "toml": lambda text: json.dumps(text, ensure_ascii=False),
}


def environment(template: Path) -> Environment:
    """Return what renders the files of a folder."""
    made = OfDictionaries(  # the output is no HTML
        bytecode_cache=FileSystemBytecodeCache(),  # compiling takes as long as all else
        cache_size=0,  # each is rendered once
        keep_trailing_newline=True,
        loader=FunctionLoader(lambda name: (template / name).read_text("utf-8")),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters |= FILTERS
    return made
