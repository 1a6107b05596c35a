"""No test reads or writes the settings, the state and the caches of whoever runs it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from hypothesis import settings

_HOME = tempfile.mkdtemp(prefix="repoctx-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

for _kind in ("CONFIG", "CACHE", "STATE", "DATA"):
    os.environ[f"XDG_{_kind}_HOME"] = os.path.join(_HOME, _kind.lower())
KEPT = ("REPOCTX_ACP_EL", "REPOCTX_NPM", "REPOCTX_SCHEMAS", "REPOCTX_TEST_GIT")
for _name in [n for n in os.environ if n.startswith("REPOCTX_")]:
    if _name not in KEPT:
        del os.environ[_name]

# The same examples at each run, so that only a change turns a test red. New ones are
# looked for with HYPOTHESIS_PROFILE=explore.
settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
