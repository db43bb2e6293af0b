"""``dse doctor``: what is installed, what is missing, what each backend needs."""

from __future__ import annotations

import json

import click

from dse.cli.options import json_option

EXIT_UNHEALTHY = 1


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Show what is installed and what each backend needs.

    Exit code 1 if a package is missing or a backend cannot be used. Vendor tools are optional.
    """
    from dse.doctor import Finding, examine

    found = examine()
    if as_json:
        click.echo(
            json.dumps(
                {
                    "python": found.python,
                    "platform": found.platform,
                    "packages": {item.name: item.version for item in found.packages},
                    "executables": {item.name: item.version for item in found.executables},
                    "libraries": {item.name: item.version for item in found.libraries},
                    "backends": {
                        item.name: {"ready": item.is_ready, "missing": list(item.missing)}
                        for item in found.backends
                    },
                    "healthy": found.is_healthy,
                },
                indent=1,
            )
        )
        return 0 if found.is_healthy else EXIT_UNHEALTHY

    def line(item: Finding) -> str:
        mark = "ok     " if item.is_there else "missing"
        return f"  {mark}  {item.name:<13} {item.version or '-':<16} {item.purpose}"

    click.echo(f"Python {found.python} on {found.platform}")
    click.echo("Packages")
    for item in found.packages:
        click.echo(line(item))
    click.echo("Executables (none is needed for `estimate`)")
    for item in found.executables:
        click.echo(line(item))
    click.echo("Libraries for HLS")
    for item in found.libraries:
        click.echo(line(item))
    click.echo("Backends")
    for backend in found.backends:
        state = "ready" if backend.is_ready else "needs " + ", ".join(backend.missing)
        click.echo(f"  {backend.name:<13} {state}")
    return 0 if found.is_healthy else EXIT_UNHEALTHY
