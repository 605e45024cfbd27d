"""Settings: read once at start, from the environment, overridden by command-line options."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from dva_agent.origin import origin_of
from dva_agent.protocol import MAX_LEASES, MAX_UNIT_PAIRS

from server.errors import SettingsError

VERSION = version("dva")
PREFIX = "DVA_"
TOKEN_LENGTH = 16
SHORTEST_KEY = 32
_ADDRESS = re.compile(
    r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?"
)
"""Of what a header may hold as it is: no query, no name, no password."""
_PRICE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ([A-Z]{3})", re.ASCII)
_ISSUER = re.compile(r"https://[^\s?#]+|http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?(/[^\s?#]*)?")
CHECKOUT = Path(__file__).resolve().parent.parent


class Price(NamedTuple):
    amount: float
    currency: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting. docs/operations.md lists them; each is `DVA_` + its name in capitals."""

    data: Path = Path("data")
    """The data folder: database, indexes, registered bundles."""
    database: str = ""
    """SQLAlchemy URL; empty: SQLite at `data`/dva.db."""
    static: Path = CHECKOUT / "static"
    """The folder served under /static."""
    unit_pairs: int = 256
    """Pairs in a unit, 1 to 4096. Applies to what is ingested from then on."""
    lease_seconds: float = 600.0
    """How long a lease runs, and how far a heartbeat moves its deadline."""
    lease_max_seconds: float = 7200.0
    """How long heartbeats can keep one lease alive."""
    leases_per_device: int = MAX_LEASES
    """Leases one device may hold at a time, 1 to 8."""
    leases_per_contributor: int = 64
    """Leases all devices of one contributor may hold at a time; 0: no limit."""
    leases_per_network: int = 256
    """The same for one network (/24 or /64), whoever is in it."""
    units_per_day: int = 1_000_000
    """Units one device may take in a day (UTC), as long as none of its work was found wrong."""
    devices_kept_days: int = 365
    """Days after which what a device said of itself is blanked, if it wasn't seen; 0: never."""
    compact_after_days: float = 7.0
    """Days after its last result and audit that `dva audit` compacts a finished shard; 0: never."""
    reports_per_day: int = 50
    """Pairs one device may report within 24 hours, 0 to 10000."""
    registrations_per_hour: int = 60
    """Devices that may register from one network (/24 or /64) an hour; 0: no limit."""
    requests_per_second: float = 50.0
    """Requests of one device, ten seconds' worth at once; 0: no limit. Files don't count."""
    network_requests_per_second: float = 500.0
    """The same for one network."""
    model_mirror: str = ""
    """Where else the files of bundles lie: below it as below `data`/bundles; empty: nowhere."""
    origins: str = ""
    """Where people see this server, such as https://dva.example.org, with spaces between several.
    Empty: under whatever name of this machine or its own network it is asked, and no public one."""
    proxies: int = 0
    """Proxies before the server that set X-Forwarded-For and X-Forwarded-Proto, 0 to 5."""
    secret_key: str = ""
    """Signs tokens, challenges and operators' cookies, draws audits and names networks; empty: a
    key kept in `data`/secret.key. PostgreSQL needs one: all servers over one database have the
    same."""
    oidc_issuer: str = ""
    """An OpenID Connect provider that operators may sign in with, as it calls itself, such as
    https://login.example.org; empty: none."""
    oidc_client_id: str = ""
    """What the provider knows this server as."""
    oidc_client_secret: str = ""
    oidc_roles: str = ""
    """Who gets which role, with spaces between several: group:NAME=ROLE, domain:NAME=ROLE. Whoever
    gets none isn't let in."""
    workers: int = 1
    """Server processes."""
    threads: int = 8
    """Threads of each."""
    log_level: str = "warning"
    """debug, info, warning or error. info has a line for each request."""
    log_format: str = "auto"
    """json: a JSON object a line. text: for people. auto: text on a terminal, json elsewhere."""
    traffic_price: str = ""
    """What a gigabyte (10^9 bytes) that leaves costs you, such as "0.09 USD"; empty: unknown."""
    auditor_price: str = ""
    """What an hour of a machine that audits costs you, in the same form; empty: unknown."""
    metrics_token: str = ""
    """Who sends it as a bearer token may read /metrics from elsewhere; empty: nobody may."""

    def __post_init__(self) -> None:
        _within("unit_pairs", self.unit_pairs, 1, MAX_UNIT_PAIRS)
        _within("lease_seconds", self.lease_seconds, 1, 86_400)
        _within("lease_max_seconds", self.lease_max_seconds, self.lease_seconds, 604_800)
        _within("leases_per_device", self.leases_per_device, 1, MAX_LEASES)
        _within("leases_per_contributor", self.leases_per_contributor, 0, 1_000_000)
        _within("leases_per_network", self.leases_per_network, 0, 1_000_000)
        _within("units_per_day", self.units_per_day, 1, 1_000_000_000)
        _within("devices_kept_days", self.devices_kept_days, 0, 36_500)
        _within("compact_after_days", self.compact_after_days, 0, 36_500)
        _within("reports_per_day", self.reports_per_day, 0, 10_000)
        _within("registrations_per_hour", self.registrations_per_hour, 0, 1_000_000)
        _within("requests_per_second", self.requests_per_second, 0, 1_000_000)
        _within("network_requests_per_second", self.network_requests_per_second, 0, 1_000_000)
        _within("proxies", self.proxies, 0, 5)
        if self.secret_key and len(self.secret_key) < SHORTEST_KEY:
            raise SettingsError(f"secret_key has fewer than {SHORTEST_KEY} characters.")
        _within("workers", self.workers, 1, 64)
        _within("threads", self.threads, 1, 256)
        if self.model_mirror and not _ADDRESS.fullmatch(self.model_mirror):
            raise SettingsError(
                f"model_mirror is {self.model_mirror!r}, not an address such as "
                "https://models.example.org/dva."
            )
        for name in self.own_origins:
            if not _is_origin(name):
                raise SettingsError(
                    f"origins has {name!r} in it, not a scheme and a name such as "
                    "https://dva.example.org."
                )
        for name in ("traffic_price", "auditor_price"):
            _price(name, getattr(self, name))
        self._check_oidc()
        if self.log_format not in ("auto", "json", "text"):
            raise SettingsError(f"log_format is {self.log_format!r}.")
        if self.metrics_token and len(self.metrics_token) < TOKEN_LENGTH:
            raise SettingsError(f"metrics_token has fewer than {TOKEN_LENGTH} characters.")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise SettingsError(f"log_level is {self.log_level!r}.")
        # Here, because some commands take nothing else from it.
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            dialect = make_url(self.database_url).get_dialect().name
        except (ArgumentError, ImportError) as error:
            raise SettingsError(f"The database URL can't be used: {error}") from error
        if dialect not in ("sqlite", "postgresql"):
            raise SettingsError(f"DVA runs on sqlite and postgresql, not on {dialect}.")

    def _check_oidc(self) -> None:
        if not self.oidc_issuer:
            return
        if not _ISSUER.fullmatch(self.oidc_issuer):
            raise SettingsError(
                f"oidc_issuer is {self.oidc_issuer!r}, not an address such as "
                "https://login.example.org; http is for this machine only."
            )
        for name in ("oidc_client_id", "oidc_client_secret", "oidc_roles"):
            if not getattr(self, name):
                raise SettingsError(f"oidc_issuer is set, so {name} has to be, too.")

    @property
    def database_url(self) -> str:
        """`postgresql://` means psycopg 3, the driver that the `postgres` extra installs."""
        if not self.database:
            return f"sqlite:///{self.data.resolve() / 'dva.db'}"
        for name in ("postgresql://", "postgres://"):
            if self.database.startswith(name):
                return "postgresql+psycopg://" + self.database.removeprefix(name)
        return self.database

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file of this machine, which no other server shares."""
        return self.database_url.startswith("sqlite")

    @property
    def own_origins(self) -> tuple[str, ...]:
        return tuple(self.origins.split())

    @property
    def mirror_origin(self) -> str:
        """Scheme, host and port of the mirror; empty: there is none."""
        return "/".join(self.model_mirror.split("/", 3)[:3])

    @property
    def price_of_traffic(self) -> Price | None:
        """Of a gigabyte; None: unknown."""
        return _price("traffic_price", self.traffic_price)

    @property
    def price_of_auditor(self) -> Price | None:
        """Of an hour; None: unknown."""
        return _price("auditor_price", self.auditor_price)

    @property
    def bundles(self) -> Path:
        return self.data / "bundles"

    @property
    def licences(self) -> Path:
        return self.data / "licences"

    @property
    def pools(self) -> Path:
        return self.data / "pools"

    @property
    def scores(self) -> Path:
        return self.data / "scores"

    @property
    def workbench(self) -> Path:
        return self.data / "workbench"


def read_settings(environment: Mapping[str, str] = os.environ, **options: object) -> Settings:
    """Settings from DVA_* variables, then from options that aren't None. Raises SettingsError
    for a value that can't be read or is out of range."""
    values: dict[str, object] = {}
    for field in dataclasses.fields(Settings):
        text = environment.get(PREFIX + field.name.upper())
        if text is not None:
            values[field.name] = _parse(field.name, type(field.default), text)
    values.update((name, value) for name, value in options.items() if value is not None)
    return Settings(**values)  # type: ignore[arg-type]


def _parse(name: str, kind: type, text: str) -> object:
    wanted: Callable[[str], object] = Path if issubclass(kind, Path) else kind
    try:
        return wanted(text)
    except ValueError as error:
        variable = PREFIX + name.upper()
        raise SettingsError(
            f"{variable} is {text!r}, not a value of type {kind.__name__}."
        ) from error


def _is_origin(name: str) -> bool:
    try:
        return origin_of(name) == name
    except ValueError:
        return False


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name} is {value}; it must be {low} to {high}.")


def _price(name: str, text: str) -> Price | None:
    if not text:
        return None
    found = _PRICE.fullmatch(text)
    if found is None:
        raise SettingsError(f'{name} is {text!r}, not an amount and a currency such as "0.09 USD".')
    return Price(float(found[1]), found[2])
