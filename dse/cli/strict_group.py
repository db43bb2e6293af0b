"""A group of commands that names the choices, and takes no empty value for the default."""

from __future__ import annotations

from collections.abc import Sequence

import click


class StrictGroup(click.Group):
    """What every group of ``dse`` has in common."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if not args[0].startswith("-") and args[0] not in names:
            ctx.fail(f"no such command {args[0]!r} (choose from {', '.join(names)})")
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            _refuse_empty_values(click.Context(command, parent=ctx, info_name=name), rest)
        return name, command, rest


def _refuse_empty_values(ctx: click.Context, arguments: Sequence[str]) -> None:
    """An empty value is a variable that was not set; it must not mean the default."""
    given, _, _ = ctx.command.make_parser(ctx).parse_args(list(arguments))
    for parameter in ctx.command.params:
        values = given.get(parameter.name)
        if "" in (values if isinstance(values, (list, tuple)) else (values,)):
            raise click.BadParameter("is empty", ctx, parameter)
