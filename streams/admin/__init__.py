"""The topics of an installation: what they should be, what they are, and making them so.

`topics plan|apply` and the workers' check at their start go through here.
"""

from streams.admin.apply import apply_steps, check_topics, plan
from streams.admin.client import Admin
from streams.admin.plan import Action, Step

__all__ = ["Action", "Admin", "Step", "apply_steps", "check_topics", "plan"]
