"""Kinds of values on the command line of `serve`, each refused with an example."""

import re
from pathlib import Path
from typing import Final, cast

import click

from spanledger_collector.settings import Address

__all__ = ["ADDRESS", "DAYS", "FILE", "HOSTS", "ORIGINS"]

_ORIGIN = re.compile(r"https?://[^/\s]+")


class _AddressType(click.ParamType[Address]):
    """HOST:PORT."""

    name = "HOST:PORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        if isinstance(value, Address):
            return value
        try:
            return Address.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _HostsType(click.ParamType[tuple[str, ...]]):
    """Names of hosts with commas, of which upper and lower case are the same."""

    name = "LIST"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:  # noqa: ARG002 - click's signature
        if isinstance(value, tuple):
            return cast("tuple[str, ...]", value)
        return tuple(part.strip().lower() for part in str(value).split(",") if part.strip())


class _OriginsType(_HostsType):
    """Origins as browsers write them, with commas."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        origins = super().convert(value, param, ctx)
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                self.fail(f"{origin!r} is no origin, for example https://shop.example", param, ctx)
        return origins


class _DaysType(click.ParamType[int | None]):
    """A number of days, or for ever, which is None."""

    name = "DAYS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "forever" or value is None:
            return None
        if not str(value).isdecimal():
            self.fail(f"{value!r} is neither a number of days nor `forever`", param, ctx)
        return int(str(value))


ADDRESS: Final = _AddressType()
HOSTS: Final = _HostsType()
ORIGINS: Final = _OriginsType()
DAYS: Final = _DaysType()
FILE: Final = click.Path(dir_okay=False, path_type=Path)
