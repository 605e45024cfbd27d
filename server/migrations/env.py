"""What Alembic runs. The caller's connection and transaction are used, never one of its own."""

from __future__ import annotations

from alembic import context

from server.admin import models as _admin  # noqa: F401
from server.contributors import models as _contributors  # noqa: F401
from server.credit import models as _credit  # noqa: F401
from server.db import Base
from server.history import models as _history  # noqa: F401
from server.limits import models as _limits  # noqa: F401
from server.pools import models as _pools  # noqa: F401
from server.problems import models as _problems  # noqa: F401
from server.reports import models as _reports  # noqa: F401
from server.results import models as _results  # noqa: F401
from server.selftests import models as _selftests  # noqa: F401
from server.trust import models as _trust  # noqa: F401
from server.trust.replication import models as _replication  # noqa: F401
from server.work import models as _work  # noqa: F401
from server.workbench import models as _workbench  # noqa: F401

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite can't alter columns: Alembic makes a new table and copies.
    render_as_batch=True,
    user_module_prefix="db.",
)
context.run_migrations()
