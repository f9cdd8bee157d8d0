"""What is wrong with a profile, in lines of its own keys: an unknown one with those near it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

PRIMITIVES = ("str", "int", "float", "bool")
FEW = 12  # names that are listed where none is near


def lines(error: ValidationError, kind: Any) -> list[str]:
    """One line per broken value, `pair.lenght_penalty: unknown; near: length_penalty`."""
    schema = TypeAdapter(kind).json_schema()
    return [_line(dict(problem), schema) for problem in error.errors()]


def _line(problem: dict[str, Any], schema: dict[str, Any]) -> str:
    loc = list(problem["loc"]) or ["(top)"]
    place, last = _walked(schema, loc)[0], loc[-1]
    text = problem["msg"]
    if problem["type"] == "unexpected_keyword_argument":
        text = f"unknown; {near(str(last), _walked(schema, loc[:-1])[1])}"
    elif problem["type"] == "union_tag_invalid":
        context = problem["ctx"]
        tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        text = f"no {context['discriminator'].strip(chr(39))} is {context['tag']!r}; {near(context['tag'], tags)}"
    return f"{'.'.join(place)}: {text}"


def _walked(schema: dict[str, Any], loc: list[Any]) -> tuple[list[str], list[str]]:
    """The keys that lead to a place, without what pydantic calls the members of a union; and the names known there."""
    node, place = schema, []
    for part in loc:
        node, is_key = _step(_resolved(node, schema), part)
        place += [str(part)] if is_key else []
    return place, list(_resolved(node, schema).get("properties", ()))


def _step(node: dict[str, Any], part: Any) -> tuple[dict[str, Any], bool]:
    """The schema at a part of a place, and whether that is a key, rather than the name of a union's member."""
    if part in node.get("properties", {}):
        return node["properties"][part], True
    if part in (tags := node.get("discriminator", {}).get("mapping", {})):
        return {"$ref": tags[part]}, False
    for member in node.get("anyOf", []):
        if part in PRIMITIVES or member.get("$ref", "").endswith(f"/{part}"):
            return member, False
        if named := _named(member):
            return named, True
    return _named(node) or {}, True


def _named(node: dict[str, Any]) -> dict[str, Any]:
    """The schema of what stands under names that are the user's own."""
    inner = [*node.get("patternProperties", {}).values(), node.get("additionalProperties"), node.get("items")]
    return next((one for one in inner if isinstance(one, dict)), {})


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    members = [one for one in node.get("anyOf", []) if one.get("type") != "null"]
    if len(members) == 1:  # of what may be null
        return _resolved(members[0], schema)
    return _resolved(schema["$defs"][node["$ref"].rpartition("/")[2]], schema) if "$ref" in node else node


def near(name: str, names: list[str]) -> str:
    """The names that are like an unknown one; where none is, the first of all."""
    if like := get_close_matches(name, names, n=3):
        return f"near: {', '.join(like)}"
    more = f", and {len(names) - FEW} more" if len(names) > FEW else ""
    return f"there are: {', '.join(names[:FEW])}{more}"
