"""By which names the servers of this project may be called, and which web pages may ask them.

A browser sends along, and no page can forge, the name it called a server by (Host) and the site of the page that asks
(Origin, Sec-Fetch-Site). A page from elsewhere reaches a server on this machine either under its own Origin, or through
a domain name of its own that resolves to this machine and then stands in Host: both are refused here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from functools import lru_cache
from urllib.parse import urlsplit


# One client sends the same name with every request; what others make up does not stay.
@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a Host header, or an address to listen on, names this machine by a loopback name.

    Examples
    --------
    >>> is_loopback("localhost:9696"), is_loopback("[::1]:9696"), is_loopback("::1"), is_loopback("evil.example")
    (True, True, True, False)
    """
    name = _name(host)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_every_address(host: str) -> bool:
    """Whether an address to listen on stands for all that a machine has.

    Examples
    --------
    >>> is_every_address("0.0.0.0"), is_every_address("::"), is_every_address("192.0.2.7")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def reached_at(host: str) -> str:
    """How what listens on an address is reached from its own machine, as it stands in a URL.

    Examples
    --------
    >>> reached_at("0.0.0.0"), reached_at("::1"), reached_at("192.0.2.7")
    ('127.0.0.1', '[::1]', '192.0.2.7')
    """
    host = "127.0.0.1" if is_every_address(host) else host
    return f"[{host}]" if ":" in host else host


def is_called_by(host: str, names: Collection[str]) -> bool:
    """Whether a Host header names a loopback address or one of `names`, whatever the port.

    Examples
    --------
    >>> is_called_by("Risk.Bank.example:9696", ["risk.bank.example"]), is_called_by("evil.example", ["web"])
    (True, False)
    """
    return is_loopback(host) or (bool(_name(host)) and _name(host) in map(_name, names))


def is_asked_from_elsewhere(host: str, origin: str | None, site: str | None) -> bool:
    """Whether a browser asks on behalf of a page of another site; programs send neither header and are not meant.

    Parameters
    ----------
    host
        The Host header.
    origin, site
        The headers Origin and Sec-Fetch-Site, None where they are missing.

    Examples
    --------
    >>> is_asked_from_elsewhere("localhost:9696", "https://evil.example", None)
    True
    >>> is_asked_from_elsewhere("localhost:9696", "http://localhost:9696", "same-origin")
    False
    """
    return (site or "none") not in ("same-origin", "none") or (origin is not None and _netloc(origin) != host.lower())


def is_link_followed(method: str, mode: str | None, dest: str | None) -> bool:
    """Whether a browser follows a link: a person sees the answer, the page that holds the link does not.

    Parameters
    ----------
    mode, dest
        The headers Sec-Fetch-Mode and Sec-Fetch-Dest, None where they are missing.

    Examples
    --------
    >>> is_link_followed("GET", "navigate", "document"), is_link_followed("GET", "navigate", "iframe")
    (True, False)
    """
    return (method, mode, dest) == ("GET", "navigate", "document")


def _name(host: str) -> str:
    """The name or address without the port; an IPv6 address to listen on has no brackets."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:  # such as an unclosed bracket
        return ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
