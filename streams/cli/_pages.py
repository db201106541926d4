"""What the pages of the three stages answer, over plain HTTP. For `status`, `doctor` and `rebuild`."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from streams.notes import read_note
from streams.settings import WebSettings

#: addresses that one listens on but cannot call
_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}


class Answer(NamedTuple):
    """One page's answer: `status` is None when nothing answered, and `body` then says why."""

    status: int | None
    body: str

    def as_json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one when it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def stage_addresses(web: WebSettings, data_dir: Path) -> Mapping[str, str]:
    """Stage → address of its page. A port left to chance is in the worker's note; without one it is empty."""
    host = _ANY.get(web.host, f"[{web.host}]" if ":" in web.host else web.host)
    ports = {"measure": web.measure_port, "evaluate": web.evaluate_port, "respond": web.respond_port}
    return {
        stage: f"http://{host}:{port}" if port else read_note(data_dir, stage)
        for stage, port in ports.items()
    }


def ask(url: str, timeout_s: float = 3.0) -> Answer:
    """GET a page of ours; a status of 400 or more is an answer too."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout_s) as response:
            return Answer(response.status, response.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read().decode("utf-8", "replace"))
    except (OSError, ValueError) as error:
        return Answer(None, str(getattr(error, "reason", error)))
