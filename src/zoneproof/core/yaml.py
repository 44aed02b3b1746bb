"""YAML that others may have written: without aliases, by which a few lines become gigabytes."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from zoneproof.core.errors import InvalidInputError

T = TypeVar("T")

_DEEPEST = 100  # what reads YAML calls itself for each level, in C, until the process ends


def decode_yaml(data: str | bytes, into: type[T]) -> T:
    """Return what YAML says, in the form of ``into``.

    Raises InvalidInputError for aliases and for what is nested too deeply, msgspec.DecodeError for
    what is no YAML, msgspec.ValidationError for another form, and ImportError without PyYAML.
    """
    import yaml  # type: ignore[import-untyped]  # optional: the extra 'kubernetes'

    beginnings = (
        *(yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken),
        *(yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken),
    )
    ends = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
    depth = 0
    try:
        for token in yaml.scan(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(token, yaml.AliasToken):
                raise InvalidInputError(
                    "it has an alias, such as *name: write there what that stands for"
                )
            depth += isinstance(token, beginnings) - isinstance(token, ends)
            if depth > _DEEPEST:
                raise InvalidInputError("it is nested too deeply")
    except yaml.YAMLError as error:
        raise msgspec.DecodeError(str(error)) from error
    return msgspec.yaml.decode(data, type=into)
