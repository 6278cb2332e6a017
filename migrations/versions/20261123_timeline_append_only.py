"""The timeline only grows: triggers refuse UPDATE and DELETE.

Revision ID: 20261123_append_only
Revises: 20261123_initial
"""

from alembic import op

revision = "20261123_append_only"
down_revision = "20261123_initial"
branch_labels = None
depends_on = None

_MESSAGE = "the timeline is append-only"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER timeline_no_{verb.lower()} BEFORE {verb} ON timeline_event "
                f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END",
            )
        return
    op.execute(
        f"CREATE FUNCTION timeline_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_MESSAGE}'; END $$",
    )
    op.execute(
        "CREATE TRIGGER timeline_append_only BEFORE UPDATE OR DELETE ON timeline_event "
        "FOR EACH ROW EXECUTE FUNCTION timeline_append_only()",
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(f"DROP TRIGGER timeline_no_{verb}")
        return
    op.execute("DROP TRIGGER timeline_append_only ON timeline_event")
    op.execute("DROP FUNCTION timeline_append_only()")
