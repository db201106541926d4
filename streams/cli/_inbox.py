"""Reading a running respond worker's incidents, and appending commands to the inbox topic."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from schemas.errors import BrokerError, InputError, PlanwatchError
from schemas.incident import Incident
from streams.broker import Outgoing, Sender
from streams.settings import Settings
from streams.topics import Names

_TIMEOUT_S = 5.0


def page_url(settings: Settings) -> str:
    """Where the respond worker of these settings shows its incidents."""
    host = settings.web.host
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{settings.web.respond_port}/incidents"


def read_page(url: str) -> dict[str, Any]:
    """The page's content; PlanwatchError when no respond worker answers there."""
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=_TIMEOUT_S) as answer:
            page = json.load(answer)
    except (OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise PlanwatchError(
            f"no respond worker answers at {url} ({type(error).__name__})",
            remedy="start `planwatch worker`, or set PLANWATCH_WEB__RESPOND_PORT to its port",
        ) from error
    if not isinstance(page, dict) or "incidents" not in page:
        raise PlanwatchError(f"{url} is not the page of a respond worker", remedy="is the port right?")
    return page


def incidents_of(page: dict[str, Any]) -> list[Incident]:
    """The incidents on the page."""
    fields = Incident.model_fields
    return [
        Incident.model_validate({k: v for k, v in one.items() if k in fields}) for one in page["incidents"]
    ]


def find(incidents: list[Incident], name: str) -> Incident:
    """The incident whose id is `name`, ends in it or begins with it; InputError unless there is just one."""
    exact = [one for one in incidents if one.id == name]
    near = exact or [one for one in incidents if one.id.endswith(f"-{name}") or one.id.startswith(name)]
    if len(near) == 1:
        return near[0]
    said = "no incident is" if not near else f"{len(near)} incidents are"
    raise InputError(f"{said} called {name!r}", remedy="see `planwatch incidents list --all`")


def append(settings: Settings, command: BaseModel, key: str) -> None:
    """Append one command to the inbox and wait until the broker has it; BrokerError when it refuses."""
    topic = Names(settings.kafka.prefix).inbox
    with Sender(settings.kafka) as sender:
        sender.send(Outgoing(topic, key.encode(), command.model_dump_json().encode(), partition=0))
        sender.flush()
        if sender.failed:
            raise BrokerError(f"the command was not taken: {sender.error}", remedy="planwatch topics plan")


def wait_until(url: str, seen: Callable[[dict[str, Any]], bool], seconds: float) -> bool:
    """Whether the worker has shown the effect within this time; False as well when none answers."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        try:
            if seen(read_page(url)):
                return True
        except PlanwatchError:
            return False
        time.sleep(0.1)
    return False
