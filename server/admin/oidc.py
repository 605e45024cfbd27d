"""Signing in with an account of the organisation's own, by OpenID Connect (authorization code with
PKCE). Off unless DVA_OIDC_ISSUER names a provider; needs the extra `oidc`."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.admin import roles
from server.admin.provider import AWAY_SENTENCE, TIMEOUT_S, Provider, transport_errors
from server.admin.roles import ROLES, Role
from server.config import Settings
from server.errors import ProviderAway, SettingsError, SignInFailed

SCOPE = "openid email profile groups"
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
"""Of signatures by a key pair: with a shared secret anybody who has it could sign."""
LEEWAY_S = 60
UNCONFIRMED = "The provider didn't confirm who you are."


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the browser keeps between leaving for the provider and coming back, in its signed
    cookie. `where`: the provider's page to go to."""

    where: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the provider says it is."""

    key: str
    """Of issuer and subject: the same person at each sign-in, whatever their address is by then."""
    name: str
    """What the account is called. It ends in a part of the key, so that it can't be another's."""
    email: str
    """"" unless the provider says that it is verified."""
    groups: Sequence[str]


def is_on(settings: Settings) -> bool:
    return bool(settings.oidc_issuer)


def require_library(settings: Settings) -> None:
    """At the start. Raises SettingsError where it is wanted and can't be had."""
    if not is_on(settings):
        return
    mapping(settings.oidc_roles)
    try:
        import authlib  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "DVA_OIDC_ISSUER is set, and the library for it isn't installed.",
            next_step=".venv/bin/python -m pip install -e '.[oidc]'",
        ) from error


def mapping(text: str) -> Sequence[tuple[str, str, Role]]:
    """`group:NAME=ROLE` and `domain:NAME=ROLE`, with spaces between several. Raises
    SettingsError."""
    found = []
    for entry in text.split():
        kind, colon, rest = entry.partition(":")
        name, _, wanted = rest.rpartition("=")
        role = next((each for each in ROLES if each == wanted), None)
        if kind not in ("group", "domain") or not colon or not name or role is None:
            raise SettingsError(
                f"oidc_roles has {entry!r} in it, not such as group:dva-operators=operator or"
                " domain:example.org=viewer."
            )
        found.append((kind, name, role))
    return found


def role_of(text: str, identity: Identity) -> Role | None:
    """The highest that the mapping gives; None: none."""
    domain = identity.email.rpartition("@")[2].lower()
    given = [
        role
        for kind, name, role in mapping(text)
        if (kind == "group" and name in identity.groups)
        or (kind == "domain" and domain and name.lower() == domain)
    ]
    return max(given, key=roles.ROLES.index, default=None)


def leave(settings: Settings, provider: Provider, back: str) -> Asked:
    """Where the browser has to go. `back`: our own address for the answer. Raises ProviderAway,
    SignInFailed."""
    with _client(settings, back) as client:
        described = provider.described(client)
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        where, state = client.create_authorization_url(
            described["authorization_endpoint"], nonce=nonce, code_verifier=verifier
        )
    return Asked(where=where, state=state, nonce=nonce, verifier=verifier)


def come_back(
    settings: Settings,
    provider: Provider,
    back: str,
    code: str,
    *,
    nonce: str,
    verifier: str,
    at: datetime,
) -> Identity:
    """Exchanges the code for a signed token, and believes that if it is the provider's, for us, of
    now, and the answer to what we asked. Raises ProviderAway, SignInFailed."""
    from authlib.common.errors import AuthlibBaseError

    with _client(settings, back) as client:
        described = provider.described(client)
        try:
            token = client.fetch_token(
                described["token_endpoint"], code=code, code_verifier=verifier, state=None
            )["id_token"]
            try:
                signed = _opened(token, provider.keys(client))
            except ValueError:
                # By a key that isn't known here yet, or by nobody's.
                signed = _opened(token, provider.keys(client, anew=True))
            claims = _for_us(settings, signed, nonce, at)
        except transport_errors() as error:
            provider.forget()
            raise ProviderAway(AWAY_SENTENCE) from error
        except AuthlibBaseError as error:
            # It has answered, so what is known of it is right.
            raise _refusal(UNCONFIRMED) from error
        except (KeyError, ValueError, TypeError) as error:
            provider.forget()
            raise _refusal(UNCONFIRMED) from error
    return _identity(settings, claims)


def _client(settings: Settings, back: str) -> Any:
    from authlib.integrations.httpx_client import OAuth2Client

    return OAuth2Client(
        settings.oidc_client_id,
        settings.oidc_client_secret,
        scope=SCOPE,
        redirect_uri=back,
        code_challenge_method="S256",
        timeout=TIMEOUT_S,
        follow_redirects=False,
    )


def _opened(token: str, keys: Any) -> Any:
    """A token that one of the keys has signed. Raises ValueError."""
    from joserfc import jwk, jwt
    from joserfc.errors import JoseError

    try:
        return jwt.decode(token, jwk.KeySet.import_key_set(keys), list(ALGORITHMS))
    except JoseError as error:
        raise ValueError(str(error)) from error


def _for_us(settings: Settings, token: Any, nonce: str, at: datetime) -> Mapping[str, Any]:
    """Its claims. Raises ValueError."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    claims: Mapping[str, Any] = token.claims
    registry = jwt.JWTClaimsRegistry(
        now=int(at.timestamp()),
        leeway=LEEWAY_S,
        iss={"essential": True, "value": settings.oidc_issuer},
        aud={"essential": True, "value": settings.oidc_client_id},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        registry.validate(dict(claims))
    except JoseError as error:
        raise ValueError(str(error)) from error
    # OpenID Connect Core 1.0, 3.1.3.7: a token for several is only ours if it was made for us.
    if claims.get("azp", settings.oidc_client_id) != settings.oidc_client_id:
        raise ValueError("made for another client")
    return claims


def _identity(settings: Settings, claims: Mapping[str, Any]) -> Identity:
    told = claims.get("email")
    email = told if isinstance(told, str) and claims.get("email_verified") is True else ""
    groups = claims.get("groups")
    subject = f"{settings.oidc_issuer} {claims['sub']}"
    key = hashlib.sha256(subject.encode("utf-8", "replace")).hexdigest()
    wanted = email.partition("@")[0] or str(claims.get("preferred_username", ""))
    plain = "".join(c for c in wanted.lower() if c.isascii() and (c.isalnum() or c in "._-"))
    return Identity(
        key=key,
        name=f"{plain[:30].strip('._-') or 'oidc'}-{key[:8]}",
        email=email,
        groups=[each for each in groups if isinstance(each, str)]
        if isinstance(groups, list)
        else [],
    )


def _refusal(message: str) -> SignInFailed:
    return SignInFailed(message, next_step="Try again, or ask whoever runs this server.")
