"""Commands about accounts: who may use the web app, in which role, and with which keys."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from creditrisk.settings import read_settings

role_option = click.option(
    "--role",
    type=click.Choice(["clerk", "analyst", "approver"]),
    required=True,
    help="clerk: scores; analyst: also reports outcomes and looks after the model; approver: also changes it.",
)


@click.group("user")
def user_group() -> None:
    """Say who may use the page and the API; from the first account on, nobody gets in without one."""


@user_group.command("add")
@click.argument("name")
@role_option
def add_person(name: str, role: str) -> None:
    """Make an account for NAME. The password is asked for twice, or read from the standard input."""
    from webapp.accounts import add_user
    from webapp.accounts_file import has_accounts

    home = _home()
    was_open = not has_accounts(home)
    add_user(home, name, role, _new_password())  # type: ignore[arg-type]  # click has checked it
    click.echo(f"{name.strip().lower()} may sign in as {role}.")
    if was_open:
        click.echo("This is the first account: from now on, nobody uses the page or the API without one.")


@user_group.command("list")
def list_accounts() -> None:
    """List accounts and keys."""
    from webapp.accounts import read_book
    from webapp.accounts_file import accounts_file

    book = read_book(accounts_file(_home()))
    for user in book.users:
        click.echo(f"{user.name}  {user.role}  since {user.since}")
    for key in book.keys:
        click.echo(f"{key.name}  key for {', '.join(key.scopes)}  since {key.since}")
    if not book.users and not book.keys:
        click.echo("There are no accounts. `riskometer user add NAME --role clerk` makes one.")


@user_group.command("role")
@click.argument("name")
@role_option
def change_role(name: str, role: str) -> None:
    """Give NAME another role, from the next request on."""
    from webapp.accounts import change_user

    change_user(_home(), name, role=role)  # type: ignore[arg-type]  # click has checked it
    click.echo(f"{name.strip().lower()} is {role} now.")


@user_group.command("password")
@click.argument("name")
def change_password(name: str) -> None:
    """Give NAME another password, asked for as by `add`; whoever is signed in as NAME has to sign in again."""
    from webapp.accounts import change_user

    change_user(_home(), name, password=_new_password())
    click.echo(f"{name.strip().lower()} has another password now.")


@user_group.command("remove")
@click.argument("name")
def remove_person(name: str) -> None:
    """Remove the account of NAME, who is signed out at once."""
    from webapp.accounts import read_book, remove_user
    from webapp.accounts_file import accounts_file

    home = _home()
    remove_user(home, name)
    click.echo(f"{name.strip().lower()} has no account any more.")
    if not read_book(accounts_file(home)).users:
        click.echo(f"Nobody can sign in now. To do without accounts, delete {accounts_file(home)} and restart the app.")


@user_group.group("key")
def key_group() -> None:
    """Keys for programs."""


@key_group.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["score", "decisions", "outcomes"]),
    multiple=True,
    required=True,
    help="score: score applications; decisions: look them up; outcomes: report them. Give it again for another one.",
)
def add_program(name: str, scopes: tuple[str, ...]) -> None:
    """Make a key for the program NAME and print it, once: it is kept nowhere."""
    from webapp.accounts import add_key
    from webapp.accounts_file import has_accounts

    home = _home()
    was_open = not has_accounts(home)
    click.echo(add_key(home, name, scopes))  # type: ignore[arg-type]  # click has checked them
    click.echo("Send it with each request as `Authorization: Bearer KEY`. It is not shown again.", err=True)
    if was_open:
        click.echo("From now on, nobody uses the page or the API without an account or a key.", err=True)


@key_group.command("remove")
@click.argument("name")
def remove_program(name: str) -> None:
    """Remove the key of the program NAME, which opens nothing from then on."""
    from webapp.accounts import remove_key

    remove_key(_home(), name)
    click.echo(f"{name.strip().lower()} has no key any more.")


def _home() -> Path:
    return read_settings().home


def _new_password() -> str:
    """Asked for twice, if a person sits there; never an argument, which every user of the machine could read."""
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return password
    return sys.stdin.readline().rstrip("\r\n")
