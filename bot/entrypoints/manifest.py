"""Slack's app manifest, from what the code really uses."""

from typing import Any

from bot.slack.app import COMMAND

BOT_SCOPES = (
    "bookmarks:write",
    "channels:history",
    "channels:join",
    "channels:manage",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "im:write",
    "pins:read",
    "pins:write",
    "reactions:read",
    "usergroups:read",
    "users:read",
)
EVENTS = ("message.channels", "pin_added", "pin_removed", "reaction_added", "reaction_removed")


def manifest() -> dict[str, Any]:
    """Return a manifest for Socket Mode: no public address is needed."""
    return {
        "display_information": {
            "name": "Muster",
            "description": "Incident response for machine-learning systems",
            "background_color": "#1f2a44",
        },
        "features": {
            "bot_user": {"display_name": "muster", "always_online": True},
            "slash_commands": [
                {
                    "command": COMMAND,
                    "description": "Declare, see and work on incidents",
                    "usage_hint": "help | open | list | status | ack | resolve",
                    "should_escape": True,
                },
            ],
        },
        "oauth_config": {"scopes": {"bot": list(BOT_SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }
