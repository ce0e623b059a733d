"""Which variant serves a cohort, read from route.json: a router in a few lines of plain Python."""

import json
import time
from pathlib import Path


class Routes:
    """Reads the file again whenever it changes; whatever is wrong with it, the baseline serves."""

    def __init__(self, path, baseline, max_age_days=30):
        self.path, self.baseline, self.max_age_s = Path(path), baseline, 86400 * max_age_days
        self._seen, self._routes, self._made = None, {}, 0.0

    def variant(self, cohort):
        """Return the name of the variant that serves, and of those that get a copy."""
        try:
            self._read()
            route = self._routes[cohort] if time.time() - self._made < self.max_age_s else {}
            return str(route["variant"]), [str(name) for name in route["mirror"]]
        except (KeyError, OSError, RecursionError, TypeError, ValueError):
            return self.baseline, []

    def _read(self):
        status = self.path.stat()
        seen = (status.st_mtime_ns, status.st_ino)
        if seen == self._seen:
            return
        self._routes, self._seen = {}, seen
        found = json.loads(self.path.read_text("utf-8"))
        known = ("quantguard-routes", 1, self.baseline)
        if (found["format"], found["version"], found["baseline"]) == known:
            self._routes, self._made = found["routes"], found["made"]["started"]
