"""What the chat robots of WeCom and DingTalk have in common: JSON in, `errcode` out."""

from collections.abc import Collection

from schemas.errors import ChannelError
from streams.channels.http import Reply
from streams.decisions.wording import clean


def check_errcode(
    channel: str, reply: Reply, give_up: Collection[int], waits: dict[int, float], secrets: Collection[str]
) -> None:
    """Nothing when `errcode` is 0; else a ChannelError that repeats what the robot said, without secrets.

    `give_up` are the codes that no repetition mends; `waits` those with a wait in seconds. Any other code and
    an answer that is not the robot's are tried again.
    """
    if reply.body is None or "errcode" not in reply.body:
        raise ChannelError(f"channel {channel}: the answer has no errcode", retry=True)
    code, said = reply.body["errcode"], clean(str(reply.body.get("errmsg", "")), 200)
    if code == 0:
        return
    for secret in secrets:
        said = said.replace(secret, "***")
    raise ChannelError(
        f"channel {channel}: errcode {code} {said}".strip(),
        remedy="check the robot's key, its keywords and its allowed addresses" if code in give_up else "",
        retry=code not in give_up,
        after_s=waits.get(code),
    )
