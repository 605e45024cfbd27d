"""The server: the page, the queue of units, the results, the scores.

`create_app` puts it together. Each domain is a package of its own (models, services, views), and
domains talk through each other's services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from server.config import Settings
    from server.db import Database

SPARED_THREADS = 2
"""Of each worker: these never wait to write, so that pages, status and files go on while the
database is slow."""


def create_app(settings: Settings, database: Database | None = None) -> Flask:
    """The WSGI app over a migrated database. Raises SettingsError without a secret key."""
    # Here, so that a command that needs a part of it doesn't import Flask and every view.
    from dva_agent.protocol import ROOT
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    from server import refusing, request_id, security, telemetry
    from server.activity.bulletin import Bulletin
    from server.activity.views import blueprint as activity
    from server.admin import oidc
    from server.admin import views as admin
    from server.contributors.views import blueprint as contributors
    from server.db import Database
    from server.health import blueprint as health
    from server.history import services as history
    from server.keys import keys_of, secret_key
    from server.levels import levels
    from server.limits import requests
    from server.me.views import blueprint as me
    from server.openapi.views import blueprint as openapi
    from server.pages.views import blueprint as pages
    from server.pools.bucket import Buckets
    from server.pools.views import blueprint as pools
    from server.problems import services as problems
    from server.reports.views import blueprint as reports
    from server.results.views import blueprint as results
    from server.trust.gate import gate
    from server.trust.replication.counting import Counter
    from server.trust.settling import Court
    from server.work.board import Board
    from server.work.selftests import blueprint as selftests
    from server.work.views import blueprint as work
    from server.workbench.public import blueprint as selections
    from server.workbench.views import blueprint as workbench

    oidc.require_library(settings)
    app = Flask(__name__, static_folder=None)
    # An address with // in it is a wrong one: it gets a 404, never a redirect.
    app.url_map.merge_slashes = False
    app.extensions["dva-settings"] = settings
    app.extensions["dva-database"] = database or Database(
        settings.database_url,
        connections=settings.threads,
        writers=max(1, settings.threads - SPARED_THREADS),
    )
    buckets = Buckets(app.extensions["dva-database"])
    app.extensions["dva-buckets"] = buckets
    app.extensions["dva-board"] = Board()
    app.extensions["dva-bulletin"] = Bulletin()
    app.extensions["dva-gate"] = gate
    secret = secret_key(settings)
    keys = keys_of(secret)
    app.extensions["dva-keys"] = keys
    app.extensions["dva-counter"] = Counter(
        app.extensions["dva-database"], Court(settings=settings, secret=keys.audit)
    )
    request_id.init_app(app)
    telemetry.init_app(app)
    refusing.init_app(app)
    problems.init_app(app, app.extensions["dva-database"])
    history.init_app(app, app.extensions["dva-database"], levels)
    security.init_app(app, settings, buckets.all_origins)
    requests.init_app(app, settings)
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies
        )
    for blueprint in (
        contributors,
        selftests,
        pools,
        reports,
        work,
        results,
        me,
        activity,
        openapi,
    ):
        app.register_blueprint(blueprint, url_prefix=ROOT)
    app.register_blueprint(pages)
    app.register_blueprint(health)
    admin.init_app(app, settings, secret)
    app.register_blueprint(workbench)
    app.register_blueprint(selections)
    return app
